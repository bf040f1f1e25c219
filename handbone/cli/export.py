"""`handbone export`: masks in other formats."""

from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from handbone.cli import complete
from handbone.cli.ending import finish
from handbone.cli.options import AsJson, Rle
from handbone.cli.output import echo_json
from handbone.cli.output import results as results_console
from handbone.core.escaping import markup

_SHOWN = 10  # images that could not be written; export.json has all


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
    from handbone.workflows.export import RECORD_FILE, export_masks, export_results
    from handbone.workflows.masks.table import TableMasks
    from handbone.workflows.writers import writer_factory

    results = export_results(output)
    overwrite = results.put_right() or overwrite
    results.check(overwrite=overwrite, names=[RECORD_FILE])
    chosen = nested_settings(settings or [])
    make = writer_factory(format, chosen, where="--format")
    facts = {"source": source.name, "format": format, "settings": chosen}
    opened = TableMasks(source, images, reading=RleReading.parse(rle or []))
    record = export_masks(opened, make, results, facts=facts, order=order, overwrite=overwrite)
    finish(as_json, partial(echo_json, record), partial(_show, record, output), failed=record["failed"])


def _show(record: dict[str, Any], output: Path) -> None:
    console = results_console()
    for error in list(record["failed"].values())[:_SHOWN]:
        console.print(f"[yellow]left out[/yellow] {markup(error)}", soft_wrap=True, highlight=False)
    told = f"{record['masks']} masks of {record['images']} radiographs written as {markup(record['format'])}"
    console.print(f"{told}: {markup(output)}", soft_wrap=True)
