"""What is known of a refined mask beside the earlier one, before anybody decides between them."""

from dataclasses import dataclass

import cv2
import numpy as np

from handbone.core.bone_masks import BoneMasks
from handbone.core.bone_probabilities import BoneProbabilities
from handbone.core.box import Box


@dataclass(frozen=True)
class MergeEvidence:
    """Two masks of a bone compared inside the refiner's ROI.

    Parameters
    ----------
    agreement: Dice of the later with the earlier mask; 1 where both are empty.
    area_ratio: later over earlier area; None without an earlier mask.
    shift: distance of the centroids in square roots of the earlier area; None where a mask is empty.
    before, after: mean probability inside the earlier and inside the later mask; 0 where it is empty.
    elsewhere: whether the earlier mask lies outside the ROI.
    solidity_gain: share of its convex hull that the later mask fills, less that of the earlier one: below 0 where the
        outline becomes ragged; None where a mask is empty.
    roi_after: mean of `after` over all bones of the ROI whose two masks agree by a Dice of .5; None without any.
    prior_before, prior_after: Dice of the earlier and of the later mask with what the anatomical prior makes of all
        masks; None where it was not asked.
    """

    agreement: float
    area_ratio: float | None = None
    shift: float | None = None
    before: float = 0.0
    after: float = 0.0
    elsewhere: bool = False
    solidity_gain: float | None = None
    roi_after: float | None = None
    prior_before: float | None = None
    prior_after: float | None = None


@dataclass(frozen=True, eq=False)
class Comparison:
    """Earlier and later probabilities of an image, and the part of it in which they are compared.

    Parameters
    ----------
    before, after: in the image's pixels. threshold: where they become masks.
    box: half-open; inside: bool (h, w), which of its pixels count.
    """

    before: BoneProbabilities
    after: BoneProbabilities
    threshold: float
    box: Box
    inside: np.ndarray

    def of(self, bone: int, masks: tuple[BoneMasks, BoneMasks]) -> MergeEvidence:
        """The evidence for one bone; masks: both sides at the threshold."""
        part = Box.around(m.boxes_xyxy[bone].tolist() for m in masks).shared(self.box)
        inside = self.inside[part.inside(self.box)]
        old, new = (roi_mask(m, bone, part) & inside for m in masks)
        old_area, new_area = int(np.count_nonzero(old)), int(np.count_nonzero(new))
        if not (old_area and new_area):
            return MergeEvidence(
                agreement=0.0 if old_area or new_area else 1.0,
                area_ratio=0.0 if old_area else None,
                before=_mean_inside(self.before, bone, part, old),
                after=_mean_inside(self.after, bone, part, new),
                elsewhere=not old_area and bool(masks[0].present()[bone]),
            )
        shared = int(np.count_nonzero(old & new))
        return MergeEvidence(
            agreement=round(2 * shared / (old_area + new_area), 4),
            area_ratio=round(new_area / old_area, 4),
            shift=round(float(np.hypot(*(_centroid_xy(new) - _centroid_xy(old))) / np.sqrt(old_area)), 4),
            before=_mean_inside(self.before, bone, part, old),
            after=_mean_inside(self.after, bone, part, new),
            solidity_gain=round(solidity(new) - solidity(old), 4),
        )


def solidity(mask: np.ndarray) -> float:
    """Share of its convex hull that the largest part of a mask, bool (h, w), fills, both as polygons; 1 for a line."""
    contours, _ = cv2.findContours(mask.view(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    largest = max(contours, key=cv2.contourArea)
    hull = cv2.contourArea(cv2.convexHull(largest))
    return cv2.contourArea(largest) / hull if hull else 1.0


def roi_mask(masks: BoneMasks, bone: int, box: Box) -> np.ndarray:
    """The part `box` of a bone's mask, bool (h, w), without making the mask of the whole image."""
    return box.cut(masks.crops[bone], masks.boxes_xyxy[bone].tolist())


def _mean_inside(probabilities: BoneProbabilities, bone: int, part: Box, mask: np.ndarray) -> float:
    if not mask.any():
        return 0.0
    values = part.cut(probabilities.crops[bone], probabilities.boxes_xyxy[bone].tolist())
    return round(float(values[mask].mean()) / 255, 4)


def _centroid_xy(mask: np.ndarray) -> np.ndarray:
    rows, columns = np.nonzero(mask)
    return np.array([columns.mean(), rows.mean()])
