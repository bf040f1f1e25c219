"""`handbone measure`: lengths, ratios, angles and radiogrammetry of hands, and crops of their joints."""

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from handbone.cli.ending import finish
from handbone.cli.options import AsJson, Cluster, JoinShards, Rle, ShardWord, Workers
from handbone.cli.output import echo_json, headed_table, results
from handbone.cli.sharding import Division
from handbone.core.escaping import markup

if TYPE_CHECKING:
    from handbone.measure import Measurement
    from handbone.workflows.measure import MeasuredImage

# Measures with more values than this are left to the CSV.
_SHOWN = 4


def command(
    paths: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="PATH...",
            help="Predictions (a folder of 'handbone predict', a run, or a CSV in the contest format), or "
            "radiographs or folders of them, which are outlined first.",
        ),
    ] = None,
    output: Annotated[Path, typer.Option("--output", "-o", metavar="OUT", help="Folder for the results.")] = Path(
        "measurements"
    ),
    mm_per_px: Annotated[
        float | None,
        typer.Option("--mm-per-px", min=1e-4, max=10.0, help="Size of a pixel.  [default: what the files say]"),
    ] = None,
    rois: Annotated[
        list[str] | None,
        typer.Option(
            "--rois",
            metavar="SET",
            help="Crop regions, too: svdh (16 erosion and 15 narrowing sites) or rus (13 bones of TW3). "
            "May be given twice.",
        ),
    ] = None,
    images: Annotated[
        Path | None, typer.Option("--images", metavar="DIR", help="The radiographs, where predictions don't know them.")
    ] = None,
    rle: Rle = None,
    weights: Annotated[
        str, typer.Option("--weights", "-w", metavar="NAME_OR_RUN", help="Weights that contour radiographs.")
    ] = "zero_shot",
    invert: Annotated[
        Literal["auto", "yes", "no"] | None,
        typer.Option(
            help="Invert radiographs in which bones are dark; auto: detect them.",
            show_default="as when they were outlined, or as the weights say",
        ),
    ] = None,
    workers: Workers = 1,
    cluster: Cluster = None,
    shard: ShardWord = None,
    join: JoinShards = False,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace measurements that OUT holds already.")
    ] = False,
    list_measures: Annotated[
        bool, typer.Option("--list", help="Show what is measured and how; measure nothing.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Measure the bones of hands: lengths, ratios, the wrist, angles, cortical thickness.

    OUT gets measurements.csv, measurements.json, and one image per hand with the lines drawn. Without a scale, lengths
    are pixels. What cannot be measured is empty, with its reason. Joint space width is not measured, as masks are not
    sharp enough for it. Radiographs that fail are listed; the exit code is then 1. Not a medical device.
    """
    if list_measures:
        _list(as_json=as_json)
        return
    if not paths:
        raise typer.BadParameter("give predictions or radiographs", param_hint="PATH...")
    from handbone.core.errors import HandboneError
    from handbone.core.rle_reading import RleReading
    from handbone.measure.rois import sites
    from handbone.workflows.crews import crew_of
    from handbone.workflows.measure import (
        RECORD_FILE,
        TABLE_FILE,
        measure_images,
        measure_results,
        measuring_work,
        record_of,
    )
    from handbone.workflows.measure_sources import predicted_source, prediction_source

    for name in rois or []:
        sites(name)
    division, crew = Division.parse("measure", output, shard, join=join), crew_of(workers, cluster)
    places, names = division.results(measure_results), division.names([RECORD_FILE, TABLE_FILE])
    overwrite = places.put_right() or overwrite
    places.check(overwrite=overwrite, names=names)
    facts: dict[str, Any] = {"source": [path.name for path in paths], "rois": rois or [], "weights": None}
    source = prediction_source(paths, images, reading=RleReading.parse(rle or []))
    asked: dict[str, Any] = {"mm_per_px": mm_per_px, "rois": rois or [], "invert": invert}
    settings = {**asked, "images": images and str(images.resolve()), "rle": rle or []}
    if source is None and (shard or join):
        remedy = "first outline them with 'handbone predict --shard', then measure that folder"
        raise HandboneError("only predictions are measured in shards", where=paths[0], remedy=remedy)
    if source is not None and division.part is not None:
        work = partial(measuring_work, source, **asked, crew=crew)
        division.do(work, places, paths, settings, overwrite=overwrite, crew=crew, as_json=as_json)
        return
    shards = division.shards(paths, settings)
    with places.fill(overwrite=overwrite, names=names) as folder:
        failed: list[MeasuredImage] = []
        if source is None:
            source, failed = predicted_source(paths, folder / "predictions", weights=weights, invert=invert, crew=crew)
            facts["weights"] = weights
        measured = measure_images(source, folder, **asked, failed=failed, facts=facts, crew=crew, shards=shards)
    tell = partial(echo_json, record_of(measured, facts))
    finish(as_json, tell, partial(_show, measured, output), failed=any(image.error for image in measured))


def _list(*, as_json: bool) -> None:
    from handbone.measure import MEASURES
    from handbone.measure.precision import missed_aim
    from handbone.workflows.measure import LIST_SCHEMA, measure_json

    if as_json:
        echo_json({"schema": LIST_SCHEMA, "items": [measure_json(name) for name in MEASURES]})
        return
    out = results()
    for name, measure in MEASURES.items():
        out.print(f"[bold]{name}[/bold]  {measure.title} ({', '.join(measure.targets)})", soft_wrap=True)
        told = {
            "Definition": measure.definition,
            "Landmarks": measure.landmarks,
            "Source": measure.source,
            "Normal": measure.normal,
            "Repeatability": measure.repeatability,
            "Precision here": missed_aim(measure) or (f"meets its aim of {measure.aim.text}" if measure.aim else ""),
        }
        for field, text in told.items():
            if text:
                out.print(f"  [dim]{field}:[/dim] {markup(text)}", soft_wrap=True)


def _show(images: "list[MeasuredImage]", output: Path) -> None:
    out = results()
    for image in images:
        if image.measurements is None:
            out.print(f"[red]failed[/red] {markup(image.error)}", soft_wrap=True)
            continue
        scale = image.measurements.scale.source.replace("_", " ")
        out.print(
            f"[bold]{markup(image.image)}[/bold]: {image.measurements.side or 'unknown'} hand, scale: {scale}",
            soft_wrap=True,
        )
        table = headed_table("Measure", "Of", "Value", "Note")
        for measurement in image.measurements:
            if len(measurement.measure.targets) <= _SHOWN:
                table.add_row(*_row(measurement))
        out.print(table)
    done = sum(image.error is None for image in images)
    out.print(f"{done} of {len(images)} hands measured: {markup(output)}", soft_wrap=True)


def _row(measurement: "Measurement") -> tuple[str, ...]:
    from handbone.report.measurements import value_text

    note = markup(measurement.reason)
    if measurement.value is None:
        note = f"[dim]{note}[/dim]"
    return measurement.measure.name, measurement.target, value_text(measurement), note
