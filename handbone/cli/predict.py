"""`handbone predict`: outline the bones of any radiographs with trained weights."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from handbone.cli import complete

if TYPE_CHECKING:
    from rich.table import Table

    from handbone.workflows.records import ImageRecord


_SHOWN = 3  # flags of an image that are printed; predictions.json has all


def command(
    paths: Annotated[list[Path], typer.Argument(metavar="PATH...", help="Images, or folders of images.")],
    output: Annotated[Path, typer.Option("--output", "-o", metavar="OUT", help="Folder for the results.")] = Path(
        "predictions"
    ),
    weights: Annotated[
        str,
        typer.Option(
            "--weights", "-w", metavar="NAME_OR_RUN", help="Weights by name (handbone weights list), a run, or a file."
        ),
    ] = "zero_shot",
    threshold: Annotated[
        float, typer.Option(min=0.01, max=0.99, help="Probability from which a pixel belongs to a bone.")
    ] = 0.5,
    flip_tta: Annotated[
        bool | None,
        typer.Option(
            "--flip-tta/--no-flip-tta",
            help="Average with the mirrored image; networks take twice as long.",
            show_default="as the weights say; the shipped ones do",
        ),
    ] = None,
    tta: Annotated[
        bool,
        typer.Option(
            "--tta", help="The same as --views turned: five, turned and scaled; the networks take five times as long."
        ),
    ] = False,
    invert: Annotated[
        Literal["auto", "yes", "no"],
        typer.Option(help="Turn radiographs round that show bones dark; auto: those that look like it."),
    ] = "auto",
    hands: Annotated[
        Literal["one", "all"],
        typer.Option(help="Outline the hand that shows best, or each hand of an image, as NAME#1, NAME#2 and so on."),
    ] = "one",
    views: Annotated[
        list[str] | None,
        typer.Option(
            "--views",
            metavar="NAME",
            help="Average views: brightness (four; the networks take four times as long), turned, or none. "
            "May be given twice.",
            show_default="as the weights say; the shipped ones take none",
        ),
    ] = None,
    write: Annotated[
        list[str] | None,
        typer.Option(
            "--write",
            metavar="FORMAT",
            autocompletion=complete.formats,
            help="Write masks to OUT/FORMAT, too: coco, png or a format of a plugin. dicom_seg copies the patient's "
            "data from its source, as the standard wants it.",
        ),
    ] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option(
            "--set", metavar="FORMAT.KEY=VALUE", help="A setting of a format, as in coco.segmentation=polygon."
        ),
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace predictions that OUT holds already.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON on standard output.")] = False,
) -> None:
    """Outline the 29 bones of radiographs: PNG, JPEG or TIFF of any size, 8 or 16 bit, grey or colour.

    Plugins read more, such as handbone-dicom. OUT gets an overlay an image (contours of doubtful bones are dashed),
    predictions.csv (run lengths in each image's own pixels, a confidence a bone) and predictions.json. An image that
    fails, or cannot be written as --write asks, is listed; the exit code is then 1. An image without a hand is said to
    have none and gets no masks; the exit code is 1 where no image has one. The same command goes on where it was
    stopped, and tries failed images again. Not a medical device.
    """
    from handbone.cli.settings import nested_settings
    from handbone.workflows.outputs import RECORD_FILE, check_output, find_images
    from handbone.workflows.predict import predict_images
    from handbone.workflows.stored_results import is_unfinished, prediction_fingerprint
    from handbone.workflows.writers import writer_factories

    chosen = _views(views, tta=tta)
    fingerprint = prediction_fingerprint(
        weights, threshold=threshold, flip_tta=flip_tta, views=chosen, invert=invert, hands=hands
    )
    goes_on = not overwrite and is_unfinished(output, fingerprint)
    if not goes_on:
        check_output(output, overwrite=overwrite)
    writers = writer_factories(write or [], nested_settings(settings or []))
    images = find_images(paths)

    from handbone.method.two_stage import TwoStage

    method = TwoStage.from_path(weights, threshold=threshold, flip=flip_tta, views=chosen)
    facts = {"weights": weights, "invert": invert, "hands": hands, "second_stage": method.refine_stage is not None}
    try:
        records = predict_images(
            images,
            method,
            output,
            fingerprint=fingerprint,
            facts=facts,
            writers=writers,
            invert=invert,
            hands=hands,
            earlier=output if goes_on else None,
        )
    except KeyboardInterrupt:
        typer.echo("Stopped. The same command continues where it was.", err=True)
        raise typer.Exit(130) from None
    if as_json:
        import json

        typer.echo(json.dumps(json.loads((output / RECORD_FILE).read_text(encoding="utf-8"))))
    else:
        _show(records, output, invert)
    from handbone.workflows.records import shows_hand

    if any(record.error or record.unwritten for record in records) or not any(map(shows_hand, records)):
        raise typer.Exit(1)


def _views(names: list[str] | None, *, tta: bool) -> list[str] | None:
    """What was asked for; None: as the weights say."""
    if names is None and not tta:
        return None
    return [name for name in names or [] if name != "none"] + ["turned"] * tta


def _show(records: "list[ImageRecord]", output: Path, invert: str) -> None:
    from rich.console import Console

    from handbone.workflows.records import shows_hand

    console = Console()
    console.print(_table(records))
    for record in records:
        if record.error:
            console.print(f"[red]failed[/red] {_escape(record.error)}", soft_wrap=True, highlight=False)
        if record.inverted and invert == "auto":
            said = "bones look dark, so it was turned round; if that is wrong, give --invert no"
            console.print(f"[yellow]inverted[/yellow] {_escape(record.name)}: {said}", soft_wrap=True, highlight=False)
        for format, reason in record.unwritten.items():
            console.print(f"[red]not written[/red] as {format}: {_escape(reason)}", soft_wrap=True, highlight=False)
        for flag in record.flags[:_SHOWN]:
            bones = f" {', '.join(flag['bones'])}:" if flag["bones"] and flag["rule"] != "missing" else ""
            console.print(
                f"[yellow]look again[/yellow] {_escape(record.name)}:{bones} {_escape(flag['message'])}",
                soft_wrap=True,
                highlight=False,
            )
        if len(record.flags) > _SHOWN:
            console.print(f"  and {len(record.flags) - _SHOWN} more in predictions.json", highlight=False)
    done = sum(map(shows_hand, records))
    without = sum(record.error is None and not shows_hand(record) for record in records)
    none = f", {without} without a hand" if without else ""
    console.print(f"{done} of {len(records)} images outlined{none}: {_escape(output)}", soft_wrap=True)


def _table(records: "list[ImageRecord]") -> "Table":
    from rich.table import Table

    table = Table("Image", "Hand", "Bones", "Confidence", "Flags", "Refined", "Seconds")
    for record in records:
        if record.error:
            table.add_row(_escape(record.name), "[red]failed[/red]", "", "", "", "", "")
            continue
        found = record.confidence.values()
        table.add_row(
            _escape(record.name),
            _hand(record) + (", inverted" if record.inverted else ""),
            f"{len(found)}",
            f"{sum(found) / len(found):.2f}" if found else "",
            f"{len(record.flags) or ''}",
            f"{sum(d['used'] for d in record.decisions)} of {len(record.decisions)}" if record.frames else "",
            f"{sum(record.seconds.values()):.2f}",
        )
    return table


def _hand(record: "ImageRecord") -> str:
    """Whether there is a hand and how it lies: its direction, and the side of its thumb."""
    from handbone.workflows.records import shows_hand

    if not shows_hand(record):
        return "[yellow]no hand[/yellow]"
    place = record.location
    return f"{place['degrees']:+.0f}°, thumb {place['thumb']}" if place and place["found"] else ""


def _escape(text: object) -> str:
    from rich.markup import escape

    return escape(str(text))
