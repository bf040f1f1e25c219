"""What networks leave, taken away or filled where the prior is sure: spurs, crumbs, patches, bites."""

from collections.abc import Iterable

import cv2
import numpy as np

from handbone.core.bone_probabilities import BoneProbabilities
from handbone.core.box import Box
from handbone.core.frame import Frame

# Pixels of the canonical grid by which a contour may run wrong untouched: 2 of them are 2.3 mm of an adult's hand.
_REACH = 2
# Nothing of a bone lies where the prior gives less, all within `_REACH` included; and a bone lies where it gives more.
_NEVER, _EVER = 0.15, 0.85
# Of 255: what a filled bite gets.
_FILLED = 192
_DISC = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * _REACH + 1, 2 * _REACH + 1))


def repaired(
    probabilities: BoneProbabilities,
    coverage: np.ndarray,
    expected: np.ndarray,
    frame: Frame,
    bones: Iterable[int],
) -> tuple[BoneProbabilities, dict[int, tuple[int, int]]]:
    """The probabilities without what no hand has there, and with what every hand has there.

    Parameters
    ----------
    probabilities: in the image.
    coverage, expected: float32 (29, h, w) in [0, 1] on the frame's grid, of the masks and the prior's.
    bones: indices of those that may change.

    Returns
    -------
    The probabilities, and by bone that changed the pixels of the image taken from its mask and added to it.
    """
    parts = [
        (crop, tuple(box)) for crop, box in zip(probabilities.crops, probabilities.boxes_xyxy.tolist(), strict=True)
    ]
    changed = {}
    for bone in bones:
        core, hull = cv2.erode(expected[bone], _DISC), cv2.dilate(expected[bone], _DISC)
        seen = coverage[bone] > 0.5
        if ((seen & (hull < _NEVER)) | (~seen & (core > _EVER))).any():
            part, box, taken, added = _mended(*parts[bone], core, hull, frame, probabilities.size_hw)
            if taken or added:
                parts[bone], changed[bone] = (part, box), (taken, added)
    return BoneProbabilities.from_crops(parts, probabilities.size_hw), changed


def _mended(
    crop: np.ndarray,
    box: tuple[int, int, int, int],
    core: np.ndarray,
    hull: np.ndarray,
    frame: Frame,
    image_hw: tuple[int, int],
) -> tuple[np.ndarray, Box, int, int]:
    """The crop, its box, and how many pixels of the mask were taken away and filled."""
    wide = Box.around([box, _seen_box(core > _EVER, frame, image_hw)])
    left, top = box[0] - wide[0], box[1] - wide[1]
    value = np.zeros((wide[3] - wide[1], wide[2] - wide[0]), np.uint8)
    value[top : top + crop.shape[0], left : left + crop.shape[1]] = crop
    # Beyond the square the prior knows nothing: a forearm goes on there.
    never = frame.unwarp(hull, image_hw, border=1.0, box_xyxy=wide) < _NEVER
    ever = frame.unwarp(core, image_hw, box_xyxy=wide) > _EVER
    taken, added = never & (value >= 128), ever & (value < 128)
    mended = np.where(never, 0, np.where(added, _FILLED, value)).astype(np.uint8)
    return mended, wide, int(np.count_nonzero(taken)), int(np.count_nonzero(added))


def _seen_box(mask: np.ndarray, frame: Frame, image_hw: tuple[int, int]) -> tuple[int, int, int, int]:
    """The box in the image around what a mask of the grid covers; without area where it is empty."""
    rows, columns = np.nonzero(mask)
    if not len(rows):
        return 0, 0, 0, 0
    low, high = np.array([columns.min(), rows.min()]) - 1, np.array([columns.max(), rows.max()]) + 1
    corners = frame.to_image(np.array([[low[0], low[1]], [high[0], low[1]], [high[0], high[1]], [low[0], high[1]]]))
    height, width = image_hw
    left, top = np.clip(np.floor(corners.min(0)), 0, (width, height)).astype(int).tolist()
    right, bottom = np.clip(np.ceil(corners.max(0)) + 1, (left, top), (width, height)).astype(int).tolist()
    return left, top, right, bottom
