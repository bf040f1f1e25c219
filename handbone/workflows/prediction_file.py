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
    """A prediction file in the contest format; sizes stand beside it where `handbone predict` wrote it."""

    def __init__(self, name: str, path: Path):
        self.name, self.path = name, path
        self._index = PredictionsIndex(path)
        self.names = self._index.names
        #: Everything that is known of each image.
        self.recorded = recorded_images(path.parent)

    def size_hw(self, image: str) -> tuple[int, int] | None:
        return tuple(self.recorded[image]["size_hw"]) if image in self.recorded else None

    def cells(self, image: str) -> list[str]:
        """The 29 run lengths of an image."""
        return self._index.cells(image)

    def masks(self, image: str, size_hw: tuple[int, int]) -> BoneMasks:
        """The masks of an image of that size.

        Raises
        ------
        HandboneError: run lengths that cannot belong to such an image.
        """
        cells = self.cells(image)
        try:
            return BoneMasks.from_rle(cells, size_hw)
        except HandboneError as error:
            remedies = [error.remedy] if error.remedy else []
            if size_hw == CONTEST_HW and self.size_hw(image) is None:
                remedies.append("if the image is not of 2048 x 2048 pixels, say where it lies with --images")
            what = f"{image}, {error.where}: {error.what}"
            raise HandboneError(what, where=self.path, remedy="; ".join(remedies) or None) from None

    def probabilities(self, image: str, size_hw: tuple[int, int]) -> BoneProbabilities:
        return BoneProbabilities.from_masks(self.masks(image, size_hw))


def recorded_images(folder: Path) -> dict[str, dict[str, Any]]:
    """What `handbone predict` wrote of each image in a folder, by base name; empty where it did not write there."""
    try:
        images = json.loads((folder / RECORD_FILE).read_text(encoding="utf-8"))["images"]
        return {image["name"]: image for image in images if image.get("size_hw")}
    except (OSError, ValueError, KeyError, TypeError):
        return {}
