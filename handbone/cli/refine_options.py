"""The options of `handbone refine`, each with what `--help` says of it."""

from pathlib import Path
from typing import Annotated, Literal

import typer

Classes = Annotated[
    str,
    typer.Option("--classes", "-c", metavar="NAMES", help="Bones and groups, such as wrist, thumb or Capitate,Lunate."),
]
Run = Annotated[Path | None, typer.Option("--run", metavar="RUN", help="A finished run.  [default: the latest]")]
Coarse = Annotated[
    Path | None, typer.Option("--coarse", metavar="CSV", help="Predictions from any source in the contest format.")
]
Images = Annotated[Path | None, typer.Option("--images", metavar="DIR", help="The images of --coarse.")]
InvertOption = Annotated[
    Literal["auto", "yes", "no"] | None,
    typer.Option(
        help="Invert radiographs of --images in which bones are dark; auto: detect them.",
        show_default="as the weights say; the shipped ones auto",
    ),
]
Weights = Annotated[
    str | None,
    typer.Option(
        "--weights",
        "-w",
        metavar="NAME_OR_RUN",
        help="Weights of the refiner: a name or a run.  [default: the run's own, or else zero_shot]",
        show_default=False,
    ),
]
Sam = Annotated[
    str | None,
    typer.Option(
        "--sam",
        metavar="CHECKPOINT",
        help="Then prompt segment-anything: a checkpoint (vit_b, _l, _h), litemedsam with its plugin, or none.",
        show_default="a run's own, where it has one",
    ),
]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace a refinement that OUT holds already.")]
