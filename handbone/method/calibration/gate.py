"""When a refined mask may replace the earlier one: fixed limits, or the chance of harm, calibrated out of fold.

Harm is a Dice that falls by more than 0.005. A logistic regression on the evidence, with a constant for each bone,
gives its chance; the limit is the one with the largest gain among those under which harm stays rare. Both are found on
pictures that the networks have not learned from, the limit with chances that leave each picture out.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from pydantic import Field

from handbone.anatomy import COUNT, NAMES
from handbone.method.calibration import logistic
from handbone.method.evidence import Evidence
from handbone.recipe import schema

#: A fall of Dice that counts as harm, and the share of all (picture, bone) pairs in which it may happen.
HARM, RARE = 0.005, 0.005
# What chance leaves open is spent on pictures that have not been seen yet.
_CAUTION = 0.6
_FEATURES = 4
# Constants of single bones rest on few pictures: they are drawn to the common one more strongly than slopes are to 0.
_RIDGE = np.concatenate([np.ones(_FEATURES), np.full(COUNT, 4.0)])
_FOLDS = 5


@dataclass(frozen=True)
class Trial:
    """What became of one bone of one picture where the refined mask was taken without asking.

    picture: number of the picture. bone: index. gain: Dice with the refined mask less Dice with the earlier one.
    """

    picture: int
    bone: int
    evidence: Evidence
    gain: float


class Gate(schema.Table):
    """The calibrated gate.

    coefficients: of the logistic regression over `features`, the constant first. limit: chance of harm above which the
    earlier mask stays. pictures: how many it was calibrated on. gain, harmed: mean gain of Dice and share of all
    (picture, bone) pairs harmed, out of fold.
    """

    coefficients: tuple[float, ...] = Field(min_length=1 + _FEATURES + COUNT, max_length=1 + _FEATURES + COUNT)
    limit: float
    pictures: int
    gain: float = 0.0
    harmed: float = 0.0

    def harm(self, bone: int, evidence: Evidence) -> float:
        """The chance that the refined mask is worse than the earlier one by more than 0.005 Dice."""
        return float(logistic.chance(self.coefficients, features(bone, evidence)[None])[0])

    @classmethod
    def fit(cls, outcomes: Sequence[Trial], pictures: int) -> Self:
        """From all bones that a refiner may change, on a number of pictures that nothing has learned from."""
        table = np.array([features(o.bone, o.evidence) for o in outcomes])
        gains, picture = np.array([o.gain for o in outcomes]), np.array([o.picture for o in outcomes])
        harmed = gains < -HARM
        chances = np.empty(len(outcomes))
        for fold in range(_FOLDS):
            left_out = picture % _FOLDS == fold
            if left_out.any():
                kept = ~left_out if (~left_out).any() else left_out
                chances[left_out] = logistic.chance(logistic.fit(table[kept], harmed[kept], _RIDGE), table[left_out])
        limit = _limit(chances, gains, harmed, allowed=_CAUTION * RARE * pictures * COUNT)
        used = chances <= limit
        return cls(
            coefficients=logistic.fit(table, harmed, _RIDGE),
            limit=round(limit, 6),
            pictures=pictures,
            gain=round(float(gains[used].sum() / len(gains)), 5),
            harmed=round(float(harmed[used].sum() / (pictures * COUNT)), 5),
        )


def _limit(chances: np.ndarray, gains: np.ndarray, harmed: np.ndarray, *, allowed: float) -> float:
    """The chance up to which refined masks gain most, with no more than so many of them harmful."""
    order = np.argsort(chances, kind="stable")
    total = np.where(np.cumsum(harmed[order]) <= allowed, np.cumsum(gains[order]), -np.inf)
    best = int(total.argmax())
    return float(chances[order[best]]) if total[best] > 0 else 0.0


def features(bone: int, evidence: Evidence) -> np.ndarray:
    """(33,) disagreement, change of area, shift, log odds of the mean probability inside, and which bone it is.

    How sure the earlier network was has no say: of other people's masks it is not known.
    """
    value = np.zeros(_FEATURES + COUNT)
    value[0] = np.log(1.005 - evidence.agreement)
    value[1] = 2.0 if not evidence.area_ratio else min(abs(np.log(evidence.area_ratio)), 2.0)
    value[2] = 1.0 if evidence.shift is None else min(evidence.shift, 1.0)
    after = np.clip(evidence.after, 0.05, 0.995)
    value[3] = np.log(after / (1 - after))
    value[_FEATURES + bone] = 1.0
    return value


def verdict(
    bone: int, evidence: Evidence, settings: schema.Merge, gate: Gate | None, *, may_add: bool
) -> tuple[bool, str, float | None]:
    """Whether the refined mask is used, why, and the chance of harm where it was calibrated.

    may_add: whether a bone without an earlier mask may come from the refiner.
    """
    if not evidence.after:
        found = "the refiner found nothing" if evidence.before else "neither stage found it in the window"
        return False, found, None
    if not evidence.before:
        if evidence.elsewhere:
            return False, "the coarse mask lies outside the window", None
        if not may_add:
            return False, "there was no coarse mask, and no window for the refiner", None
        return True, "there was no coarse mask", None
    refusal = _refusal(evidence, settings)
    if refusal or gate is None:
        return not refusal, refusal or "credible", None
    harm = round(gate.harm(bone, evidence), 4)
    if harm > gate.limit:
        return False, f"{NAMES[bone]} may come out worse (chance {harm:.2f} > {gate.limit:.2f})", harm
    return True, "credible", harm


def _refusal(evidence: Evidence, settings: schema.Merge) -> str:
    smallest, largest = settings.area_ratio
    if evidence.agreement < settings.min_agreement:
        return f"agrees too little with the coarse mask (Dice {evidence.agreement:.2f} < {settings.min_agreement:.2f})"
    if not smallest <= evidence.area_ratio <= largest:
        return f"its area is {evidence.area_ratio:.2f} times the coarse one"
    if evidence.shift > settings.max_shift:
        return f"its centre moved by {evidence.shift:.2f} of its size"
    return ""
