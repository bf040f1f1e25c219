"""What is known of a refined mask beside the earlier one, before anybody decides between them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from handbone.core.bone_masks import BoneMasks
from handbone.core.bone_probabilities import BoneProbabilities

Box = tuple[int, int, int, int]


@dataclass(frozen=True)
class Evidence:
    """Two masks of a bone compared inside the refiner's window.

    Parameters
    ----------
    agreement: Dice of the later with the earlier mask; 1 where both are empty.
    area_ratio: later over earlier area; None without an earlier mask.
    shift: distance of the centroids in square roots of the earlier area; None where a mask is empty.
    before, after: mean probability inside the earlier and inside the later mask; 0 where it is empty.
    elsewhere: whether the earlier mask lies outside the window.
    """

    agreement: float
    area_ratio: float | None = None
    shift: float | None = None
    before: float = 0.0
    after: float = 0.0
    elsewhere: bool = False


@dataclass(frozen=True, eq=False)
class Comparison:
    """Earlier and later probabilities of a picture, and the part of it in which they are compared.

    Parameters
    ----------
    before, after: in the picture's pixels. threshold: where they become masks.
    box: half-open; inside: bool (h, w), which of its pixels count.
    """

    before: BoneProbabilities
    after: BoneProbabilities
    threshold: float
    box: Box
    inside: np.ndarray

    def of(self, bone: int, masks: tuple[BoneMasks, BoneMasks]) -> Evidence:
        """The evidence for one bone; masks: both sides at the threshold."""
        part = shared_box(around(*(m.boxes_xyxy[bone] for m in masks)), self.box)
        x, y = self.box[:2]
        inside = self.inside[part[1] - y : part[3] - y, part[0] - x : part[2] - x]
        old, new = (window_mask(m, bone, part) & inside for m in masks)
        old_area, new_area = int(np.count_nonzero(old)), int(np.count_nonzero(new))
        if not (old_area and new_area):
            return Evidence(
                agreement=0.0 if old_area or new_area else 1.0,
                area_ratio=0.0 if old_area else None,
                before=_mean_inside(self.before, bone, part, old),
                after=_mean_inside(self.after, bone, part, new),
                elsewhere=not old_area and masks[0].areas()[bone] > 0,
            )
        shared = int(np.count_nonzero(old & new))
        return Evidence(
            agreement=round(2 * shared / (old_area + new_area), 4),
            area_ratio=round(new_area / old_area, 4),
            shift=round(float(np.hypot(*(_centroid_xy(new) - _centroid_xy(old))) / np.sqrt(old_area)), 4),
            before=_mean_inside(self.before, bone, part, old),
            after=_mean_inside(self.after, bone, part, new),
        )


def window_mask(masks: BoneMasks, bone: int, box: Box) -> np.ndarray:
    """The part `box` of a bone's mask, bool (h, w), without making the mask of the whole picture."""
    return _part(masks.crops[bone], masks.boxes_xyxy[bone], box)


def shared_box(one: Sequence[int], other: Sequence[int]) -> Box:
    """What two half-open boxes share; a box without area, inside `other`, where they share nothing."""
    left, top = (int(np.clip(one[i], other[i], other[i + 2])) for i in (0, 1))
    right, bottom = (int(np.clip(one[i + 2], (left, top)[i], other[i + 2])) for i in (0, 1))
    return left, top, right, bottom


def around(*boxes: Sequence[int]) -> Box:
    """The smallest box around boxes; those without area don't count."""
    filled = np.array([box for box in boxes if box[0] < box[2]], int).reshape(-1, 4)
    if not len(filled):
        return 0, 0, 0, 0
    return (*filled[:, :2].min(0).tolist(), *filled[:, 2:].max(0).tolist())


def _part(crop: np.ndarray, at: Sequence[int], box: Box) -> np.ndarray:
    left, top, right, bottom = box
    part = np.zeros((bottom - top, right - left), crop.dtype)
    x0, y0, x1, y1 = shared_box(at, box)
    part[y0 - top : y1 - top, x0 - left : x1 - left] = crop[y0 - at[1] : y1 - at[1], x0 - at[0] : x1 - at[0]]
    return part


def _mean_inside(probabilities: BoneProbabilities, bone: int, part: Box, mask: np.ndarray) -> float:
    if not mask.any():
        return 0.0
    values = _part(probabilities.crops[bone], probabilities.boxes_xyxy[bone], part)
    return round(float(values[mask].mean()) / 255, 4)


def _centroid_xy(mask: np.ndarray) -> np.ndarray:
    rows, columns = np.nonzero(mask)
    return np.array([columns.mean(), rows.mean()])
