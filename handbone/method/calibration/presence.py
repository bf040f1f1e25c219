"""How likely a bone's mask is right: calibrated on phantoms, some of whose bones are missing, cut or hidden.

A network's probability says how sure it is of pixels, not of a bone. Logistic regression on four features turns what is
known of a mask into the probability that it overlaps its bone by a Dice of at least one half.
"""

from collections.abc import Iterable
from typing import Self

import numpy as np
from pydantic import Field

from handbone import anatomy
from handbone.core.bone_probabilities import BoneProbabilities
from handbone.data.plausible import REFERENCE_AREAS
from handbone.method.calibration import logistic
from handbone.method.pose.canonical import CENTROIDS_XY, SPREAD
from handbone.method.pose.registration import fit_pose
from handbone.recipe import schema

_FEATURES = 4
# Areas in squares of the third metacarpal's length, straying in usual spreads; beyond these more says nothing.
_MOST_AREA, _MOST_STRAY = 2.0, 5.0


class Presence(schema.Table):
    """Coefficients of the logistic regression, the constant first, over `features`."""

    coefficients: tuple[float, ...] = Field(min_length=1 + _FEATURES, max_length=1 + _FEATURES)

    def of(self, probabilities: BoneProbabilities, threshold: float = 0.5) -> np.ndarray:
        """(29,) the probability that each mask is right; 0 where there is none."""
        table, seen = features(probabilities, threshold)
        return np.where(seen, logistic.chance(self.coefficients, table), 0.0)

    @classmethod
    def fit(cls, pictures: Iterable[tuple[np.ndarray, np.ndarray]]) -> Self:
        """From each picture's features (n, 4) and whether each mask was right (n,)."""
        table, right = (np.concatenate(each) for each in zip(*pictures, strict=True))
        return cls(coefficients=logistic.fit(table, right))


def features(probabilities: BoneProbabilities, threshold: float = 0.5) -> tuple[np.ndarray, np.ndarray]:
    """What is known of each mask, (29, 4), and whether there is a mask, (29,) bool.

    The log odds of the mean probability inside the mask; the share of what lies above the least probability that lies
    inside; the deviation of the logarithm of the area from an adult hand's; and how far the centroid strays from where
    the other bones expect it, in usual spreads.
    """
    masks = probabilities.threshold(threshold)
    seen = masks.present()
    table = np.zeros((anatomy.COUNT, _FEATURES))
    fits = fit_pose(masks.centroids_xy(), tuple(range(anatomy.COUNT)))
    areas, centroids = masks.areas(), masks.centroids_xy()
    for bone in np.flatnonzero(seen):
        crop = probabilities.crops[bone]
        inside = crop >= max(255 * threshold, 1)
        mean = np.clip(crop[inside].mean() / 255, 0.01, 0.995)
        table[bone, 0] = np.log(mean / (1 - mean))
        table[bone, 1] = np.count_nonzero(inside) / np.count_nonzero(crop)
        if fits is not None:
            area = abs(np.log(areas[bone] / (REFERENCE_AREAS[bone] * fits[0].unit_px ** 2)))
            stray = np.hypot(*(centroids[bone] - fits[0].place(CENTROIDS_XY[[bone]])[0]))
            table[bone, 2] = min(area, _MOST_AREA)
            table[bone, 3] = min(stray / (SPREAD[bone] * fits[0].unit_px), _MOST_STRAY)
        else:
            table[bone, 2:] = _MOST_AREA, _MOST_STRAY
    return table, seen
