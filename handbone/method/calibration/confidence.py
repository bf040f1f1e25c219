"""How likely a bone's mask is good, as people read it: calibrated as presence is, for a Dice of .8 instead of one half.

Bad masks are rare on synthetic hands, one in forty, and less rare on radiographs, where people look for them. So each
stands for several: the probability is that for images in which one mask in ten is bad.
"""

from collections.abc import Hashable, Sequence
from functools import partial
from typing import Self

from handbone.method.calibration.presence import MaskRegression, Rows, cross_fit_masks

#: A mask with less Dice is bad, and a confidence below the same number should say so.
GOOD = 0.8
# How many each bad mask stands for. Without it two thirds of the bad masks say less than .8, with it five sixths.
_BAD_COUNTS = 5.0


class Confidence(MaskRegression):
    """How likely each mask is good.

    bad_doubted, good_doubted: shares of the bad and of the good masks that say less than .8, on patients that it did
        not know; None where nobody measured, or where there is no such mask.
    """

    bad_doubted: float | None = None
    good_doubted: float | None = None

    @classmethod
    def cross_fit(cls, patients: Sequence[Hashable], images: Sequence[Rows]) -> Self:
        """Fit to all images; what it tells is measured on patients that it does not know, see `cross_fit_masks`.

        Parameters
        ----------
        patients: whose each image is. images: with whether each mask is good.
        """
        final, bad, good = cross_fit_masks(patients, images, partial(cls.fit, wrong_counts=_BAD_COUNTS), GOOD)
        return final.model_copy(update={"bad_doubted": bad, "good_doubted": good})
