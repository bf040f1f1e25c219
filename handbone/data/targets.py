"""From a decoded image to what a network reads of it; what it shall answer is `handbone.core.rasterise.coverage`.

For speed an image is warped to the network's size first, augmented there, and its moved contours are rasterised last.
"""

import numpy as np

from handbone.core.frame import Frame
from handbone.data.cache import as_image


def network_input(values: np.ndarray, frame: Frame) -> np.ndarray:
    """What a network reads of an image: float32 (h, w) in [0, 1], black outside the image.

    Parameters
    ----------
    values: (H, W) float32 in [0, 1], or uint8 or uint16 as `ImageCache.open` gives them.
    frame: the image's map to the network's grid.
    """
    # Warping whole numbers costs a third of warping float32, and the grid is smaller than the image.
    return as_image(frame.warp(np.asarray(values)))
