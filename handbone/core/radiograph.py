"""A decoded radiograph: pixels and metadata of its file."""

from dataclasses import dataclass, replace

import numpy as np

#: A file of more images is refused: nobody keeps so many radiographs in one, and a damaged header claims any number.
MAX_FRAMES = 1000


@dataclass(frozen=True)
class ImageHeader:
    """What the header of an image's file says, before anything is decoded.

    Parameters
    ----------
    size_hw: height and width as shown.
    frames: how many images the file holds.
    orientation: how the file's rows lie in what is shown, as EXIF counts it, 1 to 8; 1: as stored.
    """

    size_hw: tuple[int, int]
    frames: int = 1
    orientation: int = 1


@dataclass(frozen=True)
class Remark:
    """Something that a file says of its radiograph and that its reader should know.

    Parameters
    ----------
    rule: a short name, such as "body-part".
    message: a clause, such as "the header says CHEST".
    """

    rule: str
    message: str


@dataclass(frozen=True, eq=False)
class Radiograph:
    """A decoded radiograph.

    Parameters
    ----------
    image: float32 (H, W) in [0, 1], bones bright on a dark background, as a viewer shows it.
    inverted: whether bones were dark in the file, so that its values were inverted.
    bits: bits per value in the file (1 to 16; 32 or 64 for floating point and long integers).
    spacing_mm: from one row to the next and from one column to the next, where the file says so.
    spacing_source: what in the file says so, such as "PixelSpacing"; empty without a spacing.
    remarks: what else the file says and what contradicts a radiograph of a hand.
    orientation: how the file's rows lie in `image`, as EXIF counts it, 1 to 8; 1: as stored.
        `handbone.core.orientation` turns masks back.
    laterality: "R" or "L" where the file says whose hand it is and the view could confirm it; "" otherwise.
    """

    image: np.ndarray
    inverted: bool
    bits: int
    spacing_mm: tuple[float, float] | None = None
    spacing_source: str = ""
    remarks: tuple[Remark, ...] = ()
    orientation: int = 1
    laterality: str = ""

    @property
    def size_hw(self) -> tuple[int, int]:
        """Height and width as shown."""
        return self.image.shape

    @property
    def stored_size_hw(self) -> tuple[int, int]:
        """Height and width in the file, which differ from those shown where an EXIF tag turns it by a quarter."""
        return self.image.shape if self.orientation < 5 else self.image.shape[::-1]

    def as_inverted(self, inverted: bool) -> "Radiograph":
        """The same file, read as inverted or as not inverted."""
        return self if inverted == self.inverted else replace(self, image=1 - self.image, inverted=inverted)
