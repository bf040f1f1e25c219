"""A sample: one image of a dataset and where its labels are."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

SplitName = Literal["train", "test"]
Side = Literal["L", "R"]


@dataclass(frozen=True)
class Sample:
    """One image and where its labels are.

    Parameters
    ----------
    name: what tables and the contest's CSV call it, unique in the data set: its base name with extension, or its path
        relative to the data set's folder where another sample has that base name.
    image: path of the image.
    annotation: path of the file that holds its labels; None for an image alone.
    patient_id: whose hand it is; both hands of a patient share it, and a split keeps them together.
    side: "L" or "R" where the file's name or the annotation says so; None otherwise.
    split: "train" or "test".
    shared_annotation: whether the annotation file holds the labels of many images.
    """

    name: str
    image: Path
    annotation: Path | None
    patient_id: str
    side: Side | None = None
    split: SplitName = "train"
    shared_annotation: bool = False

    def key_in(self, root: Path) -> str:
        """Its key: the path relative to the data set's folder, unique by construction."""
        return relative_to(self.image, root).replace("\\", "/")


def relative_to(path: Path, root: Path) -> str:
    """A path as a user who knows the dataset's folder would write it."""
    return str(path.relative_to(root)) if path.is_relative_to(root) else str(path)
