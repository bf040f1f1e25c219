"""An outcome with those refined masks of one ROI that are credible."""

from dataclasses import replace

import numpy as np

from handbone.core.bone_probabilities import BoneProbabilities
from handbone.method.merge import merge
from handbone.method.outcome import MethodResult, Refined
from handbone.method.prior.stage import PriorStage
from handbone.method.settings import MethodSettings


def with_refined(
    outcome: MethodResult, refined: Refined, settings: MethodSettings, prior: PriorStage | None
) -> MethodResult:
    """Merge what the refiner sees in one ROI into an outcome, and note every decision.

    Parameters
    ----------
    settings: with those of a refiner. prior: judges both masks, where the gate asks for it.
    """
    roi, chosen = refined.roi, settings.refiner
    assert chosen is not None  # something was refined
    judging = prior if chosen.gate is None or chosen.gate.needs_prior else None

    def plausible(probabilities: BoneProbabilities) -> np.ndarray | None:
        """(29,) how well each mask agrees with the prior."""
        return None if judging is None else judging.agreement(probabilities, settings.threshold)

    merged = merge(
        outcome.final,
        refined.probabilities,
        refined.where.frame,
        chosen.merge,
        bones=roi.returned,
        threshold=settings.threshold,
        may_add=refined.where.fallback != "whole",
        gate=chosen.gate,
        roi=roi.name,
        plausible=plausible,
    )
    return replace(
        outcome,
        final=merged.probabilities,
        frames={**outcome.frames, roi.name: refined.where},
        decisions=[*outcome.decisions, *merged.decisions],
    )
