"""`handbone export`: masks in other formats."""

from pathlib import Path
from typing import Annotated

import typer

from handbone.cli import complete
from handbone.cli.output import echo_json
from handbone.cli.output import results as console
from handbone.core.escaping import markup


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
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="A setting of the format, as in --set segmentation=polygon."),
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace an export that handbone has written to OUT, and nothing else.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON on standard output.")] = False,
) -> None:
    """Write the masks of a run, of predictions or of a contest CSV in another format.

    OUT gets the format's files and export.json; nothing where an image cannot be written. Images without a recorded
    or measured size are taken to be in the contest's 2048 frame. dicom_seg copies the patient's data from its source,
    as the standard wants it. Not a medical device.
    """
    from handbone.cli.settings import nested_settings
    from handbone.workflows.export import RECORD_FILE, ExportSource, export_masks, export_results
    from handbone.workflows.writers import writer_factory

    results = export_results(output)
    overwrite = results.put_right() or overwrite
    results.check(overwrite=overwrite, names=[RECORD_FILE])
    chosen = nested_settings(settings or [])
    make = writer_factory(format, chosen, where="--format")
    facts = {"source": source.name, "format": format, "settings": chosen}
    record = export_masks(ExportSource(source, images), make, results, facts=facts, overwrite=overwrite)
    if as_json:
        echo_json(record)
        return
    told = f"{record['masks']} masks of {record['images']} radiographs written as {markup(format)}"
    console().print(f"{told}: {markup(output)}", soft_wrap=True)
