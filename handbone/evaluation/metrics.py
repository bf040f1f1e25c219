"""Agreement of two sets of masks: the contest's Dice, and boundary metrics, because Dice saturates.

Boundaries are the pixels of a mask with one of their four neighbours, or the image's edge, outside it; distances are
Euclidean, in pixels between pixel centres, from each pixel of one boundary to the nearest of the other. These are the
definitions of "surface Dice" (Nikolov et al., 2018, arXiv:1809.04430) and of the 95th percentile Hausdorff distance as
MONAI computes them, on the whole image.

Boundary IoU (Cheng et al., 2021, arXiv:2103.16562) compares the inner bands along two contours: |A_d n B_d| over
|A_d u B_d|, where A_d are the pixels of A nearer than d pixels to a boundary pixel of A. Along a straight outline that
band is d pixels wide. The paper takes 2 % of the image's diagonal for d; of a 2048 image those would be 58 pixels,
which is a whole carpal, so d is given in pixels here.
"""

from collections.abc import Sequence

import numpy as np

from handbone import anatomy
from handbone.core.bone_masks import BoneMasks, shared_area
from handbone.evaluation.boundaries import BAND_PX, Boundaries, compare_boundaries, refuse_other_image

# The contest's own constant: it makes the Dice of two empty masks 1.
_EPSILON = 1e-4


def dice_contest(ground_truth: BoneMasks, masks: BoneMasks) -> np.ndarray:
    """The contest's Dice of each bone, (2 |A n B| + 1e-4) / (|A| + |B| + 1e-4), float64 (29,); 1 where both are empty.

    Raises
    ------
    ShapeError: for masks of images of different sizes.
    """
    refuse_other_image(ground_truth, masks)
    shared = np.array([shared_area(ground_truth, bone, masks, bone) for bone in range(anatomy.COUNT)])
    return (2 * shared + _EPSILON) / (ground_truth.areas() + masks.areas() + _EPSILON)


def both_empty(ground_truth: BoneMasks, masks: BoneMasks) -> np.ndarray:
    """(29,) bool, the bones that are empty in both; the contest gives them a meaningless Dice of 1."""
    return ~ground_truth.present() & ~masks.present()


def nsd(ground_truth: BoneMasks, masks: BoneMasks, tolerance_px: float) -> np.ndarray:
    """Normalised surface distance of each bone, float64 (29,): the share of both boundaries within `tolerance_px`.

    0 where one side is empty, NaN where both are.
    """
    return nsd_of(compare_boundaries(ground_truth, masks), tolerance_px)


def hd95(ground_truth: BoneMasks, masks: BoneMasks) -> np.ndarray:
    """95th percentile Hausdorff distance of each bone in pixels, float64 (29,): the larger of both directions.

    If one side is empty it is the image's diagonal, the worst value, so that a missed bone counts in a mean; NaN if
    both are.
    """
    return hd95_of(compare_boundaries(ground_truth, masks), ground_truth.size_hw)


def boundary_iou(ground_truth: BoneMasks, masks: BoneMasks, band_px: float = BAND_PX) -> np.ndarray:
    """Boundary IoU of each bone, float64 (29,), of inner bands `band_px` wide; see the module.

    0 where one side is empty, NaN where both are.
    """
    return boundary_iou_of(compare_boundaries(ground_truth, masks, band_px=band_px))


def iou(ground_truth: BoneMasks, masks: BoneMasks) -> np.ndarray:
    """Intersection over union of each bone, float64 (29,); 0 where one side is empty, NaN where both are.

    Raises
    ------
    ShapeError: for masks of images of different sizes.
    """
    refuse_other_image(ground_truth, masks)
    shared = np.array([shared_area(ground_truth, bone, masks, bone) for bone in range(anatomy.COUNT)], float)
    either = ground_truth.areas() + masks.areas() - shared
    return np.divide(shared, either, out=np.full(anatomy.COUNT, np.nan), where=either > 0)


def assd(ground_truth: BoneMasks, masks: BoneMasks) -> np.ndarray:
    """Average symmetric surface distance of each bone in pixels, float64 (29,): the mean over both boundaries.

    The image's diagonal where one side is empty, NaN where both are, as for `hd95`.
    """
    return assd_of(compare_boundaries(ground_truth, masks), ground_truth.size_hw)


def nsd_of(pairs: Sequence[Boundaries], tolerance_px: float) -> np.ndarray:
    """`nsd` of boundaries that are already compared."""
    both = [np.concatenate([pair.there, pair.back]) for pair in pairs]
    return np.array([np.mean(each <= tolerance_px) if len(each) else np.nan for each in both])


def hd95_of(pairs: Sequence[Boundaries], size_hw: tuple[float, float]) -> np.ndarray:
    """`hd95` of boundaries that are already compared, in an image of `size_hw`, in the unit of their distances."""
    values = np.full(len(pairs), np.nan)
    for bone, pair in enumerate(pairs):
        if len(pair.there) and len(pair.back):
            values[bone] = max(np.percentile(pair.there, 95), np.percentile(pair.back, 95))
        elif len(pair.there) or len(pair.back):
            values[bone] = np.hypot(*size_hw)
    return values


def assd_of(pairs: Sequence[Boundaries], size_hw: tuple[float, float]) -> np.ndarray:
    """`assd` of boundaries that are already compared, in an image of `size_hw`, in the unit of their distances."""
    values = np.full(len(pairs), np.nan)
    for bone, pair in enumerate(pairs):
        if len(pair.there) and len(pair.back):
            values[bone] = np.concatenate([pair.there, pair.back]).mean()
        elif len(pair.there) or len(pair.back):
            values[bone] = np.hypot(*size_hw)
    return values


def boundary_iou_of(pairs: Sequence[Boundaries]) -> np.ndarray:
    """`boundary_iou` of boundaries that are already compared."""
    return np.array([pair.shared_band / pair.either_band if pair.either_band else np.nan for pair in pairs])
