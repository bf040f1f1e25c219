"""A sample: one image of a dataset and where its labels are."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

SplitName = Literal["train", "test"]


@dataclass(frozen=True)
class Sample:
    """One image and where its labels are.

    Parameters
    ----------
    name: base name with extension; results are joined by it.
    image: path of the image.
    annotation: path of the file that holds its labels; None for an image alone.
    patient_id: whose hand it is; both hands of a patient share it, and a split keeps them together.
    side: "L" or "R" where the file's name or the annotation says so; None otherwise.
    split: "train" or "test".
    key: the image's id inside an annotation file that holds many images.
    """

    name: str
    image: Path
    annotation: Path | None
    patient_id: str
    side: Literal["L", "R"] | None = None
    split: SplitName = "train"
    key: int | str | None = None


def relative_to(path: Path, root: Path) -> str:
    """A path as a user who knows the dataset's folder would write it."""
    return str(path.relative_to(root)) if path.is_relative_to(root) else str(path)
