"""Anyone's prediction file, with what `handbone predict` wrote beside it; imports no torch."""

import json
from pathlib import Path
from typing import Any

from handbone.core.bone_masks import BoneMasks
from handbone.core.bone_probabilities import BoneProbabilities
from handbone.core.errors import HandboneError
from handbone.formats.contest_csv_index import PredictionsIndex
from handbone.workflows.outputs import RECORD_FILE

#: The contest's frame, in which its prediction files are.
CONTEST_HW = (2048, 2048)


class FileMember:
    """A prediction file in the contest's format; sizes stand beside it where `handbone predict` wrote it."""

    def __init__(self, name: str, path: Path):
        self.name, self.path = name, path
        self._index = PredictionsIndex(path)
        self.names = self._index.names
        #: Everything that is known of each picture.
        self.recorded = recorded_pictures(path.parent)

    def size_hw(self, picture: str) -> tuple[int, int] | None:
        return tuple(self.recorded[picture]["size_hw"]) if picture in self.recorded else None

    def cells(self, picture: str) -> list[str]:
        """The 29 run lengths of a picture."""
        return self._index.cells(picture)

    def masks(self, picture: str, size_hw: tuple[int, int]) -> BoneMasks:
        """The masks of a picture of that size.

        Raises
        ------
        HandboneError: run lengths that cannot belong to such a picture.
        """
        cells = self.cells(picture)
        try:
            return BoneMasks.from_rle(cells, size_hw)
        except HandboneError as error:
            remedies = [error.remedy] if error.remedy else []
            if size_hw == CONTEST_HW and self.size_hw(picture) is None:
                remedies.append("if the picture is not of 2048 x 2048 pixels, say where it lies with --images")
            what = f"{picture}, {error.where}: {error.what}"
            raise HandboneError(what, where=self.path, remedy="; ".join(remedies) or None) from None

    def probabilities(self, picture: str, size_hw: tuple[int, int]) -> BoneProbabilities:
        return BoneProbabilities.from_masks(self.masks(picture, size_hw))


def recorded_pictures(folder: Path) -> dict[str, dict[str, Any]]:
    """What `handbone predict` wrote of each picture in a folder, by base name; empty where it did not write there."""
    try:
        pictures = json.loads((folder / RECORD_FILE).read_text(encoding="utf-8"))["pictures"]
        return {picture["name"]: picture for picture in pictures if picture.get("size_hw")}
    except (OSError, ValueError, KeyError, TypeError):
        return {}
