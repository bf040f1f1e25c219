"""From a decoded picture to what a network reads of it; what it shall answer is `handbone.core.rasterise.coverage`.

For speed a picture is warped to the network's size first, augmented there, and its moved outlines are rasterised last.
"""

import numpy as np

from handbone.core.frame import Frame
from handbone.data.cache import as_image


def network_input(values: np.ndarray, frame: Frame) -> np.ndarray:
    """What a network reads of a picture: float32 (h, w) in [0, 1], black outside the picture.

    Parameters
    ----------
    values: (H, W) float32 in [0, 1], or uint8 or uint16 as `PictureCache.open` gives them.
    frame: the picture's map to the network's grid.
    """
    # Warping whole numbers costs a third of warping float32, and the grid is smaller than the picture.
    return as_image(frame.warp(np.asarray(values)))
