"""Options that several commands have."""

from typing import Annotated

import typer

Rle = Annotated[
    list[str] | None,
    typer.Option(
        "--rle",
        metavar="HOW",
        help="How a CSV's run lengths are meant, where not in the contest's way: column-major, zero-based, frame=512 "
        "(or frame=WIDTHxHEIGHT), several with commas; standard silences doubts.",
    ),
]
