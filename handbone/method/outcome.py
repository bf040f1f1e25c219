"""What the networks see of an image, and what the method makes of that."""

from dataclasses import dataclass, field

import numpy as np

from handbone.core.bone_probabilities import BoneProbabilities
from handbone.method.hands import HandEvidence
from handbone.method.locate import Location
from handbone.method.merge import Decision
from handbone.method.prior.stage import PriorReport
from handbone.method.prompt import Answer
from handbone.method.roi import RegionOfInterest
from handbone.method.roi_placement import RoiPlacement


@dataclass(frozen=True, eq=False)
class Refined:
    """What the refiner sees in one ROI.

    Parameters
    ----------
    roi: which one. where: its place in the image.
    probabilities: of its bones in the image's own pixels; nothing elsewhere.
    """

    roi: RegionOfInterest
    where: RoiPlacement
    probabilities: BoneProbabilities


@dataclass(frozen=True, eq=False)
class Reading:
    """What both networks see of an image, before anything is decided.

    Parameters
    ----------
    coarse: probabilities in the image's own pixels.
    location: where the hand was found, None where it was not looked for.
    refined: one for each ROI; empty without a second stage.
    seconds: time taken by each step.
    """

    coarse: BoneProbabilities
    location: Location | None = None
    refined: tuple[Refined, ...] = ()
    seconds: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class MethodResult:
    """What all stages say of an image.

    Parameters
    ----------
    coarse, final: probabilities in the image's own pixels before and after the later stages.
    frames: where the second stage looked, by the ROI's name; empty without one.
    decisions: one for each bone that the second stage may change.
    seconds: time taken by each step.
    location: where the hand was found, None where it was not looked for.
    presence: (29,) how likely each bone's final mask is right; None where that was not calibrated.
    confidence: (29,) how likely it is good, with a Dice of .8 at least; None where that was not calibrated.
    answers: what the prompted network said, one for each bone that it was asked for.
    prompt_decisions: one for each bone that the prompted network may change.
    prior: what the anatomical prior found and did; None without one.
    hand: whether there is a hand at all; without one `final` is empty. None where nobody asked.
    """

    coarse: BoneProbabilities
    final: BoneProbabilities
    frames: dict[str, RoiPlacement] = field(default_factory=dict)
    decisions: list[Decision] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=dict)
    location: Location | None = None
    presence: np.ndarray | None = None
    confidence: np.ndarray | None = None
    answers: list[Answer] = field(default_factory=list)
    prompt_decisions: list[Decision] = field(default_factory=list)
    prior: PriorReport | None = None
    hand: HandEvidence | None = None

    @property
    def agreement(self) -> np.ndarray | None:
        """(29,) how well each mask agrees with the anatomical prior; None without one."""
        return None if self.prior is None else self.prior.agreement
