"""`handbone export-model`: networks for runtimes that need no torch."""

from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from handbone.cli.output import echo_json, headed_table
from handbone.cli.output import results as results_console
from handbone.core.escaping import markup
from handbone.core.progress import console as progress

if TYPE_CHECKING:
    from handbone.weights.exported import ExportCard


def command(
    weights: Annotated[
        str, typer.Argument(metavar="WEIGHTS", help="Weights by name (handbone weights list), a run, or a file.")
    ],
    output: Annotated[Path, typer.Option("--output", "-o", metavar="DIR", help="New folder for the networks.")],
    format: Annotated[
        Literal["onnx", "openvino"], typer.Option("--format", help="Format of the networks' files.")
    ] = "onnx",
    precision: Annotated[
        Literal["32", "int8"],
        typer.Option(help="int8: 8-bit integers, calibrated on synthetic hands; for --format openvino."),
    ] = "32",
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace networks that were exported to DIR, and nothing else.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the card as JSON on standard output.")] = False,
) -> None:
    """Write networks as ONNX or OpenVINO files, which predict without torch: handbone predict --weights DIR.

    DIR gets a file a network and model.json: shapes, pre- and post-processing, versions, digests, and how far each
    network differs from PyTorch in float32 on synthetic hands. Where masks would differ (mean Dice below 0.999)
    nothing is written. With 8-bit integers nothing is written where mean Dice to the ground truth of synthetic hands
    falls by more than 0.002. A prompted stage is left out, and that is said. Not a medical device.
    """
    from handbone.workflows.export_model import export_model

    card = export_model(weights, output, format=format, precision=precision, overwrite=overwrite)
    if as_json:
        echo_json(card.model_dump(mode="json", by_alias=True))
        return
    _show(card, output)


def _show(card: "ExportCard", output: Path) -> None:
    table = headed_table("network", "input", "MB", "logits off by", "Dice with PyTorch")
    for name, network in card.networks.items():
        megabytes = sum((output / file).stat().st_size for file in network.sha256) / 1e6
        shape = " x ".join(map(str, network.input_shape))
        parity = network.parity
        table.add_row(name, shape, f"{megabytes:.1f}", f"{parity.max_difference:.2g}", f"{parity.dice:.5f}")
    results_console().print(table)
    if card.int8 is not None:
        for group, before in card.int8.dice_float32.items():
            said = f"{card.int8.dice_int8[group]:.4f}, in float32 {before:.4f}"
            results_console().print(
                f"Dice to the ground truth of synthetic hands, {group} bones: {said}", soft_wrap=True
            )
    for stage in card.left_out:
        progress.print(f"Left out: the stage '{stage}', which only the weights themselves have", highlight=False)
    results_console().print(f"handbone predict IMAGES --weights {markup(quote(str(output)))}", soft_wrap=True)
