"""`handbone ensemble`: join runs and anyone's prediction files."""

from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

from handbone.cli import complete
from handbone.cli.ending import finish
from handbone.cli.options import AsJson, Cluster, JoinShards, Rle, ShardWord, Workers
from handbone.cli.output import echo_json
from handbone.cli.output import results as results_console
from handbone.cli.sharding import Division
from handbone.core.escaping import markup

_SHOWN = 10  # images that could not be joined; ensemble.json has all


class Missing(StrEnum):
    """What to do with an image that a member lacks."""

    refuse = "refuse"
    skip = "skip"
    without = "without"


def command(
    members: Annotated[
        list[str], typer.Argument(metavar="[NAME=]PATH...", help="Runs, folders of predictions, or CSV files.")
    ],
    output: Annotated[Path, typer.Option("--output", "-o", metavar="OUT", help="Folder for the results.")] = Path(
        "ensemble"
    ),
    method: Annotated[
        str,
        typer.Option(
            "--method",
            "-m",
            help="mean, vote, class_wise, best, or a plugin's ensembler.",
            autocompletion=complete.methods,
        ),
    ] = "mean",
    settings: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="KEY=VALUE",
            help="A setting of the method, such as --set at_least=0.4 or --set weights.b=2.",
        ),
    ] = None,
    missing: Annotated[
        Missing, typer.Option(help="For images that a member lacks: refuse, skip them, or combine without that member.")
    ] = Missing.refuse,
    images: Annotated[
        Path | None,
        typer.Option(
            "--images",
            metavar="DIR",
            help="Folder of the images, if they do not all have the contest's size of 2048 x 2048.",
        ),
    ] = None,
    rle: Rle = None,
    fit_thresholds: Annotated[
        bool, typer.Option("--fit-thresholds", help="Fit a threshold per bone on the runs' validation images.")
    ] = False,
    workers: Workers = 1,
    cluster: Cluster = None,
    shard: ShardWord = None,
    join: JoinShards = False,
    overwrite: Annotated[
        bool,
        typer.Option("--overwrite", help="Replace an ensemble that handbone has written to OUT, and nothing else."),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Join several predictions of the same images into one, bone by bone.

    Writes predictions.csv in the contest format and ensemble.json to OUT. Runs contribute probabilities, files
    contribute masks. Not a medical device.
    """
    from handbone.cli.settings import nested_settings
    from handbone.core.rle_reading import RleReading
    from handbone.workflows import ensemble
    from handbone.workflows.crews import crew_of
    from handbone.workflows.joining import joining_work
    from handbone.workflows.members import image_sizes, open_members, refuse_other_readings
    from handbone.workflows.tasks import here

    division, crew = Division.parse("ensemble", output, shard, join=join), crew_of(workers, cluster)
    results = division.results(ensemble.ensemble_results)
    overwrite = results.put_right() or overwrite
    results.check(overwrite=overwrite, names=division.names([ensemble.RECORD_FILE]))
    reading = RleReading.parse(rle or [])
    opened = open_members(members, reading=reading)
    chosen = nested_settings(settings or [])
    ensemble.check_absent(missing.value, method, chosen)
    used = ensemble.resolve(method, chosen, opened)
    ensembler = ensemble.build_method(*used)
    names = ensemble.common_images(opened, missing.value)
    sizes = image_sizes(images, names)
    if reading is None:
        refuse_other_readings(opened, sizes)
    thresholds, fitted = ensemble.own_thresholds(used[0], opened), 0
    if fit_thresholds:
        thresholds, fitted = ensemble.fit_thresholds(opened, ensembler)
    by_runs = ensemble.counted(*used, opened, thresholds)
    asked: dict[str, Any] = {
        "images": names,
        "sizes": sizes,
        "thresholds": thresholds,
        "by_runs": by_runs,
        "again": None if crew is here else partial(ensemble.reopen, members, reading, *used),
    }
    facts: dict[str, Any] = {"method": method, "settings": used[1], "thresholds_fitted_on": fitted}
    paths, words = [member.path for member in opened], {**facts, "names": [member.name for member in opened]}
    words |= {"sizes": sizes, "thresholds": thresholds.tolist(), "missing": missing.value, "rle": rle or []}
    if division.part is not None:
        work = joining_work(opened, ensembler, **asked)
        division.do(lambda _: work, results, paths, words, overwrite=overwrite, crew=crew, as_json=as_json)
        return
    shards = division.shards(paths, words)
    record = ensemble.join_members(
        opened, ensembler, results, **asked, facts=facts, overwrite=overwrite, crew=crew, shards=shards
    )
    finish(as_json, partial(echo_json, record), partial(_show, record, output), failed=record["failed"])


def _show(record: dict[str, Any], output: Path) -> None:
    from rich.table import Table

    table = Table("Member", "Radiographs")
    for name, count in record["members"].items():
        table.add_row(markup(name), str(count))
    console = results_console()
    console.print(table)
    if record["thresholds_fitted_on"]:
        moved = {bone: value for bone, value in record["thresholds"].items() if value != 0.5}
        told = ", ".join(f"{bone} {value:.2f}" for bone, value in moved.items()) or "0.5 was best for every bone"
        console.print(f"thresholds from {record['thresholds_fitted_on']} images: {told}", soft_wrap=True)
    for error in list(record["failed"].values())[:_SHOWN]:
        console.print(f"[yellow]left out[/yellow] {markup(error)}", soft_wrap=True, highlight=False)
    told = f"{record['masks']} masks of {record['images']} radiographs joined by {markup(record['method'])}"
    console.print(f"{told}: {markup(output)}", soft_wrap=True)
