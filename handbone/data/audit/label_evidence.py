"""What labels and trained weights say of one image, side by side, and what an error in the labels is."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Literal, Self

import cv2
import numpy as np

from handbone import anatomy
from handbone.core.bone_masks import BoneMasks
from handbone.core.errors import ShapeError
from handbone.core.polygons import Polygons, polygon_areas, polygon_centroids_xy
from handbone.data.audit.label_overlap import dice_table
from handbone.data.plausible import REFERENCE_AREAS, hand_unit

Kind = Literal[
    "mirrored",
    "transposed",
    "turned",
    "scaled",
    "other-image",
    "swapped",
    "shifted",
    "missing",
    "doubled",
    "extra",
    "odd-outline",
    "not-judged",
]

#: The bones that touch each bone, by index.
NEIGHBOURS: list[list[int]] = [
    [anatomy.INDEX[other] for pair in anatomy.NEIGHBOURS if name in pair for other in pair if other != name]
    for name in anatomy.NAMES
]

_FITS = 0.5  # Dice from which a contour is of the same thing
_BESIDE = 0.2  # lengths of the third metacarpal between bones that touch, if contours are a little off
_USUAL_LOSS, _SPREADS = 0.25, 4.0  # how far below the usual fit a bone has to lie


@dataclass(frozen=True)
class LabelError:
    """Something wrong with the labels of one image.

    Parameters
    ----------
    kind: "mirrored", "transposed" (x and y exchanged), "turned" or "scaled" (all labels at once), "other-image" (labels
        of another image or hand), "swapped" (labels on other bones), "shifted" (beside the bone), "missing" (a bone
        without a label), "doubled" (two contours of one bone), "extra" (a label where there is no such bone),
        "odd-outline" (too large or too small), or "not-judged" (the weights cannot read this image, which accuses no
        label).
    bones: indices of the bones concerned, in anatomy order.
    severity: about how many bones' worth of Dice the labels lose, from 0 to 29; the worst is the largest.
    message: one clause with names and metrics.
    """

    kind: Kind
    bones: tuple[int, ...]
    severity: float
    message: str

    def to_json(self) -> dict:
        """The error as JSON values, bones by name."""
        return asdict(self) | {"bones": [anatomy.NAMES[b] for b in self.bones], "severity": round(self.severity, 3)}


@dataclass(frozen=True, eq=False)
class LabelEvidence:
    """Labels and prediction of one image, with the metrics that several rules need.

    Parameters
    ----------
    polygons: the labels' contours.
    labels, predicted: masks in the same image.
    confidence: (29,) of the weights, 0 to 1.
    """

    polygons: Polygons
    labels: BoneMasks
    predicted: BoneMasks
    confidence: np.ndarray

    @classmethod
    def of(
        cls, labels: Polygons | BoneMasks, predicted: BoneMasks, confidence: Mapping[int, float] | np.ndarray
    ) -> Self:
        """From labels as contours or as masks; ShapeError where they are not of one image or of 29 bones."""
        if isinstance(confidence, Mapping):
            confidence = np.array([confidence.get(bone, 0.0) for bone in range(anatomy.COUNT)])
        confidence = np.asarray(confidence, np.float64)
        if confidence.shape != (anatomy.COUNT,):
            raise ShapeError("confidence", f"({anatomy.COUNT},)", confidence.shape)
        if not isinstance(labels, BoneMasks):
            return cls(labels, BoneMasks.from_polygons(labels, predicted.size_hw), predicted, confidence)
        if labels.size_hw != predicted.size_hw:
            raise ShapeError("the labels' image", str(predicted.size_hw), labels.size_hw)
        return cls(labels.polygons(), labels, predicted, confidence)

    @cached_property
    def table(self) -> np.ndarray:
        """(29, 29) Dice of each label (row) with each bone that the weights see (column)."""
        return dice_table(self.labels, self.predicted)

    @cached_property
    def own(self) -> np.ndarray:
        """(29,) Dice of each label with its own bone."""
        return np.diag(self.table).copy()

    @cached_property
    def labelled(self) -> np.ndarray:
        """(29,) bool, bones with a label inside the image."""
        return self.labels.present()

    @cached_property
    def labels_centroids_xy(self) -> np.ndarray:
        """(29, 2) centroids of the labels, also of those that leave the image; NaN where there is none."""
        return polygon_centroids_xy(self.polygons)

    @cached_property
    def seen(self) -> np.ndarray:
        """(29,) bool, bones that the weights see."""
        return self.predicted.present()

    @cached_property
    def sure(self) -> np.ndarray:
        """(29,) the weights' confidence over their usual one in this image; 0 for bones that they don't see."""
        usual = float(np.median(self.confidence[self.seen])) if self.seen.any() else 0.0
        return np.where(self.seen, self.confidence / usual, 0.0) if usual > 0 else np.zeros(anatomy.COUNT)

    @cached_property
    def fitting(self) -> np.ndarray:
        """(29,) bool, labels that fit anything that the weights see, under whatever name."""
        return self.labelled & (self.table.max(1) >= _FITS)

    @cached_property
    def fit(self) -> float:
        """The usual Dice of labels with what they fit best, under whatever name."""
        return float(np.median(self.table.max(1)[self.fitting])) if self.fitting.any() else 0.0

    @cached_property
    def low(self) -> float:
        """Dice below which a bone fits clearly worse than is usual in this image."""
        best = self.table.max(1)[self.fitting]
        spread = 1.4826 * float(np.median(np.abs(best - self.fit))) if len(best) else 0.0
        return max(self.fit - max(_USUAL_LOSS, _SPREADS * spread), 0.0)

    @cached_property
    def unit(self) -> float:
        """The length in pixels that the third metacarpal should have; NaN where nothing is labelled or seen."""
        areas = polygon_areas(self.polygons)
        return hand_unit(areas if np.count_nonzero(areas) >= 6 else self.predicted.areas())

    def stray(self, bone: int, area: float) -> float:
        """How far an area is from that of this bone in other hands, as the absolute logarithm of their ratio."""
        return float(abs(np.log(area / self.unit**2 / REFERENCE_AREAS[bone])))

    def taken(self, bone: int) -> bool:
        """Whether another bone's label has the contour that the weights give to this bone."""
        return bool(np.delete(self.table[:, bone], bone).max() >= max(0.85 * self.fit, _FITS))

    def hangs_on(self, bone: int) -> bool:
        """Whether the weights see a bone beside one of its neighbours; one elsewhere is a mistake of theirs."""
        beside = [other for other in NEIGHBOURS[bone] if self.seen[other]]
        return any(self.gap(self._seen_polygons[bone], other) <= _BESIDE * self.unit for other in beside)

    def gap(self, polygons: list[np.ndarray], bone: int) -> float:
        """Pixels from contours (n, 2) to a bone as the weights see it; 0 where they touch or where it is not seen."""
        contours = self._seen_polygons.get(bone, [])
        points = np.concatenate(polygons).astype(float)
        points = points[:: max(1, len(points) // 60)].tolist()
        inside = [cv2.pointPolygonTest(contour, (x, y), True) for contour in contours for x, y in points]
        return max(0.0, -max(inside)) if inside else 0.0

    @cached_property
    def _seen_polygons(self) -> Polygons:
        return self.predicted.polygons()


def two_digits(value: float) -> str:
    """A share or a Dice for a message: ".02"."""
    return f"{value:.2f}".removeprefix("0")
