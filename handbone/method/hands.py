"""Whether an image shows a hand at all, and which of the bones found in it belong to that hand.

Networks find bones in chests, feet and portraits, too, and are sure of them. What such images lack is a hand: many
bones that lie where one pose of one hand has them. The decision weighs that, and no single bone's probability.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import numpy as np

from handbone import anatomy
from handbone.core.bone_probabilities import BoneProbabilities
from handbone.method.pose.registration import PoseFit, fit_pose

if TYPE_CHECKING:
    from handbone.method.locate import Location

# A similarity transform fits any two bones, and nearly any three or four, perfectly: those are no evidence.
_FREE = 4.0
# Bones beyond those, each weighted by its probability and by how well all fit, from which a hand is likelier than not,
# and over how many the probability rises. Whole hands have 17 to 25, halves 5 to 15 (22 hands, 12 of them radiographs).
# Of 24 drawn feet, whose bones lie alike, one in eight reaches it; of 28 other drawn images without a hand none has 2.
_ENOUGH, _SLOPE = 5.7, 0.8
# With fewer bones than these a pose is too uncertain to take bones away.
_FEWEST_INLIERS = 8
#: A hand is claimed where it is likelier than not.
_LIKELY = 0.5


@dataclass(frozen=True)
class HandEvidence:
    """What speaks for a hand in an image.

    Parameters
    ----------
    found: whether a hand is claimed.
    probability: 0 to 1, that there is one.
    evidence: number of bones that speak for it, beyond those that any image could have.
    inliers: how many bones lie where one pose has them; 0 where nobody looked for a hand.
    outliers: names of bones that do not, and are not claimed.
    side: "R" or "L", as in radiographs that show the back of the hand; "" if unknown.
    """

    found: bool
    probability: float
    evidence: float
    inliers: int
    outliers: tuple[str, ...] = ()
    side: str = ""

    def to_json(self) -> dict:
        """The evidence as JSON values."""
        return asdict(self)


def weigh_hand(probabilities: BoneProbabilities, threshold: float, location: "Location | None") -> HandEvidence:
    """What the bones of an image say together of a hand in it.

    Parameters
    ----------
    probabilities: of all bones, as far as they were found. threshold: where they become masks.
    location: where the hand was looked for; None where it was not, and a hand is taken for granted if it has a bone.
    """
    masks = probabilities.threshold(threshold)
    if location is None:
        there = bool(masks.present().any())
        return HandEvidence(there, float(there), 0.0, 0)
    fits = fit_pose(masks.centroids_xy(), tuple(range(anatomy.COUNT)))
    fit = fits[0] if fits else None
    inliers, side = fit.inliers if fit else (), _side(fits)
    evidence = _evidence(probabilities, fits, location.score)
    probability = float(1 / (1 + np.exp(-(evidence - _ENOUGH) / _SLOPE)))
    found = probability >= _LIKELY
    outliers = tuple(anatomy.NAMES[b] for b in _outliers(fit, found=found)) if fit else ()
    return HandEvidence(found, round(probability, 4), round(evidence, 2), len(inliers), outliers, side if found else "")


def claimed(probabilities: BoneProbabilities, hand: HandEvidence) -> BoneProbabilities:
    """The bones that belong to the hand: none without one, and not those that lie where it cannot have them."""
    if not hand.found:
        return probabilities.without(range(anatomy.COUNT))
    return probabilities.without(anatomy.INDEX[name] for name in hand.outliers) if hand.outliers else probabilities


def hand_found(hand: HandEvidence | None) -> bool:
    """Whether an image is said to show a hand; where nobody looked, it is."""
    return hand is None or hand.found


def _evidence(probabilities: BoneProbabilities, fits: "tuple[PoseFit, PoseFit] | None", score: float) -> float:
    """Bones that speak for a hand. score: of the look at the whole image, 0 to 1, see `locate`."""
    if fits is None:
        return 0.0
    peaks = probabilities.peak()
    inside = float(sum(peaks[bone] for bone in fits[0].inliers))
    # An ROI at the image's edge may lose bones that the look at the whole image had.
    bones = max(inside, score * anatomy.COUNT)
    return max(bones - _FREE, 0.0) * (1 - fits[0].cost)


def _outliers(fit: PoseFit, *, found: bool) -> Sequence[int]:
    return fit.outliers if found and len(fit.inliers) >= _FEWEST_INLIERS else ()


def _side(fits: "tuple[PoseFit, PoseFit] | None") -> str:
    """The canonical pose is a right hand, seen from its back; its mirror image a left one."""
    if fits is None or fits[1].cost - fits[0].cost < 0.02:
        return ""
    return "L" if fits[0].mirrored else "R"
