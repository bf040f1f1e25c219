"""A decoded radiograph: pixels and metadata of its file."""

from dataclasses import dataclass, replace

import numpy as np


@dataclass(frozen=True, eq=False)
class Radiograph:
    """A decoded radiograph.

    Parameters
    ----------
    image: float32 (H, W) in [0, 1], bones bright on a dark background.
    inverted: whether bones were dark in the file, so that its values were inverted.
    bits: bits a value in the file (8 to 16; 32 for floating point).
    spacing_mm: from one row to the next and from one column to the next, where the file says so.
    spacing_source: what in the file says so, such as "PixelSpacing"; empty without a spacing.
    """

    image: np.ndarray
    inverted: bool
    bits: int
    spacing_mm: tuple[float, float] | None = None
    spacing_source: str = ""

    @property
    def size_hw(self) -> tuple[int, int]:
        """Height and width as stored."""
        return self.image.shape

    def as_inverted(self, inverted: bool) -> "Radiograph":
        """The same file, read as inverted or as not inverted."""
        return self if inverted == self.inverted else replace(self, image=1 - self.image, inverted=inverted)
