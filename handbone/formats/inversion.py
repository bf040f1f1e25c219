"""Whether a radiograph shows bones dark on a bright background."""

import cv2
import numpy as np

_SIDE = 256
# A frame round the image is flat, and ends in a straight step along most of its length.
_FLAT, _STEP, _STRAIGHT = 0.04, 0.12, 0.5
_MOST = 0.35  # of the image, on each side


def is_inverted(image: np.ndarray) -> bool:
    """Whether a radiograph (H, W) in [0, 1] shows bones dark on a bright background.

    The background reaches the left and right edges; the hand, which attenuates, fills the middle. Bands along both
    sides are compared with the middle, each column by its median, so that a bright strip, a plate's frame or a side
    marker does not decide. A flat frame round the image, a light box's or a shutter's, is cut off before.
    """
    small = cv2.resize(image, (_SIDE, _SIDE), interpolation=cv2.INTER_AREA)
    small = cv2.resize(_without_frame(small), (64, 64), interpolation=cv2.INTER_AREA)
    columns = np.median(small[8:56], axis=0)
    # The outermost columns may be the frame of a scanned film.
    sides = np.concatenate([columns[2:12], columns[-12:-2]])
    middle = float(np.median(columns[24:40]))
    return float(np.median(sides)) > max(middle, 0.5)


def _without_frame(image: np.ndarray) -> np.ndarray:
    """The image (n, n) without what frames it: flat bands along its edges that end in a straight step."""
    left, right = _band(image), _band(image[:, ::-1])
    inner = image[:, left : image.shape[1] - right]
    top, bottom = _band(inner.T), _band(inner.T[:, ::-1])
    return inner[top : image.shape[0] - bottom]


def _band(image: np.ndarray) -> int:
    """Columns of the frame along the left edge of an image (n, m); 0 without one.

    A background is flat, too, but ends at the contour of a hand and in no straight line.
    """
    most = int(_MOST * image.shape[1])
    level = float(np.median(image[:, 0]))
    like = np.abs(image[:, : most + 1] - level) < _FLAT
    flat = int(np.argmin(np.append(like.mean(0) > 0.97, False)))
    if not 0 < flat <= most:
        return 0
    # Between frame and image lies a column in which both are mixed.
    step = np.abs(image[:, min(flat + 1, image.shape[1] - 1)] - level) > _STEP
    return flat + 1 if step.mean() > _STRAIGHT else 0
