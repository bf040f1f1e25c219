"""The options of `handbone predict`, each with what `--help` says of it."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from handbone.cli import complete

Paths = Annotated[
    list[Path] | None,
    typer.Argument(metavar="PATH...", help="Image files, or folders with any folders below.", show_default=False),
]
FromFile = Annotated[
    Path | None,
    typer.Option(
        "--from-file", metavar="LIST", help="A text file with more paths, one per line; - reads standard input."
    ),
]
Weights = Annotated[
    str,
    typer.Option(
        "--weights", "-w", metavar="NAME_OR_RUN", help="Weights by name (handbone weights list), a run, or a file."
    ),
]
Threshold = Annotated[
    float | None,
    typer.Option(
        min=0.01,
        max=0.99,
        help="Lowest probability at which a pixel belongs to a bone.",
        show_default="as the weights say; the shipped ones 0.5",
    ),
]
FlipTta = Annotated[
    bool | None,
    typer.Option(
        "--flip-tta/--no-flip-tta",
        help="Average with the mirrored image; takes twice the network time.",
        show_default="as the weights say; the shipped ones do",
    ),
]
Tta = Annotated[
    bool,
    typer.Option(
        "--tta",
        help="The same as --views turned: five rotated and scaled views; takes five times the network time.",
    ),
]
Invert = Annotated[
    Literal["auto", "yes", "no"] | None,
    typer.Option(
        help="Invert radiographs in which bones are dark; auto: detect them.",
        show_default="as the weights say; the shipped ones auto",
    ),
]
HandsOption = Annotated[
    Literal["one", "all"],
    typer.Option(help="Outline the hand that shows best, or each hand of an image, as NAME#1, NAME#2 and so on."),
]
Views = Annotated[
    list[str] | None,
    typer.Option(
        "--views",
        metavar="NAME",
        help="Average views: brightness (four, four times the network time), turned, or none. Can be given twice.",
        show_default="as the weights say; the shipped ones take none",
    ),
]
Write = Annotated[
    list[str] | None,
    typer.Option(
        "--write",
        metavar="FORMAT",
        autocompletion=complete.formats,
        help="Also write masks to OUT/FORMAT: coco, png or a plugin's format. dicom_seg copies the patient's "
        "data from its source, as the standard requires.",
    ),
]
Settings = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="FORMAT.KEY=VALUE", help="A setting of a format, such as coco.segmentation=polygon."),
]
Measure = Annotated[
    bool, typer.Option("--measure", help="Measure the hands, too: lengths, ratios, the wrist, cortical thickness.")
]
MmPerPx = Annotated[
    float | None,
    typer.Option(
        "--mm-per-px", min=1e-4, max=10.0, help="Size of a pixel for --measure.  [default: what the files say]"
    ),
]
MaxPixels = Annotated[
    int, typer.Option("--max-pixels", min=1, metavar="N", help="Leave out larger images, by their headers.")
]
PageOption = Annotated[
    bool, typer.Option("--page/--no-page", help="Write OUT/index.html, a page to look through the results.")
]
Overwrite = Annotated[
    bool,
    typer.Option("--overwrite", help="Replace predictions that handbone has written to OUT, and nothing else."),
]
