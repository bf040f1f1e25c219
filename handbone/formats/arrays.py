"""Radiographs from values in memory, read as those of a file are."""

import numpy as np
from PIL import Image

from handbone.core.errors import HandboneError, ShapeError
from handbone.core.radiograph import Radiograph
from handbone.formats.brightness import stretched
from handbone.formats.inversion import is_inverted


def radiograph_of(
    values: np.ndarray, clear: np.ndarray | None = None, *, bits: int, orientation: int = 1
) -> Radiograph:
    """A radiograph of grey values, over their own range, bones bright.

    Parameters
    ----------
    values: (H, W) of any real type. clear: bool (H, W), where nothing is seen; None for nowhere.
    bits, orientation: see `Radiograph`.
    """
    image = stretched(values, clear)
    inverted = is_inverted(image)
    if inverted:
        np.subtract(1, image, out=image)
        if clear is not None:
            image[clear] = 0
    return Radiograph(image, inverted, bits, orientation=orientation)


def radiograph_from_array(array: np.ndarray) -> Radiograph:
    """A radiograph from an array, the same as from a file with these values.

    Parameters
    ----------
    array: (H, W), integers or floating point of any range, or (H, W, 3) uint8, RGB, which becomes grey (BT.601).

    Raises
    ------
    ShapeError: another shape, or an array without pixels.
    HandboneError: values of another type.
    """
    array = np.asarray(array)
    if array.ndim == 3 and array.shape[2] == 3 and array.dtype == np.uint8 and array.size:
        array = np.asarray(Image.fromarray(array).convert("L"))
    if array.ndim != 2 or not array.size:
        raise ShapeError("a radiograph", "(H, W), or (H, W, 3) as uint8", array.shape)
    if array.dtype.kind not in "uif":
        remedy = "give integers or floating-point numbers"
        raise HandboneError(f"a radiograph cannot have values of the type {array.dtype}", remedy=remedy)
    return radiograph_of(array, bits=array.dtype.itemsize * 8)
