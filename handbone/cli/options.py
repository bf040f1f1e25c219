"""Options that several commands have."""

from collections.abc import Iterable
from typing import Annotated

import typer

ClassMap = Annotated[
    list[str] | None,
    typer.Option(
        "--map", metavar="CLASS=BONE", help="Map a class name of the file to a bone, such as --map scaphoid=Scaphoid."
    ),
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


def class_map_of(entries: Iterable[str] | None) -> dict[str, str]:
    """Class names to bone names from `--map`; wrong usage where an entry has no `=`, or nothing beside it."""
    pairs = [entry.partition("=") for entry in entries or ()]
    if any(not (name and equals and bone) for name, equals, bone in pairs):
        raise typer.BadParameter("write CLASS=BONE", param_hint="--map")
    return {name.strip(): bone.strip() for name, _, bone in pairs}
