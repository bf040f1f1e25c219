"""`handbone example-areas`: the areas of bones in the masks of a predictions.csv."""

import csv
from pathlib import Path
from typing import Annotated

import typer


def areas(
    predictions: Annotated[Path, typer.Argument(metavar="CSV", exists=True, dir_okay=False, help="A predictions.csv.")],
    bones: Annotated[str, typer.Option("--bones", help="Bones or groups, such as 'wrist,Radius'.")] = "wrist",
) -> None:
    """Show the areas of bones in pixels, one row for each image."""
    from handbone.anatomy import NAMES, select
    from rich.console import Console
    from rich.table import Table

    chosen = [NAMES[bone] for bone in select(bones)]
    table = Table("image", *chosen)
    for image, sizes in read_areas(predictions).items():
        table.add_row(image, *(str(sizes.get(bone, 0)) for bone in chosen))
    Console().print(table)


def read_areas(predictions: Path) -> dict[str, dict[str, int]]:
    """Pixels by image and bone; every second number of the run lengths is a length."""
    found: dict[str, dict[str, int]] = {}
    with open(predictions, newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            lengths = row["rle"].split()[1::2]
            found.setdefault(row["image_name"], {})[row["class"]] = sum(map(int, lengths))
    return found
