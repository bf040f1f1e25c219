"""The probability that a refined mask is worse than the earlier one, and how much of it is risked, out of fold.

Degradation is a Dice that falls by more than 0.005. A logistic regression on the evidence, with an intercept for each
bone, gives its probability. Up to a threshold a mask is accepted, and from there to a second one accepted with caution:
the refined probabilities then have a smaller share, so that the earlier ones count for more. The
thresholds are those with the largest gain under which degradation stays rare. All is found on images that the networks
have not learned from, the thresholds with probabilities that leave each patient out. What the gate is said to bring
comes from nested folds, see `handbone.method.calibration.calibrate`.
"""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Literal, Self

import numpy as np
from pydantic import model_validator

from handbone.anatomy import COUNT
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
# Sums in another order differ by less than this. Where caution costs nothing it is preferred.
_ROUNDING = 1e-9
# Intercepts of single bones rest on few images: they are drawn to the common one more strongly than slopes are to 0.
_BONE_RIDGE = 4.0


@dataclass(frozen=True)
class CalibrationSample:
    """What became of one bone of one image where the refined mask was taken without asking.

    patient: whose images stay together in folds. bone: index.
    gain: Dice with the refined mask less Dice with the earlier one.
    cautious_gain: the same with the share of masks that are accepted with caution; None where there is no such share.
    """

    patient: Hashable
    bone: int
    evidence: MergeEvidence
    gain: float
    cautious_gain: float | None = None


class Gate(schema.Table):
    """The calibrated gate.

    features: their names; weights files from before there were more than four do not have them.
    coefficients: of the logistic regression over the features and the 29 bones, the intercept first.
    threshold: probability of degradation up to which the refined mask is accepted.
    cautious_threshold: up to which it is accepted with caution, if above `threshold`; beyond, the earlier mask stays.
    images: how many it was calibrated on.
    gain, degraded: mean gain of Dice of a refined bone and share of all (image, bone) pairs degraded, on patients that
        neither the coefficients nor the threshold knew; 0 where nobody measured.
    """

    features: tuple[Feature, ...] = _FIRST
    coefficients: tuple[float, ...]
    threshold: float
    cautious_threshold: float = 0.0
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
        cautious = [trial.cautious_gain for trial in trials if trial.cautious_gain is not None]
        degraded = gains < -DEGRADATION
        probabilities = np.empty(len(table))
        for kept, left_out in patient_folds([trial.patient for trial in trials]):
            probabilities[left_out] = logistic.probability(
                logistic.fit(table[kept], degraded[kept], ridge), table[left_out]
            )
        threshold, cautious_threshold = _best_thresholds(
            probabilities,
            gains,
            np.array(cautious) if len(cautious) == len(trials) else np.zeros(len(trials)),
            allowed=_CAUTION * RARE * images * COUNT,
        )
        return cls(
            features=names,
            coefficients=logistic.fit(table, degraded, ridge),
            threshold=threshold,
            cautious_threshold=cautious_threshold,
            images=images,
        )


def cross_fit_gates(patients: Sequence[Hashable], trials: Sequence[Sequence[CalibrationSample]]) -> CrossFit[Gate]:
    """The gate of all patients, and for each fold the one, threshold included, that knows none of its patients.

    Parameters
    ----------
    patients: whose each image is. trials: of each image.
    """
    return cross_fit(patients, lambda some: Gate.fit([trial for n in some for trial in trials[n]], len(some)))


def _best_thresholds(
    probabilities: np.ndarray, gains: np.ndarray, cautious_gains: np.ndarray, *, allowed: float
) -> tuple[float, float]:
    """Probabilities up to which masks are accepted, and from there with caution, for the largest gain of all.

    No more than so many masks may be degraded, by one or the other. The second is 0 where caution gains nothing.
    """
    order = np.argsort(probabilities, kind="stable")
    gained, lost = _sums(gains[order])
    gained_with_caution, lost_with_caution = _sums(cautious_gains[order])
    best, accepted, last = 0.0, 0, 0
    for count in range(len(order) + 1):
        total = gained[count] + gained_with_caution[count:] - gained_with_caution[count]
        worse = lost[count] + lost_with_caution[count:] - lost_with_caution[count]
        total[worse > allowed] = -np.inf
        furthest = int(total.argmax())
        if total[furthest] > best + _ROUNDING:
            best, accepted, last = float(total[furthest]), count, count + furthest
    limit = float(probabilities[order[accepted - 1]]) if accepted else 0.0
    return limit, float(probabilities[order[last - 1]]) if last > accepted else 0.0


def _sums(gains: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Gain and number of degraded masks among the first 0, 1, ... n."""
    return np.append(0.0, np.cumsum(gains)), np.append(0, np.cumsum(gains < -DEGRADATION))


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
