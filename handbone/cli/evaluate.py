"""`handbone evaluate`: anyone's masks against anyone's labels."""

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from handbone.cli.ending import finish
from handbone.cli.options import (
    Annotations,
    AsJson,
    ClassMapWords,
    Cluster,
    Invert,
    JoinShards,
    Layout,
    Rle,
    ShardWord,
    Workers,
    class_map_of,
)
from handbone.cli.output import echo_json, headed_table, results
from handbone.cli.sharding import Division
from handbone.core.escaping import markup

if TYPE_CHECKING:
    from handbone.workflows.evaluation.result import Evaluation

_SHOWN = 5  # images that failed, or that lost most; evaluation.json has all


def command(
    predictions: Annotated[
        Path,
        typer.Argument(
            metavar="PREDICTIONS",
            help="A CSV in the contest format, a COCO file, a folder of 'handbone predict', a run, a folder of "
            "NAME/BONE.png, or a data set with labels.",
        ),
    ],
    truth: Annotated[
        Path,
        typer.Option(
            "--truth", metavar="DATA", help="Labels: a folder as 'handbone data check' reads it, a CSV or a COCO file."
        ),
    ],
    output: Annotated[Path, typer.Option("--output", "-o", metavar="OUT", help="Folder for the results.")] = Path(
        "evaluation"
    ),
    against: Annotated[
        Path | None,
        typer.Option("--against", metavar="OTHER", help="Other predictions to compare with, image by image."),
    ] = None,
    class_map: ClassMapWords = None,
    classes: Annotated[str, typer.Option(help="Bones and groups to score, such as carpals,Radius.")] = "all",
    tolerances: Annotated[
        list[str] | None,
        typer.Option("--tolerance", metavar="SIZE", help="Of the NSD, such as 2px or 0.5mm.  [default: 1px, 2px]"),
    ] = None,
    measures: Annotated[
        bool,
        typer.Option("--measures", help="Compare lengths, ratios and angles, too, as 'handbone measure' takes them."),
    ] = False,
    images: Annotated[
        Path | None, typer.Option("--images", metavar="DIR", help="The radiographs, where DATA is a file.")
    ] = None,
    mm_per_px: Annotated[
        float | None,
        typer.Option("--mm-per-px", min=1e-4, max=10.0, help="Size of a pixel.  [default: what the files say]"),
    ] = None,
    rle: Rle = None,
    truth_rle: Annotated[
        list[str] | None, typer.Option("--truth-rle", metavar="HOW", help="The same for a CSV of labels.")
    ] = None,
    layout: Layout = "auto",
    annotations: Annotations = None,
    invert: Invert = "auto",
    workers: Workers = 1,
    cluster: Cluster = None,
    shard: ShardWord = None,
    join: JoinShards = False,
    overwrite: Annotated[
        bool,
        typer.Option("--overwrite", help="Replace an evaluation that handbone has written to OUT, and nothing else."),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Score masks against labels: Dice, boundary distances, intervals over patients, and a paired comparison.

    OUT gets metrics.csv (one row per image and bone), summary.csv, evaluation.json and report.html. Images are joined
    by name; those without labels or predictions are listed. Images that cannot be compared are listed, too, and the
    exit code is then 1. Not a medical device.
    """
    from handbone.workflows.crews import crew_of
    from handbone.workflows.evaluate import Comparison, evaluation_results
    from handbone.workflows.evaluation.result import RECORD_FILE

    division, crew = Division.parse("evaluate", output, shard, join=join), crew_of(workers, cluster)
    places, names = division.results(evaluation_results), division.names([RECORD_FILE])
    overwrite = places.put_right() or overwrite
    places.check(overwrite=overwrite, names=names)
    words: dict[str, Any] = {
        "classes": classes,
        "tolerances": tolerances or [],
        "mm_per_px": mm_per_px,
        "measures": measures,
        "invert": invert,
        "rle": rle or [],
        "layout": layout,
        "annotations": annotations,
        "truth_rle": truth_rle or [],
    }
    asked = Comparison.open(
        predictions, truth, against=against, class_map=class_map_of(class_map), images=images, **words
    )
    paths = [path for path in (predictions, truth, against, images) if path is not None]
    settings = {**words, "class_map": class_map}
    if division.part is not None:
        work = asked.work(crew)
        division.do(lambda _: work, places, paths, settings, overwrite=overwrite, crew=crew, as_json=as_json)
        return
    evaluation = asked.evaluation(asked.work(crew).results(crew, division.shards(paths, settings)))
    # Written first: a reader of the table that leaves, such as head, costs nothing.
    with places.fill(overwrite=overwrite, names=names) as folder:
        evaluation.write(folder)
    finish(
        as_json,
        lambda: echo_json(evaluation.to_json()),
        partial(_show, evaluation, output),
        failed=evaluation.failed,
    )


def _show(evaluation: "Evaluation", folder: Path) -> None:
    from handbone.report.evaluation import measurement_table, summary_table
    from handbone.workflows.evaluation.notes import notes
    from handbone.workflows.evaluation.pairs import AGAINST, PREDICTION
    from handbone.workflows.evaluation.result import ERROR_SUMMARY_FILE

    out = results()
    _print_table(*summary_table(evaluation.named_summary, evaluation.rows, evaluation.stages))
    images = evaluation.images()
    if AGAINST in evaluation.stages:
        worst = headed_table("Worst change", "Dice before", "Dice", "Change")
        for image in images.head(_SHOWN).itertuples():
            change = f"{image.dice_change:+.4f}"
            worst.add_row(markup(image.image_name), f"{image.against_dice:.4f}", f"{image.prediction_dice:.4f}", change)
        out.print(worst)
    if evaluation.measured:
        errors = evaluation.measurement_summary
        _print_table(*measurement_table(errors[errors["stage"] == PREDICTION]))
        each = markup(folder / ERROR_SUMMARY_FILE)
        out.print(f"Each bone and joint, with limits of agreement: {each}", soft_wrap=True)
    for note in notes(evaluation):
        out.print(f"[yellow]{markup(note)}[/yellow]", soft_wrap=True)
    for error in list(evaluation.failed.values())[:_SHOWN]:
        out.print(f"[red]failed[/red] {markup(error)}", soft_wrap=True)
    patients = evaluation.rows["patient_id"].nunique()
    counted = f"{len(images)} image{'s' * (len(images) != 1)} of {patients} patient{'s' * (patients != 1)}"
    told = f"{counted} compared, {len(evaluation.failed)} failed"
    out.print(f"{told}; intervals are over patients (percentile bootstrap)", soft_wrap=True)
    out.print(f"Tables and page: {markup(folder)}", soft_wrap=True)


def _print_table(heads: list[str], lines: list[list[str]]) -> None:
    table = headed_table(*heads)
    for line in lines:
        table.add_row(*map(markup, line))
    results().print(table)
