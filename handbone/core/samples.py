"""A sample: one picture of a dataset and where its labels are."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Part = Literal["train", "test"]


@dataclass(frozen=True)
class Sample:
    """One picture and where its labels are.

    Parameters
    ----------
    name: base name with extension; results are joined by it.
    image: path of the picture.
    annotation: path of the file that holds its labels; None for a picture alone.
    person: whose hand it is; both hands of a person share it, and a split keeps them together.
    side: "L" or "R" where the file's name or the annotation says so; None otherwise.
    part: "train" or "test".
    key: the picture's id inside an annotation file that holds many pictures.
    """

    name: str
    image: Path
    annotation: Path | None
    person: str
    side: Literal["L", "R"] | None = None
    part: Part = "train"
    key: int | str | None = None


def relative_to(path: Path, root: Path) -> str:
    """A path as a person who knows the dataset's folder would write it."""
    return str(path.relative_to(root)) if path.is_relative_to(root) else str(path)
