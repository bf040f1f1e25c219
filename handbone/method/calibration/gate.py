"""When a refined mask may replace the earlier one: fixed limits, or the probability of degradation, calibrated out of
fold.

Degradation is a Dice that falls by more than 0.005. A logistic regression on the evidence, with an intercept for each
bone, gives its probability; the threshold is the one with the largest gain among those under which degradation stays
rare. Both are found on images that the networks have not learned from, the threshold with probabilities that leave each
patient out. What the gate is said to bring comes from nested folds, see `handbone.method.calibration.calibrate`.
"""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Literal, Self

import numpy as np
from pydantic import model_validator

from handbone.anatomy import COUNT, NAMES
from handbone.method.calibration import logistic
from handbone.method.calibration.folds import CrossFit, cross_fit, patient_folds
from handbone.method.evidence import MergeEvidence
from handbone.recipe import schema

#: A fall of Dice that counts as degradation, and the share of all (image, bone) pairs in which it may happen.
DEGRADATION, RARE = 0.005, 0.005
# What chance leaves open is spent on images that have not been seen yet.
_CAUTION = 0.6
Feature = Literal["agreement", "area", "shift", "sureness", "solidity", "roi_sureness", "prior", "prior_gain"]
_FIRST: tuple[Feature, ...] = ("agreement", "area", "shift", "sureness")
_OF_MASKS: tuple[Feature, ...] = (*_FIRST, "solidity", "roi_sureness")
# Intercepts of single bones rest on few images: they are drawn to the common one more strongly than slopes are to 0.
_BONE_RIDGE = 4.0
# Bones that the refiner alone sees are too few to calibrate. Of 18 that were not in the image none reached this.
_SURE_ALONE = 0.9


@dataclass(frozen=True)
class CalibrationSample:
    """What became of one bone of one image where the refined mask was taken without asking.

    patient: whose images stay together in folds. bone: index.
    gain: Dice with the refined mask less Dice with the earlier one.
    """

    patient: Hashable
    bone: int
    evidence: MergeEvidence
    gain: float


class Gate(schema.Table):
    """The calibrated gate.

    features: their names; weights files from before there were more than four do not have them.
    coefficients: of the logistic regression over the features and the 29 bones, the intercept first.
    threshold: probability of degradation above which the earlier mask stays.
    images: how many it was calibrated on.
    gain, degraded: mean gain of Dice of a refined bone and share of all (image, bone) pairs degraded, on patients that
        neither the coefficients nor the threshold knew; 0 where nobody measured.
    """

    features: tuple[Feature, ...] = _FIRST
    coefficients: tuple[float, ...]
    threshold: float
    images: int
    gain: float = 0.0
    degraded: float = 0.0

    @model_validator(mode="after")
    def _one_each(self) -> Self:
        wanted = 1 + len(self.features) + COUNT
        if len(self.coefficients) != wanted:
            raise ValueError(f"{len(self.features)} features and {COUNT} bones need {wanted} coefficients")
        return self

    @property
    def needs_prior(self) -> bool:
        """Whether the anatomical prior's agreement is among the features."""
        return "prior" in self.features

    def degradation(self, bone: int, evidence: MergeEvidence) -> float:
        """The probability that the refined mask is worse than the earlier one by more than 0.005 Dice."""
        return float(logistic.probability(self.coefficients, features(bone, evidence, self.features)[None])[0])

    @classmethod
    def fit(cls, trials: Sequence[CalibrationSample], images: int) -> Self:
        """From all bones that a refiner may change, on a number of images that nothing has learned from.

        Without any trial it is shut: nothing is known that speaks for a refined mask.
        """
        judged = bool(trials) and all(trial.evidence.prior_after is not None for trial in trials)
        names: tuple[Feature, ...] = (*_OF_MASKS, "prior", "prior_gain") if judged else _OF_MASKS
        if not trials:
            return cls(features=names, coefficients=(0.0,) * (1 + len(names) + COUNT), threshold=0.0, images=images)
        ridge = np.concatenate([np.ones(len(names)), np.full(COUNT, _BONE_RIDGE)])
        table = np.array([features(trial.bone, trial.evidence, names) for trial in trials])
        gains = np.array([trial.gain for trial in trials])
        degraded = gains < -DEGRADATION
        allowed = _CAUTION * RARE * images * COUNT
        probabilities = np.empty(len(table))
        for kept, left_out in patient_folds([trial.patient for trial in trials]):
            probabilities[left_out] = logistic.probability(
                logistic.fit(table[kept], degraded[kept], ridge), table[left_out]
            )
        return cls(
            features=names,
            coefficients=logistic.fit(table, degraded, ridge),
            threshold=_best_threshold(probabilities, gains, degraded, allowed=allowed),
            images=images,
        )


