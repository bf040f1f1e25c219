"""Confidence intervals of means over patients, by the percentile bootstrap (Efron, 1979).

All images of a patient are correlated, so they are resampled together; otherwise intervals would be too narrow.
Means are taken as `summarise` takes them, over images and then over bones; metrics that are NaN are left out.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from handbone.core.errors import ShapeError

RESAMPLES = 2000
#: Share of resampled means that an interval holds.
CONFIDENCE = 0.95


@dataclass(frozen=True)
class Interval:
    """A mean with its confidence interval; if there is none, `low` and `high` are NaN and `reason` says why."""

    mean: float
    low: float
    high: float
    reason: str = ""


@dataclass(frozen=True)
class PatientBootstrap:
    """Draws of as many patients as there are, with replacement: the same ones for every metric of the same images.

    Parameters
    ----------
    patients: the patient of each image, one name per image.
    resamples: number of draws.
    seed: the same seed draws the same patients.

    >>> dice = np.array([[0.90], [0.92], [0.80], [0.82], [0.70], [0.72]])
    >>> interval = PatientBootstrap(["a", "a", "b", "b", "c", "c"]).mean(dice)
    >>> round(interval.mean, 3), round(interval.low, 3), round(interval.high, 3)
    (0.81, 0.71, 0.91)
    """

    patients: Sequence[str]
    resamples: int = RESAMPLES
    seed: int = 0

    def mean(self, values: np.ndarray) -> Interval:
        """The mean over images and then over bones of (images, bones), NaN left out.

        Raises
        ------
        ShapeError: another number of images than there are names of patients.
        """
        return self._interval(*self._means(values))

    def difference(self, first: np.ndarray, second: np.ndarray) -> Interval:
        """The mean of `second` minus that of `first`, both (images, bones) of the same images in the same order.

        Both are resampled together, so that the difficulty of a patient's hands cancels out.

        Raises
        ------
        ShapeError: another number of images than there are names of patients.
        """
        (mean, draws), (other, other_draws) = self._means(first), self._means(second)
        return self._interval(other - mean, other_draws - draws)

    def _interval(self, mean: float, draws: np.ndarray) -> Interval:
        patients = len(self._draws[0])
        if patients < 2:
            who = "1 patient" if patients == 1 else f"{patients} patients"
            return Interval(mean, np.nan, np.nan, f"images of {who}: none to draw from")
        # A draw can miss everyone who has any metric.
        known = draws[~np.isnan(draws)]
        if not len(known):
            return Interval(mean, np.nan, np.nan, "there are no metrics")
        tail = 50 * (1 - CONFIDENCE)
        low, high = np.percentile(known, [tail, 100 - tail])
        return Interval(mean, float(low), float(high))

    @cached_property
    def _draws(self) -> tuple[np.ndarray, np.ndarray]:
        """Which patient shows which image, bool (patients, images), and how often each is drawn, (draws, patients)."""
        names, codes = np.unique(np.asarray(self.patients, str), return_inverse=True)
        members = np.arange(len(names))[:, None] == codes
        if not len(names):
            return members, np.zeros((self.resamples, 0))
        chances = np.full(len(names), 1 / len(names))
        counts = np.random.default_rng(self.seed).multinomial(len(names), chances, self.resamples)
        return members, counts.astype(float)

    def _means(self, values: np.ndarray) -> tuple[float, np.ndarray]:
        """The mean, and that of every draw (resamples,)."""
        values = np.asarray(values, float)
        if values.ndim != 2 or len(values) != len(self.patients):
            raise ShapeError("metrics", f"({len(self.patients)}, bones), one row per image", values.shape)
        members, counts = self._draws
        known = ~np.isnan(values)
        sums, numbers = members @ np.where(known, values, 0.0), members @ known.astype(float)
        return _over_bones(sums.sum(0), numbers.sum(0)).item(), _over_bones(counts @ sums, counts @ numbers)


def _over_bones(sums: np.ndarray, numbers: np.ndarray) -> np.ndarray:
    """Means over the last axis of the bones' own means; bones without metrics are left out, NaN where all are."""
    means = np.divide(sums, numbers, out=np.zeros_like(sums), where=numbers > 0)
    bones = (numbers > 0).sum(-1)
    return np.divide(means.sum(-1), bones, out=np.full(bones.shape, np.nan), where=bones > 0)
