"""One PNG per bone, for tools that read masks as images."""

from pathlib import Path

import numpy as np

from handbone.anatomy import NAMES
from handbone.formats.own_png import encode_png
from handbone.plugins.writing import PredictedImage, SplitWriter

# Masks compress well at any level; the highest take many times as long.
_COMPRESSION = 1


class PngWriter(SplitWriter):
    """Writes `NAME/BONE.png` to a folder, 8 bits, 255 on the bone; a bone that was not found is black throughout."""

    def __init__(self, folder: Path):
        self._folder = folder

    def part(self, image: PredictedImage) -> None:
        """Write an image's 29 masks."""
        folder = self._folder / image.stem
        folder.mkdir(parents=True, exist_ok=True)
        for bone, name in enumerate(NAMES):
            values = image.masks.mask(bone).view(np.uint8) * np.uint8(255)
            (folder / f"{name}.png").write_bytes(encode_png(values, compression=_COMPRESSION))

    def add(self, part: None) -> None:
        """Nothing: each image has files of its own."""

    def close(self) -> None:
        """Nothing is left to do."""