def cross_fit_gates(patients: Sequence[Hashable], trials: Sequence[Sequence[CalibrationSample]]) -> CrossFit[Gate]:
    """The gate of all patients, and for each fold the one, threshold included, that knows none of its patients.

    Parameters
    ----------
    patients: whose each image is. trials: of each image.
    """
    return cross_fit(patients, lambda some: Gate.fit([trial for n in some for trial in trials[n]], len(some)))


def _best_threshold(probabilities: np.ndarray, gains: np.ndarray, degraded: np.ndarray, *, allowed: float) -> float:
    """The probability up to which refined masks gain most, with no more than so many of them harmful."""
    order = np.argsort(probabilities, kind="stable")
    total = np.where(np.cumsum(degraded[order]) <= allowed, np.cumsum(gains[order]), -np.inf)
    best = int(total.argmax())
    return float(probabilities[order[best]]) if total[best] > 0 else 0.0


def features(bone: int, evidence: MergeEvidence, names: Sequence[Feature] = _OF_MASKS) -> np.ndarray:
    """(n + 29,) the named features, and which bone it is.

    Disagreement, change of area, shift, log odds of the mean probability inside, how much less ragged the outline is,
    and log odds of that mean over all bones of the ROI: a refiner that is at a loss is so for the whole image. With an
    anatomical prior also the later mask's disagreement with it, and how much better than the earlier mask it agrees.
    How sure the earlier network was has no say: of others' masks it is not known.
    """
    roi_after = evidence.after if evidence.roi_after is None else evidence.roi_after
    values = {
        "agreement": np.log(1.005 - evidence.agreement),
        "area": 2.0 if not evidence.area_ratio else min(abs(np.log(evidence.area_ratio)), 2.0),
        "shift": 1.0 if evidence.shift is None else min(evidence.shift, 1.0),
        "sureness": _log_odds(evidence.after),
        "solidity": float(np.clip(evidence.solidity_gain or 0.0, -0.2, 0.2)),
        "roi_sureness": _log_odds(roi_after),
    }
    if "prior" in names:
        before, later = evidence.prior_before or 0.0, evidence.prior_after or 0.0
        values |= {"prior": np.log(1.005 - later), "prior_gain": float(np.clip(later - before, -0.5, 0.5))}
    return np.concatenate([[values[name] for name in names], np.arange(COUNT) == bone])


def _log_odds(mean: float) -> float:
    inside = np.clip(mean, 0.05, 0.995)
    return float(np.log(inside / (1 - inside)))


def accept(
    bone: int, evidence: MergeEvidence, settings: schema.Merge, gate: Gate | None, *, may_add: bool
) -> tuple[bool, str, float | None]:
    """Whether the refined mask is used, why, and the probability of degradation where it was calibrated.

    may_add: whether a bone without an earlier mask may come from the refiner.
    """
    if not evidence.after:
        found = "the refiner found nothing" if evidence.before else "neither stage found it in the ROI"
        return False, found, None
    if not evidence.before:
        if evidence.elsewhere:
            return False, "the coarse mask lies outside the ROI", None
        if not may_add:
            return False, "there was no coarse mask, and no ROI for the refiner", None
        if gate is not None and evidence.after < _SURE_ALONE:
            unsure = f"mean probability {evidence.after:.2f} < {_SURE_ALONE:.2f}"
            return False, f"there was no coarse mask, and the refiner is not sure ({unsure})", None
        return True, "there was no coarse mask", None
    refusal = _refusal(evidence, settings)
    if refusal or gate is None:
        return not refusal, refusal or "credible", None
    degradation = gate.degradation(bone, evidence)
    if degradation > gate.threshold:
        return (
            False,
            f"{NAMES[bone]} may come out worse (probability {degradation:.2g} > {gate.threshold:.2g})",
            degradation,
        )
    return True, "credible", degradation


def _refusal(evidence: MergeEvidence, settings: schema.Merge) -> str:
    smallest, largest = settings.area_ratio
    if evidence.agreement < settings.min_agreement:
        return f"agrees too little with the coarse mask (Dice {evidence.agreement:.2f} < {settings.min_agreement:.2f})"
    if evidence.area_ratio is not None and not smallest <= evidence.area_ratio <= largest:
        return f"its area is {evidence.area_ratio:.2f} times the coarse one"
    if evidence.shift is not None and evidence.shift > settings.max_shift:
        return f"its centre moved by {evidence.shift:.2f} of its size"
    return ""
