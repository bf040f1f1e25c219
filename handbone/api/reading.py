"""Radiographs from files, arrays or radiographs."""

from pathlib import Path

import numpy as np

from handbone.core.radiograph import Radiograph
from handbone.formats.arrays import radiograph_from_array
from handbone.formats.image_files import Invert, read_image, with_invert

#: What can be outlined: a file, grey or RGB values, or a radiograph that was read before.
ImageLike = str | Path | np.ndarray | Radiograph


def read_radiograph(image: ImageLike, *, invert: Invert = "auto") -> Radiograph:
    """Read a radiograph as `handbone predict` does: grey, bones bright, with the file's spacing.

    Parameters
    ----------
    image: a file of any known format, or `NAME#2` for the second image of one that holds several. An array is read as a
        file with these values: (H, W) of any real type and range, or (H, W, 3) uint8 RGB. A `Radiograph` is kept.
    invert: "yes" where bones are dark in it, "no" where they are bright, "auto" to find out.

    Raises
    ------
    HandboneError: the file does not exist, is damaged, or is no image; or an array that is no image.
    """
    if isinstance(image, Radiograph):
        return with_invert(image, invert)
    if isinstance(image, str | Path):
        return read_image(image, invert=invert)
    return with_invert(radiograph_from_array(image), invert)
