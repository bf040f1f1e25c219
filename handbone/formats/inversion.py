"""Whether a radiograph shows bones dark on a bright background."""

import cv2
import numpy as np


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
