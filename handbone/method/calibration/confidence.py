"""How likely a bone's mask is good, as people read it: calibrated as presence is, for a Dice of .8 instead of one half.

Bad masks are rare on synthetic hands, one in forty, and less rare on radiographs, where people look for them. So each
stands for several: the probability is that for images in which one mask in eight is bad.

A refiner can be sure of a mask that looks like a bone and is none, so that the coarse network is asked: it has seen
the whole hand. On synthetic hands of held-out looks it tells 78 % of the bad masks where the final probabilities tell
74 %, with fewer false alarms.
"""

from collections.abc import Hashable, Sequence
from functools import partial
from typing import Literal, Self

import numpy as np

from handbone.core.bone_probabilities import BoneProbabilities
from handbone.method.calibration import logistic
from handbone.method.calibration.presence import MaskRegression, Rows, cross_fit_masks, features

#: A mask with less Dice is bad, and a confidence below the same number should say so.
GOOD = 0.8
# How many each bad mask stands for. Without it two thirds of the bad masks say less than .8, with it four fifths.
_BAD_COUNTS = 6.0


def evidence(
    final: BoneProbabilities, coarse: BoneProbabilities, threshold: float, agreement: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """The columns of `presence.features` (29, n) of the coarse masks, and whether there is a final mask, (29,) bool.

    Where the coarse network saw nothing, those of the final mask.
    """
    table, seen = features(final, threshold, agreement)
    if coarse is final:
        return table, seen
    before, known = features(coarse, threshold, agreement)
    return np.where(known[:, None], before, table), seen


class Confidence(MaskRegression):
    """How likely each mask is good.

    masks: whose columns they are; weights files from before there was a choice use the final masks'.
    bad_doubted, good_doubted: shares of the bad and of the good masks that say less than .8, on patients that it did
        not know; None where nobody measured, or where there is no such mask.
    """

    masks: Literal["final", "coarse"] = "final"
    bad_doubted: float | None = None
    good_doubted: float | None = None

    @classmethod
    def cross_fit(cls, patients: Sequence[Hashable], images: Sequence[Rows]) -> Self:
        """Fit to all images; what it tells is measured on patients that it does not know, see `cross_fit_masks`.

        Parameters
        ----------
        patients: whose each image is. images: columns of `evidence`, and whether each mask is good.
        """
        final, bad, good = cross_fit_masks(patients, images, partial(cls.fit, wrong_counts=_BAD_COUNTS), GOOD)
        return final.model_copy(update={"masks": "coarse", "bad_doubted": bad, "good_doubted": good})

    def of_masks(
        self,
        final: BoneProbabilities,
        coarse: BoneProbabilities,
        threshold: float = 0.5,
        agreement: np.ndarray | None = None,
    ) -> np.ndarray:
        """(29,) the probability that each final mask is good; 0 where there is none. Parameters as of `evidence`."""
        if self.masks == "final":
            return self.of(final, threshold, agreement)
        table, seen = evidence(final, coarse, threshold, agreement if self.needs_prior else None)
        return np.where(seen, logistic.probability(self.coefficients, table), 0.0)
