"""`handbone predict`: outline the bones of any radiographs with trained weights."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from rich.table import Table

    from handbone.pipeline.prediction import PictureRecord


def command(
    paths: Annotated[list[Path], typer.Argument(metavar="PATH...", help="Pictures, or folders of pictures.")],
    output: Annotated[Path, typer.Option("--output", "-o", metavar="OUT", help="Folder for the results.")],
    weights: Annotated[
        Path, typer.Option("--weights", "-w", metavar="RUN_OR_FILE", help="A run's folder, or a weights file.")
    ],
    threshold: Annotated[
        float, typer.Option(min=0.01, max=0.99, help="Probability from which a pixel belongs to a bone.")
    ] = 0.5,
    flip_tta: Annotated[
        bool, typer.Option("--flip-tta", help="Average with the mirrored picture; takes twice as long.")
    ] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace predictions that OUT holds already.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON on standard output.")] = False,
) -> None:
    """Outline the 29 bones of radiographs: PNG, JPEG or TIFF of any size, 8 or 16 bit, grey or colour.

    OUT gets an overlay a picture, predictions.csv (run lengths in each picture's own pixels) and predictions.json.
    A picture that cannot be read is skipped and listed; the exit code is then 1.
    """
    from handbone.pipeline.prediction import check_output, find_pictures, predict_pictures, predictions_json

    check_output(output, overwrite=overwrite)
    pictures = find_pictures(paths)

    from handbone.stages.two_stage import TwoStage

    method = TwoStage.from_path(weights, threshold=threshold, flip=flip_tta)
    facts = {"weights": str(weights), "second_stage": method.refine_stage is not None}
    records = predict_pictures(pictures, method, output, facts=facts)
    if as_json:
        import json

        typer.echo(json.dumps(predictions_json(records, method, facts), default=str))
    else:
        _show(records, output)
    if any(record.error for record in records):
        raise typer.Exit(1)


def _show(records: "list[PictureRecord]", output: Path) -> None:
    from rich.console import Console

    console = Console()
    console.print(_table(records))
    for record in records:
        if record.error:
            console.print(f"[red]skipped[/red] {_escape(record.error)}", soft_wrap=True, highlight=False)
        elif record.frame and record.frame["fallback"] != "none":
            what = f"[yellow]{record.frame['fallback']} window[/yellow] {_escape(record.name)}"
            console.print(f"{what}: {record.frame['reason']}", soft_wrap=True, highlight=False)
    done = sum(record.error is None for record in records)
    console.print(f"{done} of {len(records)} pictures outlined: {_escape(output)}", soft_wrap=True)


def _table(records: "list[PictureRecord]") -> "Table":
    from rich.table import Table

    table = Table("Picture", "Size", "Bones", "Confidence", "Window", "Refined", "Seconds")
    for record in records:
        if record.error:
            table.add_row(_escape(record.name), "", "", "", "[red]skipped[/red]", "", "")
            continue
        found = record.confidence.values()
        table.add_row(
            _escape(record.name),
            f"{record.size_hw[1]} x {record.size_hw[0]}" + (" inverted" if record.inverted else ""),
            f"{len(found)}",
            f"{sum(found) / len(found):.2f}" if found else "",
            _window(record),
            f"{sum(d['used'] for d in record.decisions)} of {len(record.decisions)}" if record.frame else "",
            f"{sum(record.seconds.values()):.2f}",
        )
    return table


def _window(record: "PictureRecord") -> str:
    if record.frame is None:
        return ""
    if record.frame["fallback"] == "none":
        return f"{record.frame['degrees']:+.0f}°" + (", mirrored" if record.frame["mirrored"] else "")
    return f"[yellow]{record.frame['fallback']}[/yellow]"


def _escape(text: object) -> str:
    from rich.markup import escape

    return escape(str(text))
