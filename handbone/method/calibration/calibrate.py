"""Which masks to believe: gates and presence, fitted to what the method itself makes of images new to its networks.

Folds are by patient and nested. A fold's gate, its limit included, comes from the other folds' patients, and decides in
the images of the patients that it does not know. What is reported, and what the presence of bones is learned from, are
those decisions. Every mask that is measured here is made by the method's own functions.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from pydantic import Field

from handbone.anatomy import COUNT, INDEX
from handbone.core.bone_masks import BoneMasks
from handbone.method.acceptance import judged
from handbone.method.calibration.confidence import GOOD, Confidence, evidence
from handbone.method.calibration.folds import CrossFit
from handbone.method.calibration.gate import DEGRADATION, CalibrationSample, Gate, cross_fit_gates
from handbone.method.calibration.presence import Presence, features
from handbone.method.merge import Decision
from handbone.method.outcome import MethodResult, Reading
from handbone.method.settings import MethodSettings
from handbone.method.two_stage import TwoStage
from handbone.recipe import schema

#: With fewer patients probabilities of degradation would be guesses.
FEWEST = 10
# A mask that overlaps its bone less than this is wrong.
_RIGHT = 0.5


@dataclass(frozen=True, eq=False)
class CalibrationImage:
    """An image that no network has learned from.

    Parameters
    ----------
    patient: whose it is. load: gives it, float32 (H, W) in [0, 1]. dice: (29,) of masks with the true ones.
    reading: what the method's networks see of it.
    """

    patient: str
    load: Callable[[], np.ndarray]
    dice: Callable[[BoneMasks], np.ndarray]
    reading: Reading


class Learned(schema.Table):
    """What was learned of masks; None where it was not asked for, or where there is too little to learn from.

    gate, prompt_gate: of the refined and of the prompted masks. presence, confidence: of all bones.
    """

    gate: Gate | None = None
    prompt_gate: Gate | None = None
    presence: Presence | None = None
    confidence: Confidence | None = None

    def applied_to(self, settings: MethodSettings) -> MethodSettings:
        """The settings with what was learned."""
        gated = settings.with_gates(self.gate, self.prompt_gate)
        return gated.model_copy(update={"presence": self.presence, "confidence": self.confidence})


class Calibration(schema.Table):
    """What was learned of all patients, and of all but those of each fold.

    final: knows every patient. folds: each knows none of its own patients. fold_of: patient to fold.
    """

    final: Learned = Learned()
    folds: tuple[Learned, ...] = ()
    fold_of: dict[str, int] = Field(default_factory=dict)

    def of(self, patient: str) -> Learned:
        """What was learned without anything of a patient."""
        return self.folds[self.fold_of[patient]] if patient in self.fold_of else self.final


@dataclass(frozen=True, eq=False)
class _Later:
    """One of the later stages while its gate is learned.

    Parameters
    ----------
    decide: what a method's settings make of the image of a number. decisions: those of its outcome.
    limits: the fixed ones, which hold beside the gate. gated: a method with another gate of this stage.
    """

    decide: Callable[[TwoStage, int], MethodResult]
    decisions: Callable[[MethodResult], list[Decision]]
    limits: schema.Merge
    gated: Callable[[Gate | None], TwoStage]


def calibrate(method: TwoStage, images: Sequence[CalibrationImage], *, gates: bool, presence: bool) -> Calibration:
    """Learn which of a method's masks to believe.

    Parameters
    ----------
    method: with fixed limits alone. images: read by it.
    gates: whether to learn them; they need `FEWEST` patients. presence: whether to learn it, and confidence.
    """
    settings, patients = method.settings, [image.patient for image in images]
    outcomes = [MethodResult(i.reading.coarse, i.reading.coarse, location=i.reading.location) for i in images]
    gate = prompt_gate = learned_presence = confidence = None
    enough = gates and len(set(patients)) >= FEWEST
    if settings.refiner is not None:
        refining = _Later(
            lambda method, number: method.decide(images[number].reading),
            lambda outcome: outcome.decisions,
            settings.refiner.merge,
            lambda gate: replace(method, settings=settings.with_gates(gate)),
        )
        gate, outcomes = _through(refining, method, images, outcomes, learn=enough)
    if settings.prompt is not None:
        # The masks that prompt come from gates that did not know their patient.
        asked = [method.ask(image.load(), before) for image, before in zip(images, outcomes, strict=True)]
        given = outcomes
        prompting = _Later(
            lambda method, number: method.decide_prompted(given[number], *asked[number]),
            lambda outcome: outcome.prompt_decisions,
            settings.prompt.limits,
            lambda gate: replace(method, settings=settings.with_gates(None, gate)),
        )
        prompt_gate, outcomes = _through(prompting, method, images, outcomes, learn=enough)
    if presence:
        rows = [_rows(method, image, outcome) for image, outcome in zip(images, outcomes, strict=True)]
        learned_presence = Presence.cross_fit(patients, [(final, dice >= _RIGHT) for final, _, dice in rows])
        confidence = Confidence.cross_fit(patients, [(coarse, dice >= GOOD) for _, coarse, dice in rows])
    return _joined(gate, prompt_gate, learned_presence, confidence)


def _joined(
    gate: CrossFit[Gate] | None,
    prompt_gate: CrossFit[Gate] | None,
    presence: Presence | None,
    confidence: Confidence | None,
) -> Calibration:
    def learned(fold: int | None) -> Learned:
        gates = [None if each is None else each.of(fold) for each in (gate, prompt_gate)]
        return Learned(gate=gates[0], prompt_gate=gates[1], presence=presence, confidence=confidence)

    # Both gates have the same folds, which hang on the patients alone.
    known = gate or prompt_gate
    if known is None:
        return Calibration(final=learned(None))
    folds = tuple(learned(fold) for fold in range(len(known.fits)))
    return Calibration(final=learned(None), folds=folds, fold_of={str(p): fold for p, fold in known.fold_of.items()})


def _through(
    stage: _Later, method: TwoStage, images: Sequence[CalibrationImage], before: Sequence[MethodResult], *, learn: bool
) -> tuple[CrossFit[Gate] | None, list[MethodResult]]:
    """The gate of a stage, and the outcomes behind it, each by the gate of the fold that leaves its patient out."""
    patients, gates = [image.patient for image in images], None
    dice = [_dice(method, image, outcome) for image, outcome in zip(images, before, strict=True)]
    if learn:
        eager = replace(method, settings=method.settings.accepting_everything())
        share = stage.limits.cautious_share
        cautious = replace(method, settings=method.settings.accepting_everything(share=share)) if share else None
        trials = [
            _trials(
                stage,
                method,
                image,
                stage.decide(eager, number),
                None if cautious is None else stage.decide(cautious, number),
                dice[number],
            )
            for number, image in enumerate(images)
        ]
        if any(trials):
            gates = cross_fit_gates(patients, trials)
    after = []
    for number, patient in enumerate(patients):
        gate = None if gates is None else gates.without(patient)
        after.append(stage.decide(stage.gated(gate), number))
    if gates is not None:
        changes = [_dice(method, images[n], outcome) - dice[n] for n, outcome in enumerate(after)]
        gates = replace(gates, final=_measured(gates.final, np.array(changes), sum(map(len, trials))))
    return gates, after


def _trials(
    stage: _Later,
    method: TwoStage,
    image: CalibrationImage,
    eager: MethodResult,
    cautious: MethodResult | None,
    before: np.ndarray,
) -> list[CalibrationSample]:
    """What became of each bone that the gate will have a say in, where every mask was taken, and taken with caution."""
    gains, found = _dice(method, image, eager) - before, []
    less = None if cautious is None else _dice(method, image, cautious) - before
    for decision in stage.decisions(eager):
        bone, seen = INDEX[decision.bone], decision.evidence
        if decision.used and seen.before and judged(bone, seen, stage.limits, None, may_add=True).used:
            gain_with_caution = None if less is None else float(less[bone])
            found.append(CalibrationSample(image.patient, bone, seen, float(gains[bone]), gain_with_caution))
    return found


def _measured(gate: Gate, changes: np.ndarray, trials: int) -> Gate:
    """The gate with what the folds' gates brought: changes of Dice (images, 29) on patients that they did not know."""
    gain, degraded = changes.sum() / trials, np.count_nonzero(changes < -DEGRADATION) / (len(changes) * COUNT)
    return gate.model_copy(update={"gain": round(float(gain), 5), "degraded": round(float(degraded), 5)})


def _dice(method: TwoStage, image: CalibrationImage, outcome: MethodResult) -> np.ndarray:
    """(29,) of the outcome's masks as prediction would give them."""
    return image.dice(method.conclude(outcome).final.threshold(method.threshold))


def _rows(
    method: TwoStage, image: CalibrationImage, outcome: MethodResult
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """What is known of each final mask (n, 4), what confidence asks instead (n, 4), and its Dice (n,)."""
    last = method.conclude(outcome)
    table, seen = features(last.final, method.threshold, last.agreement)
    asked, _ = evidence(last.final, last.coarse, method.threshold, last.agreement)
    return table[seen], asked[seen], image.dice(last.final.threshold(method.threshold))[seen]
