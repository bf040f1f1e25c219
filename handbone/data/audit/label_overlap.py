"""How the contours of two sources lie on each other, bone by bone: the metrics behind doubts about labels."""

import numpy as np

from handbone import anatomy
from handbone.core.bone_masks import BoneMasks, shared_area

# A tie between a bone's own name and another goes to its own, even where the other fits a little better.
_OWN_BONUS = 0.05


def dice(masks: BoneMasks, bone: int, others: BoneMasks, other: int) -> float:
    """Dice of one bone of `masks` with one of `others`, 0 where either is absent; 2 |A n B| / (|A| + |B|)."""
    total = np.count_nonzero(masks.crops[bone]) + np.count_nonzero(others.crops[other])
    return 2 * shared_area(masks, bone, others, other) / total if total else 0.0


def dice_table(masks: BoneMasks, others: BoneMasks) -> np.ndarray:
    """(29, 29) float64, Dice of each bone of `masks` (row) with each of `others` (column).

    Both are of the same image. Pairs whose boxes are apart cost nothing.
    """
    a, b = masks.boxes_xyxy[:, None], others.boxes_xyxy[None]
    meet = (np.minimum(a[..., 2:], b[..., 2:]) > np.maximum(a[..., :2], b[..., :2])).all(-1)
    areas = masks.areas()[:, None] + others.areas()[None]
    table = np.zeros((anatomy.COUNT, anatomy.COUNT))
    for bone, other in np.argwhere(meet).tolist():
        table[bone, other] = 2 * shared_area(masks, bone, others, other) / areas[bone, other]
    return table


def match(table: np.ndarray, least: float) -> dict[int, int]:
    """Which bone of the columns each row lies on: one to one, the best fitting pairs first, none below `least`.

    The bones of one image overlap little (Dice up to .78 for Pisiform on Triquetrum), so that a right pair is best
    in its row and its column: taking the best pairs first is then the optimal assignment.
    """
    left = np.where(table >= least, table + _OWN_BONUS * np.eye(len(table)), -1.0)
    pairs = {}
    while (best := int(left.argmax())) >= 0 and left.flat[best] >= 0:
        row, column = divmod(best, len(table))
        pairs[row] = column
        left[row], left[:, column] = -1.0, -1.0
    return pairs


def moved(masks: BoneMasks, bone: int, offset_xy: np.ndarray) -> BoneMasks:
    """One bone alone, moved by whole pixels (x, y); it may leave the image."""
    left, top = (masks.boxes_xyxy[bone, :2] + np.rint(offset_xy).astype(int)).tolist()
    return BoneMasks.from_crops({bone: (masks.crops[bone], (left, top))}, masks.size_hw)


def part(polygons: list[np.ndarray], bone: int, size_hw: tuple[int, int]) -> BoneMasks:
    """The mask of some contours (n, 2) of a bone alone."""
    return BoneMasks.from_polygons({bone: polygons}, size_hw)
