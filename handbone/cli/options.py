"""Options that several commands have."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

if TYPE_CHECKING:
    from handbone.recipe.class_map import ClassMap

Layout = Annotated[
    Literal["auto", "contest", "coco", "csv", "labelme", "cvat", "label_studio", "seg_nrrd", "nifti", "folder"],
    typer.Option(help="How the folder is laid out."),
]
Annotations = Annotated[
    str | None,
    typer.Option(help="File of COCO, CVAT or Label Studio, or CSV file of run lengths, relative to the folder."),
]
ClassMapWords = Annotated[
    list[str] | None,
    typer.Option(
        "--map",
        "--class-map",
        metavar="CLASS=BONE",
        help="Map a class name of the file to a bone, such as --map scaphoid=Scaphoid; CLASS=skip leaves it out. "
        "Or the name or TOML file of a class map: ram_h1200, ram_w600.",
    ),
]
Invert = Annotated[
    Literal["auto", "yes", "no"],
    typer.Option(help="Invert radiographs in which bones are dark; auto: detect them."),
]

Rle = Annotated[
    list[str] | None,
    typer.Option(
        "--rle",
        metavar="HOW",
        help="How a CSV's run lengths are meant, where not in the contest's way: column-major, zero-based, frame=512 "
        "(or frame=WIDTHxHEIGHT), several with commas; standard silences doubts.",
    ),
]

Workers = Annotated[
    int,
    typer.Option(
        "--workers", min=1, metavar="N", help="Processes that work at a time; they share this machine's cores and GPUs."
    ),
]
Cluster = Annotated[
    str | None,
    typer.Option(
        "--cluster",
        metavar="ADDRESS",
        help="Work on a Dask cluster: local:8, or a scheduler's address such as tcp://scheduler:8786.",
    ),
]
ShardWord = Annotated[
    str | None,
    typer.Option("--shard", metavar="I/N", help="Do one of N parts, for a job array; --join then joins all."),
]
JoinShards = Annotated[
    bool, typer.Option("--join", help="Join the results of all shards of OUT, or say which are missing.")
]
RuntimeOption = Annotated[
    Literal["auto", "torch", "onnx", "openvino"],
    typer.Option(
        help="What computes the networks; auto: torch for weights, and the files' own library for a folder of "
        "handbone export-model."
    ),
]
Output = Annotated[Path, typer.Option("--output", "-o", metavar="OUT", help="Folder for the results.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print the result as JSON on standard output.")]


def class_map_of(words: "Sequence[str] | None") -> "ClassMap | None":
    """The class map of `--map` and `--class-map`; None without a word.

    Raises
    ------
    typer.BadParameter: a word that is no map.
    """
    from handbone.core.errors import HandboneError
    from handbone.recipe.class_map import ClassMap

    try:
        return ClassMap.parse(words) if words else None
    except HandboneError as error:
        raise typer.BadParameter(str(error), param_hint="--map") from None
