"""How far a mean would move with other people: the percentile bootstrap (Efron, 1979) over persons.

Both hands of a person, and all their pictures, are alike: they are drawn together, or the interval would be too narrow.
Means are taken as `summarise` takes them, over pictures and then over bones; figures that are NaN are left out.
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
    """A mean and where it would lie with other people; `low` and `high` are NaN where `reason` says why."""

    mean: float
    low: float
    high: float
    reason: str = ""


@dataclass(frozen=True)
class PersonBootstrap:
    """Draws of as many people as there are, with replacement: the same ones for every figure of the same pictures.

    Parameters
    ----------
    people: whose hand each picture shows, one name a picture.
    resamples: number of draws.
    seed: the same seed draws the same people.

    >>> dice = np.array([[0.90], [0.92], [0.80], [0.82], [0.70], [0.72]])
    >>> interval = PersonBootstrap(["a", "a", "b", "b", "c", "c"]).mean(dice)
    >>> round(interval.mean, 3), round(interval.low, 3), round(interval.high, 3)
    (0.81, 0.71, 0.91)
    """

    people: Sequence[str]
    resamples: int = RESAMPLES
    seed: int = 0

    def mean(self, values: np.ndarray) -> Interval:
        """The mean over pictures and then over bones of (pictures, bones), NaN left out.

        Raises
        ------
        ShapeError: another number of pictures than there are names of people.
        """
        return self._interval(*self._means(values))

    def difference(self, first: np.ndarray, second: np.ndarray) -> Interval:
        """The mean of `second` minus that of `first`, both (pictures, bones) of the same pictures in the same order.

        Both are resampled together: what is hard in a person's hands is hard for both, and cancels out.

        Raises
        ------
        ShapeError: another number of pictures than there are names of people.
        """
        (mean, draws), (other, other_draws) = self._means(first), self._means(second)
        return self._interval(other - mean, other_draws - draws)

    def _interval(self, mean: float, draws: np.ndarray) -> Interval:
        people = len(self._draws[0])
        if people < 2:
            who = "1 person" if people == 1 else f"{people} people"
            return Interval(mean, np.nan, np.nan, f"pictures of {who}: none to draw from")
        # A draw can miss everyone who has any figure.
        known = draws[~np.isnan(draws)]
        if not len(known):
            return Interval(mean, np.nan, np.nan, "there are no figures")
        tail = 50 * (1 - CONFIDENCE)
        low, high = np.percentile(known, [tail, 100 - tail])
        return Interval(mean, float(low), float(high))

    @cached_property
    def _draws(self) -> tuple[np.ndarray, np.ndarray]:
        """Which person shows which picture, bool (people, pictures), and how often each is drawn, (draws, people)."""
        names, codes = np.unique(np.asarray(self.people, str), return_inverse=True)
        members = np.arange(len(names))[:, None] == codes
        if not len(names):
            return members, np.zeros((self.resamples, 0))
        chances = np.full(len(names), 1 / len(names))
        counts = np.random.default_rng(self.seed).multinomial(len(names), chances, self.resamples)
        return members, counts.astype(float)

    def _means(self, values: np.ndarray) -> tuple[float, np.ndarray]:
        """The mean, and that of every draw (resamples,)."""
        values = np.asarray(values, float)
        if values.ndim != 2 or len(values) != len(self.people):
            raise ShapeError("figures", f"({len(self.people)}, bones), a row a picture", values.shape)
        members, counts = self._draws
        known = ~np.isnan(values)
        sums, numbers = members @ np.where(known, values, 0.0), members @ known.astype(float)
        return _over_bones(sums.sum(0), numbers.sum(0)).item(), _over_bones(counts @ sums, counts @ numbers)


def _over_bones(sums: np.ndarray, numbers: np.ndarray) -> np.ndarray:
    """Means over the last axis of the bones' own means; bones without figures are left out, NaN where all are."""
    means = np.divide(sums, numbers, out=np.zeros_like(sums), where=numbers > 0)
    bones = (numbers > 0).sum(-1)
    return np.divide(means.sum(-1), bones, out=np.full(bones.shape, np.nan), where=bones > 0)
