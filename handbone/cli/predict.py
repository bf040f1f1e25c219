"""`handbone predict`: outline the bones of any radiographs with trained weights."""

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from handbone.cli import complete
from handbone.cli.output import echo_json, say_passed_over
from handbone.cli.output import results as results_console
from handbone.core.escaping import markup

if TYPE_CHECKING:
    from rich.table import Table

    from handbone.workflows.records import ImageRecord


_NO_HAND = "[yellow]no hand[/yellow]"
_SHOWN = 3  # flags of an image that are printed; predictions.json has all


def command(
    paths: Annotated[
        list[Path], typer.Argument(metavar="PATH...", help="Image files, or folders with any folders below.")
    ],
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
        float | None,
        typer.Option(
            min=0.01,
            max=0.99,
            help="Lowest probability at which a pixel belongs to a bone.",
            show_default="as the weights say; the shipped ones 0.5",
        ),
    ] = None,
    flip_tta: Annotated[
        bool | None,
        typer.Option(
            "--flip-tta/--no-flip-tta",
            help="Average with the mirrored image; takes twice the network time.",
            show_default="as the weights say; the shipped ones do",
        ),
    ] = None,
    tta: Annotated[
        bool,
        typer.Option(
            "--tta",
            help="The same as --views turned: five rotated and scaled views; takes five times the network time.",
        ),
    ] = False,
    invert: Annotated[
        Literal["auto", "yes", "no"] | None,
        typer.Option(
            help="Invert radiographs in which bones are dark; auto: detect them.",
            show_default="as the weights say; the shipped ones auto",
        ),
    ] = None,
    hands: Annotated[
        Literal["one", "all"],
        typer.Option(help="Outline the hand that shows best, or each hand of an image, as NAME#1, NAME#2 and so on."),
    ] = "one",
    views: Annotated[
        list[str] | None,
        typer.Option(
            "--views",
            metavar="NAME",
            help="Average views: brightness (four, four times the network time), turned, or none. Can be given twice.",
            show_default="as the weights say; the shipped ones take none",
        ),
    ] = None,
    write: Annotated[
        list[str] | None,
        typer.Option(
            "--write",
            metavar="FORMAT",
            autocompletion=complete.formats,
            help="Also write masks to OUT/FORMAT: coco, png or a plugin's format. dicom_seg copies the patient's "
            "data from its source, as the standard requires.",
        ),
    ] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option(
            "--set", metavar="FORMAT.KEY=VALUE", help="A setting of a format, such as coco.segmentation=polygon."
        ),
    ] = None,
    max_pixels: Annotated[
        int, typer.Option("--max-pixels", min=1, metavar="N", help="Leave out larger images, by their headers.")
    ] = 200_000_000,
    overwrite: Annotated[
        bool,
        typer.Option("--overwrite", help="Replace predictions that handbone has written to OUT, and nothing else."),
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON on standard output.")] = False,
) -> None:
    """Outline the 29 bones of radiographs: PNG, JPEG or TIFF of any size, 8 or 16 bit, grey or colour.

    Plugins read more, such as handbone-dicom. Folders are searched with all folders below, and what is passed over is
    said. OUT mirrors them: an overlay an image (contours of doubtful bones are dashed) and a record an image, beside
    predictions.csv (run lengths in each image's own pixels, a confidence a bone) and predictions.json. An image that
    fails, or cannot be written as --write asks, is listed; the exit code is then 1. An image without a hand gets no
    masks and is counted apart; where none has a hand, the exit code is 1. The same command goes on where it was
    stopped, and tries failed images again. Not a medical device.
    """
    from handbone.cli.settings import nested_settings
    from handbone.formats.image_search import find_images
    from handbone.method.settings import read_settings
    from handbone.workflows.predict import predict_images, prediction_results, written_names
    from handbone.workflows.records import predictions_json
    from handbone.workflows.stored_results import is_unfinished, prediction_fingerprint
    from handbone.workflows.writers import writer_factories

    used = read_settings(weights).but(
        threshold=threshold, flip_tta=flip_tta, views=_views(views, tta=tta), invert=invert
    )
    fingerprint = prediction_fingerprint(weights, settings=used.model_dump(mode="json"), hands=hands)
    writers = writer_factories(write or [], nested_settings(settings or []))
    results = prediction_results(output)
    goes_on = results.put_right() or (not overwrite and is_unfinished(output, fingerprint))
    found = find_images(paths)
    results.check(overwrite=overwrite or goes_on, names=written_names(found.images, hands))
    say_passed_over(found.passed_over)

    from handbone.method.two_stage import TwoStage

    method = TwoStage.from_path(weights, settings=used)
    facts = {
        "weights": weights,
        "invert": used.invert,
        "hands": hands,
        "second_stage": method.refine_stage is not None,
        "passed_over": [each.to_json() for each in found.passed_over],
    }
    try:
        records = predict_images(
            found.images,
            method,
            results,
            fingerprint=fingerprint,
            facts=facts,
            writers=writers,
            invert=used.invert,
            max_pixels=max_pixels,
            hands=hands,
            overwrite=overwrite or goes_on,
            earlier=output if goes_on else None,
        )
    except KeyboardInterrupt:
        typer.echo("Stopped. Run the same command to continue.", err=True)
        raise typer.Exit(130) from None
    if as_json:
        echo_json(predictions_json(records, method, {**facts, "fingerprint": fingerprint}))
    else:
        _show(records, output, used.invert)
    if any(record.error or record.unwritten for record in records) or not any(record.confidence for record in records):
        raise typer.Exit(1)


