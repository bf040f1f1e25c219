"""Radiographs from files, whatever their format, as grey in [0, 1]."""

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from handbone.formats import readers


@dataclass(frozen=True, eq=False)
class Picture:
    """A decoded radiograph.

    Parameters
    ----------
    image: float32 (H, W) in [0, 1], bones bright on a dark background.
    inverted: whether the file showed bones dark, so that its values were turned round.
    bits: bits a value in the file (8 to 16; 32 for floating point).
    spacing_mm: from one row to the next and from one column to the next, where the file says so.
    """

    image: np.ndarray
    inverted: bool
    bits: int
    spacing_mm: tuple[float, float] | None = None

    @property
    def size_hw(self) -> tuple[int, int]:
        """Height and width as stored."""
        return self.image.shape


def is_picture(path: Path) -> bool:
    """Whether a path is a file that a reader knows by its extension or, where it has none of theirs, by its content."""
    return path.is_file() and bool(readers.candidates(path))


def read_picture(path: str | Path) -> Picture:
    """Decode a radiograph with the reader that is registered for its kind of file.

    A file that no reader knows is tried by the built-in one, which tells PNG, JPEG and TIFF by their content.

    Raises
    ------
    HandboneError: the file does not exist, is cut, or is no picture; names the file. Or two packages can read it.
    """
    return readers.built(readers.provider_of(Path(path)).spec)(Path(path))


def picture_size_hw(path: str | Path) -> tuple[int, int]:
    """Height and width of a picture; of a PNG from its header alone.

    Raises
    ------
    HandboneError: as `read_picture`.
    """
    if readers.is_builtin(readers.provider_of(Path(path))):
        from handbone.formats.raster import raster_size_hw

        return raster_size_hw(Path(path))
    return read_picture(path).size_hw


def stem_of(name: str | Path) -> str:
    """A picture's base name without its extension; the whole of one that ends in none, such as a DICOM's 1.2.840.1."""
    path = Path(name)
    return path.stem if path.suffix.lower() in readers.extensions() else path.name


def is_inverted(image: np.ndarray) -> bool:
    """Whether a radiograph (H, W) in [0, 1] shows bones dark on a bright background.

    The background reaches the left and right edges; the hand, which attenuates, fills the middle. Bands along both
    sides are compared with the middle, each column by its median, so that a bright strip, a plate's frame or a side
    marker does not decide.
    """
    small = cv2.resize(image, (64, 64), interpolation=cv2.INTER_AREA)
    columns = np.median(small[8:56], axis=0)
    # The outermost columns may be the frame of a scanned film.
    sides = np.concatenate([columns[2:12], columns[-12:-2]])
    middle = float(np.median(columns[24:40]))
    return float(np.median(sides)) > max(middle, 0.5)
