"""Between the frame in which a file stores its rows and the one in which every viewer shows them.

A camera or scanner may store an image turned and say so in the EXIF tag Orientation (TIFF 6.0, page 36): 1 as it is,
2 mirrored, 3 turned by half, 4 upside down, 5 transposed, 6 to be turned clockwise, 7 transversed, 8 to be turned
counterclockwise. Masks of a radiograph lie in the shown frame; a format that counts stored pixels needs the other.
"""

import numpy as np

#: Orientation to: transpose first, then flip rows, then flip columns.
_STEPS = {
    1: (False, False, False),
    2: (False, False, True),
    3: (False, True, True),
    4: (False, True, False),
    5: (True, False, False),
    6: (True, False, True),
    7: (True, True, True),
    8: (True, True, False),
}


def to_shown(stored: np.ndarray, orientation: int) -> np.ndarray:
    """An array (..., H, W) as stored, in the frame that viewers show; a view where possible.

    >>> to_shown(np.array([[1, 2, 3], [4, 5, 6]]), 6)
    array([[4, 1],
           [5, 2],
           [6, 3]])
    """
    transposed, rows, columns = _STEPS[orientation]
    shown = np.swapaxes(stored, -1, -2) if transposed else stored
    shown = shown[..., ::-1, :] if rows else shown
    return shown[..., ::-1] if columns else shown


def to_stored(shown: np.ndarray, orientation: int) -> np.ndarray:
    """The inverse of `to_shown`: an array (..., H, W) as shown, in the frame of the file."""
    transposed, rows, columns = _STEPS[orientation]
    stored = shown[..., ::-1] if columns else shown
    stored = stored[..., ::-1, :] if rows else stored
    return np.swapaxes(stored, -1, -2) if transposed else stored


def shown_size_hw(stored_hw: tuple[int, int], orientation: int) -> tuple[int, int]:
    """Height and width as shown of what is stored with another height and width."""
    height, width = stored_hw
    return (width, height) if _STEPS[orientation][0] else (height, width)
