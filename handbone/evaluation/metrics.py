"""How well two sets of masks agree: Dice as the contest computes it, and boundary metrics, since Dice saturates.

Boundaries are the pixels of a mask with one of their four neighbours, or the picture's edge, outside it; distances are
Euclidean, in pixels between pixel centres, from each pixel of one boundary to the nearest of the other. These are the
definitions of "surface Dice" (Nikolov et al., 2018, arXiv:1809.04430) and of the 95th percentile Hausdorff distance as
MONAI computes them, on the whole picture.
"""

from collections.abc import Sequence

import cv2
import numpy as np

from handbone import anatomy
from handbone.errors import ShapeError
from handbone.masks.bone_masks import BoneMasks, shared_area, union_box

# The contest's own constant: it makes the Dice of two empty masks 1.
_EPSILON = 1e-4
_CROSS = cv2.getStructuringElement(cv2.MORPH_CROSS, (3, 3))


def dice_contest(truth: BoneMasks, masks: BoneMasks) -> np.ndarray:
    """The contest's Dice of each bone, (2 |A n B| + 1e-4) / (|A| + |B| + 1e-4), float64 (29,); 1 where both are empty.

    Raises
    ------
    ShapeError: for masks of pictures of different sizes.
    """
    _same_picture(truth, masks)
    shared = np.array([shared_area(truth, bone, masks, bone) for bone in range(anatomy.COUNT)])
    return (2 * shared + _EPSILON) / (truth.areas() + masks.areas() + _EPSILON)


def both_empty(truth: BoneMasks, masks: BoneMasks) -> np.ndarray:
    """(29,) bool, the bones that neither has: the contest gives them Dice 1, which says nothing."""
    return ~truth.present() & ~masks.present()


def boundary_distances(truth: BoneMasks, masks: BoneMasks) -> list[tuple[np.ndarray, np.ndarray]]:
    """For each bone, distances from each boundary pixel of the truth to the masks' boundary, and the other way.

    Where one side is empty the other's distances are infinite; where both are, there are none.

    Raises
    ------
    ShapeError: for masks of pictures of different sizes.
    """
    _same_picture(truth, masks)
    return [_distances(truth, masks, bone) for bone in range(anatomy.COUNT)]


def nsd(truth: BoneMasks, masks: BoneMasks, tolerance_px: float) -> np.ndarray:
    """Normalised surface distance of each bone, float64 (29,): the share of both boundaries within `tolerance_px`.

    0 where one side is empty, NaN where both are.
    """
    return nsd_of(boundary_distances(truth, masks), tolerance_px)


def hd95(truth: BoneMasks, masks: BoneMasks) -> np.ndarray:
    """95th percentile Hausdorff distance of each bone in pixels, float64 (29,): the larger of both directions.

    The picture's diagonal, the worst there is, where one side is empty, so that a lost bone counts in a mean; NaN where
    both are.
    """
    return hd95_of(boundary_distances(truth, masks), truth.size_hw)


def nsd_of(distances: Sequence[tuple[np.ndarray, np.ndarray]], tolerance_px: float) -> np.ndarray:
    """`nsd` from distances that are known already."""
    both = [np.concatenate(pair) for pair in distances]
    return np.array([np.mean(each <= tolerance_px) if len(each) else np.nan for each in both])


def hd95_of(distances: Sequence[tuple[np.ndarray, np.ndarray]], size_hw: tuple[int, int]) -> np.ndarray:
    """`hd95` from distances that are known already, in a picture of `size_hw`."""
    values = np.full(len(distances), np.nan)
    for bone, (there, back) in enumerate(distances):
        if len(there) and len(back):
            values[bone] = max(np.percentile(there, 95), np.percentile(back, 95))
        elif len(there) or len(back):
            values[bone] = np.hypot(*size_hw)
    return values


def _distances(truth: BoneMasks, masks: BoneMasks, bone: int) -> tuple[np.ndarray, np.ndarray]:
    box = union_box([truth.boxes_xyxy[bone].tolist(), masks.boxes_xyxy[bone].tolist()])
    first, second = _boundary(truth, bone, box), _boundary(masks, bone, box)
    return _to_nearest(second)[first], _to_nearest(first)[second]


def _boundary(masks: BoneMasks, bone: int, box: tuple[int, int, int, int]) -> np.ndarray:
    """The boundary pixels of one bone in a box that holds it, bool (h, w)."""
    boundary = np.zeros((box[3] - box[1], box[2] - box[0]), bool)
    crop = masks.crops[bone]
    if crop.size:
        left, top, right, bottom = (masks.boxes_xyxy[bone] - np.array(box[:2] * 2)).tolist()
        whole = crop.view(np.uint8)
        inner = cv2.erode(whole, _CROSS, borderType=cv2.BORDER_CONSTANT, borderValue=0)
        boundary[top:bottom, left:right] = whole != inner
    return boundary


def _to_nearest(boundary: np.ndarray) -> np.ndarray:
    """The distance of every pixel of the box to the nearest boundary pixel, float32 (h, w)."""
    if not boundary.any():
        return np.full(boundary.shape, np.inf, np.float32)
    return cv2.distanceTransform((~boundary).view(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)


def _same_picture(truth: BoneMasks, masks: BoneMasks) -> None:
    if truth.size_hw != masks.size_hw:
        raise ShapeError("the masks' picture", f"{truth.size_hw} like the truth's", masks.size_hw)
