"""`handbone export`: masks in other formats."""

from pathlib import Path
from typing import Annotated, Any

import typer

from handbone.cli import complete
from handbone.cli.options import Rle

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
            help="coco, png, contest_csv, or the format of a plugin, such as dicom_seg.",
            autocompletion=complete.formats,
        ),
    ],
    output: Annotated[Path, typer.Option("--output", "-o", metavar="OUT", help="Folder for the results.")],
    images: Annotated[
        Path | None,
        typer.Option("--images", metavar="DIR", help="The images, where they are not where SOURCE had them."),
    ] = None,
    rle: Rle = None,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="A setting of the format, as in --set segmentation=polygon."),
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace an export that OUT holds already.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON on standard output.")] = False,
) -> None:
    """Write the masks of a run, of predictions or of a contest CSV in another format.

    OUT gets the format's files and export.json, which lists images whose masks cannot be read; the exit code is then
    1. Images without a known size are taken to be in the contest's 2048 frame. dicom_seg copies the patient's data
    from its source, as the standard wants it. Not a medical device.
    """
    from handbone.cli.settings import nested_settings
    from handbone.core.rle_reading import RleReading
    from handbone.workflows.export import RECORD_FILE, ExportSource, export_masks
    from handbone.workflows.outputs import check_output
    from handbone.workflows.writers import writer_factory

    check_output(output, overwrite=overwrite, record=RECORD_FILE, what="exported masks")
    chosen = nested_settings(settings or [])
    make = writer_factory(format, chosen, where="--format")
    facts = {"source": source.name, "format": format, "settings": chosen}
    record = export_masks(ExportSource(source, images, reading=RleReading.parse(rle or [])), make, output, facts=facts)
    if as_json:
        import json

        typer.echo(json.dumps(record))
    else:
        _show(record, output)
    if record["failed"]:
        raise typer.Exit(1)


def _show(record: dict[str, Any], output: Path) -> None:
    from rich.console import Console
    from rich.markup import escape

    console = Console()
    for error in list(record["failed"].values())[:_SHOWN]:
        console.print(f"[yellow]left out[/yellow] {escape(error)}", soft_wrap=True, highlight=False)
    written = f"{record['images']} images written as {record['format']}"
    console.print(f"{written}: {escape(str(output))}", soft_wrap=True)
