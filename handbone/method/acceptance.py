"""Whether a refined mask takes the place of the earlier one: fixed limits first, then the calibrated gate."""

from dataclasses import dataclass

from handbone.anatomy import NAMES
from handbone.method.calibration.gate import Gate
from handbone.method.evidence import MergeEvidence
from handbone.recipe import schema

# Bones that the refiner alone sees are too few to calibrate. Of 18 that were not in the image none reached this.
_SURE_ALONE = 0.9


@dataclass(frozen=True)
class Verdict:
    """What becomes of a refined mask.

    Parameters
    ----------
    share: of the refined probabilities in the result, the rest is that of the earlier ones; 0: those stay.
    reason: one clause.
    degradation: probability that the refined mask is the worse one, where the gate was asked.
    """

    share: float
    reason: str
    degradation: float | None = None

    @property
    def used(self) -> bool:
        """Whether the refined mask takes part in the result."""
        return self.share > 0


def judged(bone: int, evidence: MergeEvidence, settings: schema.Merge, gate: Gate | None, *, may_add: bool) -> Verdict:
    """What becomes of the refined mask of a bone, an index.

    may_add: whether a bone without an earlier mask may come from the refiner.
    """
    if not evidence.after:
        return Verdict(0.0, "the refiner found nothing" if evidence.before else "neither stage found it in the ROI")
    if not evidence.before:
        return _added(evidence, gate, may_add=may_add)
    refusal = _refusal(evidence, settings)
    if refusal:
        return Verdict(0.0, refusal)
    if gate is None:
        return Verdict(settings.share, "credible")
    degradation = gate.degradation(bone, evidence)
    if degradation <= gate.threshold:
        return Verdict(settings.share, "credible", degradation)
    limit = max(gate.threshold, gate.cautious_threshold if settings.cautious_share else 0.0)
    if degradation <= limit:
        return Verdict(settings.cautious_share, "credible, with caution", degradation)
    worse = f"{NAMES[bone]} may come out worse (probability {degradation:.2g} > {limit:.2g})"
    return Verdict(0.0, worse, degradation)


def _added(evidence: MergeEvidence, gate: Gate | None, *, may_add: bool) -> Verdict:
    """A bone that the refiner alone sees: its mask is taken whole, as there is nothing to average with."""
    if evidence.elsewhere:
        return Verdict(0.0, "the coarse mask lies outside the ROI")
    if not may_add:
        return Verdict(0.0, "there was no coarse mask, and no ROI for the refiner")
    if gate is not None and evidence.after < _SURE_ALONE:
        unsure = f"mean probability {evidence.after:.2f} < {_SURE_ALONE:.2f}"
        return Verdict(0.0, f"there was no coarse mask, and the refiner is not sure ({unsure})")
    return Verdict(1.0, "there was no coarse mask")


def _refusal(evidence: MergeEvidence, settings: schema.Merge) -> str:
    """Which fixed limit a mask breaks; empty if none."""
    smallest, largest = settings.area_ratio
    if evidence.agreement < settings.min_agreement:
        return f"agrees too little with the coarse mask (Dice {evidence.agreement:.2f} < {settings.min_agreement:.2f})"
    if evidence.area_ratio is not None and not smallest <= evidence.area_ratio <= largest:
        return f"its area is {evidence.area_ratio:.2f} times the coarse one"
    if evidence.shift is not None and evidence.shift > settings.max_shift:
        return f"its centre moved by {evidence.shift:.2f} of its size"
    return ""