def _views(names: list[str] | None, *, tta: bool) -> list[str] | None:
    """What was asked for; None: as the weights say."""
    if names is None and not tta:
        return None
    return [name for name in names or [] if name != "none"] + ["turned"] * tta


def _show(records: "list[ImageRecord]", output: Path, invert: str) -> None:
    console = results_console()
    console.print(_table(records))
    for record in records:
        if record.error:
            console.print(f"[red]failed[/red] {markup(record.error)}", soft_wrap=True, highlight=False)
        if record.inverted and invert == "auto":
            said = "bones look dark, so it was turned round; if that is wrong, give --invert no"
            console.print(f"[yellow]inverted[/yellow] {markup(record.name)}: {said}", soft_wrap=True, highlight=False)
        for format, reason in record.unwritten.items():
            console.print(f"[red]not written[/red] as {format}: {markup(reason)}", soft_wrap=True, highlight=False)
        for flag in record.flags[:_SHOWN]:
            bones = f" {', '.join(flag['bones'])}:" if flag["bones"] and flag["rule"] != "missing" else ""
            console.print(
                f"[yellow]check[/yellow] {markup(record.name)}:{bones} {markup(flag['message'])}",
                soft_wrap=True,
                highlight=False,
            )
        if len(record.flags) > _SHOWN:
            console.print(f"  and {len(record.flags) - _SHOWN} more in predictions.json", highlight=False)
    outcomes = Counter(record.outcome for record in records)
    told = f"{outcomes['outlined']} of {len(records)} radiographs outlined"
    if outcomes["no_hand"]:
        told += f", {outcomes['no_hand']} without a hand"
    place = markup(output) if output.exists() else "nothing was written"
    console.print(f"{told}: {place}", soft_wrap=True)


def _table(records: "list[ImageRecord]") -> "Table":
    from rich.table import Table

    table = Table("Radiograph", "Hand", "Bones", "Confidence", "Flags", "Refined", "Seconds")
    for record in records:
        if record.error:
            table.add_row(markup(record.name), "[red]failed[/red]", "", "", "", "", "")
            continue
        found = record.confidence.values()
        table.add_row(
            markup(record.name),
            ", ".join(filter(None, [_hand(record) if found else _NO_HAND, "inverted" * record.inverted])),
            f"{len(found)}",
            f"{sum(found) / len(found):.2f}" if found else "",
            f"{len(record.flags) or ''}",
            f"{sum(d['used'] for d in record.decisions)} of {len(record.decisions)}" if record.frames else "",
            f"{sum(record.seconds.values()):.2f}",
        )
    return table


def _hand(record: "ImageRecord") -> str:
    """How the hand lies: its direction, and the side of its thumb."""
    place = record.location
    if place is None:
        return ""
    if not place["found"]:
        return "in part"
    return f"{place['degrees']:+.0f}°, thumb {place['thumb']}"
