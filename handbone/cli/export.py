"""`handbone export`: masks in other formats."""

from functools import partial
from pathlib import Path
from shlex import quote
from typing import Annotated, Any, Literal

import typer

from handbone.cli import complete
from handbone.cli.ending import finish
from handbone.cli.options import AsJson, Cluster, Rle, Workers
from handbone.cli.output import echo_json
from handbone.cli.output import results as results_console
from handbone.core.escaping import markup

_SHOWN = 10  # images that could not be written; export.json has all
_CORRECTED = ("labelme", "cvat", "label_studio", "seg_nrrd", "nifti")  # formats that come back from a tool


def command(
    source: Annotated[
        Path, typer.Argument(metavar="SOURCE", help="A run, a folder of predictions, or a CSV in the contest format.")
    ],
    format: Annotated[
        str,
        typer.Option(
            "--format",
            "-f",
            help="labelme, cvat, label_studio, seg_nrrd, nifti, coco, png, contest_csv, "
            "or a plugin's format such as dicom_seg.",
            autocompletion=complete.formats,
        ),
    ],
    output: Annotated[Path, typer.Option("--output", "-o", metavar="OUT", help="Folder for the results.")],
    images: Annotated[
        Path | None,
        typer.Option("--images", metavar="DIR", help="Folder of the images, if they have moved."),
    ] = None,
    rle: Rle = None,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="A setting of the format, such as --set segmentation=polygon."),
    ] = None,
    order: Annotated[
        Literal["name", "doubt"],
        typer.Option("--order", help="doubt: number the radiographs so that doubtful ones come first."),
    ] = "name",
    workers: Workers = 1,
    cluster: Cluster = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace an export that handbone has written to OUT, and nothing else.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Write the masks of a run, of predictions or of a contest CSV in another format.

    OUT gets the format's files and export.json, which lists images whose masks cannot be read; the exit code is then
    1. Formats for correction (labelme, cvat, label_studio, seg_nrrd, nifti) add a copy of each radiograph, as 8-bit PNG
    where tools could not open it. 'data check', 'data diff' and 'run' read them again. Images without a known size are
    taken to be in the contest's 2048 frame. dicom_seg copies the patient's data from its source, as the standard wants
    it. Not a medical device.
    """
    from handbone.cli.settings import nested_settings
    from handbone.core.rle_reading import RleReading
    from handbone.workflows.crews import crew_of
    from handbone.workflows.export import RECORD_FILE, export_masks, export_results
    from handbone.workflows.masks.table import TableMasks
    from handbone.workflows.writers import writer_factory

    crew, results = crew_of(workers, cluster), export_results(output)
    overwrite = results.put_right() or overwrite
    results.check(overwrite=overwrite, names=[RECORD_FILE])
    chosen = nested_settings(settings or [])
    make = writer_factory(format, chosen, where="--format")
    facts = {"source": source.name, "format": format, "settings": chosen}
    opened = TableMasks(source, images, reading=RleReading.parse(rle or []))
    record = export_masks(opened, make, results, facts=facts, order=order, overwrite=overwrite, crew=crew)
    show = partial(_show, record, source, output, order)
    finish(as_json, partial(echo_json, record), show, failed=record["failed"])


def _show(record: dict[str, Any], source: Path, output: Path, order: Literal["name", "doubt"]) -> None:
    from handbone.workflows.doubt import ORDER_FILE

    console = results_console()
    for error in list(record["failed"].values())[:_SHOWN]:
        console.print(f"[yellow]left out[/yellow] {markup(error)}", soft_wrap=True, highlight=False)
    told = f"{record['masks']} masks of {record['images']} radiographs written as {markup(record['format'])}"
    console.print(f"{told}: {markup(output)}", soft_wrap=True)
    if order == "doubt":
        console.print(f"Most doubtful first, with reasons: {markup(output / ORDER_FILE)}", soft_wrap=True)
    if record["format"] in _CORRECTED:
        command = f"handbone data diff {quote(str(source))} {quote(str(output))}"
        console.print(f"After corrections: {markup(command)}", soft_wrap=True, highlight=False)
