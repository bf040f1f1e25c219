"""Labels of a whole image that were drawn in another frame: mirrored, turned, exchanged in x and y, scaled or moved.

Each of the eight ways to lay a rectangle on itself is fitted with one scale and one shift to the centroids of the bones
that the weights see (least squares in closed form; Umeyama 1991 with the rotation given). Contours moved so are then
compared by Dice.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from handbone.core.bone_masks import BoneMasks
from handbone.core.polygons import Polygons
from handbone.data.audit.label_evidence import Kind, LabelError, LabelEvidence, two_digits
from handbone.data.audit.label_overlap import dice

_ENOUGH = 6  # bones that are labelled and seen
_FITS, _CLEARLY = 0.6, 0.2  # Dice in the other frame, and how much it is better there
_FITS_WELL, _BETTER = 0.8, 0.1  # the same for labels that are not far off
_SAME_SIZE = 0.03  # of the scale
_TRIMMED = 0.75  # share of the bones that the second fit is made of

#: What labels have to be done to them, kind, and how they are said to lie.
_ORIENTATIONS: tuple[tuple[tuple[tuple[int, int], tuple[int, int]], Kind, str], ...] = (
    (((1, 0), (0, 1)), "scaled", "upright"),
    (((-1, 0), (0, 1)), "mirrored", "mirrored left to right"),
    (((1, 0), (0, -1)), "mirrored", "mirrored top to bottom"),
    (((0, 1), (1, 0)), "transposed", "drawn with x and y exchanged"),
    (((0, -1), (-1, 0)), "transposed", "drawn with x and y exchanged, and turned upside down"),
    (((0, 1), (-1, 0)), "turned", "turned by 90 degrees clockwise"),
    (((-1, 0), (0, -1)), "turned", "turned upside down"),
    (((0, -1), (1, 0)), "turned", "turned by 90 degrees counter-clockwise"),
)


@dataclass(frozen=True, eq=False)
class Fit:
    """Labels in another frame: `scale` times the rotation or reflection `matrix` (2, 2) plus `shift_xy`."""

    kind: Kind
    said: str
    matrix: np.ndarray
    scale: float
    shift_xy: np.ndarray
    residual: float

    def moved(self, polygons: Polygons) -> Polygons:
        """Contours in the frame of the image."""
        linear = self.scale * self.matrix
        return {
            bone: [polygon @ linear.T + self.shift_xy for polygon in contours] for bone, contours in polygons.items()
        }

    @cached_property
    def is_scaled(self) -> bool:
        """Whether the labels are of another size than the image."""
        return abs(self.scale - 1) > _SAME_SIZE


def misframed(evidence: LabelEvidence) -> LabelError | None:
    """That all labels of an image fit what the weights see after turning, mirroring or scaling them, if they do."""
    both = np.flatnonzero(evidence.labelled & evidence.seen)
    if len(both) < _ENOUGH:
        return None
    fit = min(_fits(evidence, both), key=lambda fit: fit.residual, default=None)
    if fit is None or (fit.kind == "scaled" and not fit.is_scaled):
        return None
    moved = BoneMasks.from_polygons(fit.moved(evidence.polygons), evidence.predicted.size_hw)
    there = float(np.median([dice(moved, bone, evidence.predicted, bone) for bone in both.tolist()]))
    here = float(np.median(evidence.own[both]))
    if not (there >= _FITS and there - here >= _CLEARLY) and not (there >= _FITS_WELL and there - here >= _BETTER):
        return None
    size = f"{1 / fit.scale:.2f} times as large as the hand" if fit.is_scaled else ""
    said = " and ".join(filter(None, ["" if fit.kind == "scaled" else fit.said, size]))
    message = f"all labels are {said}: Dice {two_digits(here)}, {two_digits(there)} when put right"
    return LabelError(fit.kind, tuple(both.tolist()), float(len(evidence.own)), message)


def _fits(evidence: LabelEvidence, both: np.ndarray) -> list[Fit]:
    """The best scale and shift in every orientation."""
    labels, seen = evidence.labels_centroids_xy[both], evidence.predicted.centroids_xy()[both]
    found = []
    for matrix, kind, said in _ORIENTATIONS:
        turned = labels @ np.array(matrix, float).T
        chosen = np.arange(len(both))
        # Twice: a few swapped or missing bones must not move the others.
        for _ in range(2):
            scale, shift = _scale_and_shift(turned[chosen], seen[chosen])
            distances = np.linalg.norm(scale * turned + shift - seen, axis=1)
            chosen = np.argsort(distances)[: max(_ENOUGH, int(_TRIMMED * len(both)))]
        if scale > 0:
            found.append(Fit(kind, said, np.array(matrix, float), scale, shift, float(np.median(distances))))
    return found


def _scale_and_shift(points: np.ndarray, targets: np.ndarray) -> tuple[float, np.ndarray]:
    middle, aim = points.mean(0), targets.mean(0)
    spread = float(((points - middle) ** 2).sum())
    scale = float(((points - middle) * (targets - aim)).sum()) / spread if spread else 0.0
    return scale, aim - scale * middle
