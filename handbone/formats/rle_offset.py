"""Whether masks lie one pixel beside the edges of their image, as run lengths do that were counted from 0.

Contours may run inside or outside of the edges, and whoever drew them may have rounded down: either moves left and
right, or x and y, alike. What is left is how much farther the masks lie along the runs than across them.
"""

from collections.abc import Sequence

import cv2
import numpy as np

from handbone.core.bone_masks import BoneMasks

_REACH = 5  # pixels that an edge is looked for on either side of a contour
_BLUR = 1.0
_FEWEST_PIXELS = 12  # of one side of a bone
_FEWEST_BONES = 10
_LEAST_PEAK = 1.5  # of a bone's edge, in times of what lies around it
_HALF, _MOST = 0.5, 1.6
_ERRORS = 2.0  # standard errors that the mean keeps from the limits


def offsets(masks: BoneMasks, image: np.ndarray, *, down: bool = False) -> list[float]:
    """How many pixels farther along the runs than across them an image's edges lie from each bone's contour.

    Bones whose edges cannot be seen have no entry.

    Parameters
    ----------
    masks: of the image. image: grey (H, W), bones bright. down: whether runs go down the columns.
    """
    smooth = cv2.GaussianBlur(np.asarray(image, np.float32), (0, 0), _BLUR)
    found = (_beside(masks, bone, smooth, down) for bone in np.flatnonzero(masks.present()).tolist())
    return [offset for offset in found if offset is not None]


def is_one_pixel(found: Sequence[float]) -> bool:
    """Whether the offsets of a file's bones are those of masks that begin one pixel too early, beyond doubt."""
    if len(found) < _FEWEST_BONES:
        return False
    mean, doubt = float(np.mean(found)), _ERRORS * float(np.std(found, ddof=1)) / len(found) ** 0.5
    return mean - doubt > _HALF and mean + doubt < _MOST


def _beside(masks: BoneMasks, bone: int, image: np.ndarray, down: bool) -> float | None:
    """How many pixels farther the edges lie than a bone's contour, along the runs less across them; None if unclear."""
    box = masks.boxes_xyxy[bone].tolist()
    along = _offset(masks.crops[bone], image, box)
    across = _offset(masks.crops[bone].T, image.T, [box[1], box[0], box[3], box[2]])
    if along is None or across is None:
        return None
    return across - along if down else along - across


def _offset(crop: np.ndarray, image: np.ndarray, box: list[int]) -> float | None:
    """Mean distance in x of the image's edges from a mask's left and right ones; None where they cannot be seen."""
    left, top, right, bottom = box
    low, high = left - _REACH - 1, right + _REACH + 2
    if low < 0 or high > image.shape[1]:
        return None
    # steps[:, x] is what the image rises from column low + x to the next.
    steps = np.diff(image[top:bottom, low:high], axis=1)
    edges = np.diff(np.pad(crop.astype(np.int8), ((0, 0), (_REACH + 1, _REACH + 2))), axis=1)
    rising, falling = (_peak(steps * sign, edges == sign) for sign in (1, -1))
    return None if rising is None or falling is None else (rising + falling) / 2


def _peak(steps: np.ndarray, edges: np.ndarray) -> float | None:
    """How far from a mask's edges the image rises most, to a fraction of a pixel."""
    rows, columns = np.nonzero(edges)
    if len(rows) < _FEWEST_PIXELS:
        return None
    reach = np.arange(-_REACH, _REACH + 1)
    profile = steps[rows[:, None], columns[:, None] + reach].mean(0)
    at = int(profile.argmax())
    if at in (0, len(reach) - 1) or profile[at] <= _LEAST_PEAK * np.abs(profile).mean():
        return None
    before, here, after = profile[at - 1 : at + 2]
    return float(reach[at] + 0.5 * (before - after) / (before - 2 * here + after))
