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
