"""The method as a whole: coarse masks of the image, an ROI around the wrist, refined masks, merged.

Networks read (`read`), and everything after that is decided by the settings alone (`decide`, `conclude`). Prediction,
refinement and calibration call these same functions.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Self

import numpy as np

from handbone.core.bone_probabilities import BoneProbabilities
from handbone.core.errors import HandboneError
from handbone.method.calibration.presence import SHOWN
from handbone.method.hands import claimed, weigh_hand
from handbone.method.merging import with_refined
from handbone.method.networks import Stage, check_networks, load_networks
from handbone.method.outcome import MethodResult, Reading
from handbone.method.postprocess import postprocess
from handbone.method.prior.stage import PriorNetwork, PriorStage
from handbone.method.prompt import PROMPT_ROI, Prompted, PromptStage
from handbone.method.reading import read_coarse, read_refined, softened, timed
from handbone.method.roi import RegionOfInterest, asked, rois
from handbone.method.roi_placement import RoiPlacement
from handbone.method.settings import MethodSettings
from handbone.method.tta import views_of
from handbone.networks.exported import Runtime
from handbone.plugins import Prompter


@dataclass(frozen=True, eq=False)
class TwoStage:
    """The networks and their settings, ready to predict; `dataclasses.replace` gives variants.

    Parameters
    ----------
    coarse_stage: the network for the whole image.
    refine_stage: the network for the ROI; without one the coarse masks are the result.
    settings: everything else that decides a mask.
    prompter: a segment-anything network that is prompted with the masks so far.
    prior_network: of the anatomical prior, which judges and mends the masks that come out.

    Raises
    ------
    HandboneError: a network without settings, or settings without their network.
    UnknownNameError: views that there are not.
    """

    coarse_stage: Stage
    refine_stage: Stage | None = None
    settings: MethodSettings = field(default_factory=MethodSettings)
    prompter: Prompter | None = None
    prior_network: PriorNetwork | None = None

    def __post_init__(self) -> None:
        check_networks(
            self.settings,
            refiner=self.refine_stage is not None,
            prompt=self.prompter is not None,
            prior=self.prior_network is not None,
        )
        views_of(self.settings.views)

    @classmethod
    def from_path(
        cls,
        path: str | Path,
        *,
        settings: MethodSettings | None = None,
        runtime: Runtime = "auto",
        threads: int | None = None,
        device: str | None = None,
        refining: bool = False,
    ) -> Self:
        """From a run folder, a folder of weights or of exported networks, or a coarse network's weights file alone.

        Parameters
        ----------
        settings: in place of those that the weights carry, see `handbone.method.settings.read_settings`.
        runtime: what computes the networks; "auto": torch for weights, else the library of the exported files.
        threads: of the networks' operators; by default the library's own choice.
        device, refining: where networks of torch work, and whether masks will be refined only; see `load_networks`.

        Raises
        ------
        HandboneError: no weights there, weights of another stage than their name says, settings of other weights, or a
            runtime that does not read them.
        UnknownNameError: views that there are not.
        """
        return cls(**load_networks(path, settings, runtime=runtime, threads=threads, device=device, refining=refining))

    @property
    def threshold(self) -> float:
        """Probability from which a pixel belongs to a bone."""
        return self.settings.threshold

    @property
    def rois(self) -> tuple[RegionOfInterest, ...]:
        """The ROIs that the refiner was made for; none without a refiner."""
        chosen = self.settings.refiner
        if self.refine_stage is None or chosen is None:
            return ()
        return rois(chosen.roi, chosen.bones, chosen.extra_rois, self.refine_stage.size)

    @property
    def prompt_stage(self) -> PromptStage | None:
        """The prompted stage, where there is one."""
        if self.prompter is None or self.settings.prompt is None:
            return None
        return PromptStage(self.prompter, self.settings.prompt)

    @property
    def prior_stage(self) -> PriorStage | None:
        """The anatomical prior, where there is one."""
        if self.prior_network is None or self.settings.prior is None:
            return None
        return PriorStage(self.prior_network, self.settings.prior)

    def predict(self, image: np.ndarray) -> MethodResult:
        """Outline the bones of one image, float32 (H, W) in [0, 1], of any size."""
        outcome = self.decide(self.read(image))
        if self.prompter is not None:
            outcome = self.prompt(image, outcome)
        return self.conclude(outcome)

    def refine(
        self, image: np.ndarray, coarse: BoneProbabilities, rois: Sequence[RegionOfInterest] | None = None
    ) -> MethodResult:
        """The later stages alone, on anyone's coarse probabilities of the image.

        The prior and the presence of bones have no say: they are known for this method's own coarse masks. The outlines
        of masks without probabilities are taken for as soft as a network's, so that caution can move them.

        Parameters
        ----------
        rois: those that it reads, from `for_bones`; by default all that it was made for.

        Raises
        ------
        HandboneError: this method has no refiner.
        """
        reading = self._refined(image, Reading(coarse), self.rois if rois is None else rois)
        outcome = self.decide(softened(reading, self.threshold))
        if self.prompter is not None:
            outcome = self.prompt(image, outcome)
        return replace(outcome, final=self._one_piece(outcome.final))

    def read(self, image: np.ndarray) -> Reading:
        """What both networks see of an image, float32 (H, W) in [0, 1]."""
        reading = read_coarse(self.coarse_stage, self.settings, image)
        return reading if self.refine_stage is None else self._refined(image, reading, self.rois)

    def decide(self, reading: Reading) -> MethodResult:
        """The second stage's masks where they are credible, the coarse ones elsewhere."""
        outcome = MethodResult(reading.coarse, reading.coarse, location=reading.location, seconds=dict(reading.seconds))
        for refined in reading.refined:
            with timed(outcome.seconds, "merge"):
                outcome = with_refined(outcome, refined, self.settings, self.prior_stage)
        return outcome

    def prompt(self, image: np.ndarray, outcome: MethodResult) -> MethodResult:
        """The prompted stage alone, on an outcome of the others; in the refiner's first ROI, where there is one.

        Raises
        ------
        HandboneError: this method has no prompter.
        """
        with timed(seconds := dict(outcome.seconds), "prompt"):
            prompted, where = self.ask(image, outcome)
            outcome = self.decide_prompted(outcome, prompted, where)
        return replace(outcome, seconds=seconds)

    def ask(self, image: np.ndarray, outcome: MethodResult) -> tuple[Prompted, RoiPlacement]:
        """What the prompted network says of an outcome's masks, and where it looked; see `prompt`."""
        if self.prompt_stage is None:
            raise HandboneError("no prompter is loaded", remedy="choose one, or a run whose recipe has [prompt]")
        where = next(iter(outcome.frames.values()), None)
        return self.prompt_stage.ask(image, outcome.final, where, threshold=self.threshold)

    def decide_prompted(self, outcome: MethodResult, prompted: Prompted, where: RoiPlacement) -> MethodResult:
        """An outcome with those of the prompted masks, from `ask`, that are credible."""
        assert self.prompt_stage is not None  # it has been asked
        merged = self.prompt_stage.decide(outcome.final, prompted, where, threshold=self.threshold)
        return replace(
            outcome,
            final=merged.probabilities,
            frames=outcome.frames or {PROMPT_ROI: where},
            answers=prompted.answers,
            prompt_decisions=merged.decisions,
        )

    def conclude(self, outcome: MethodResult) -> MethodResult:
        """What comes after all networks: one piece per bone, the prior's findings, and no bone that is likely wrong."""
        outcome = replace(outcome, final=self._one_piece(outcome.final))
        if self.prior_network is not None:
            outcome = self.judge(outcome)
        if self.settings.confidence is not None:
            confidence = self.settings.confidence.of_masks(
                outcome.final, outcome.coarse, self.threshold, outcome.agreement
            )
            outcome = replace(outcome, confidence=confidence)
        if self.settings.presence is not None:
            presence = self.settings.presence.of(outcome.final, self.threshold, outcome.agreement)
            shown = outcome.final.without(np.flatnonzero(presence < SHOWN))
            outcome = replace(outcome, final=shown, presence=presence)
        hand = weigh_hand(outcome.final, self.threshold, outcome.location)
        return replace(outcome, final=claimed(outcome.final, hand), hand=hand)

    def judge(self, outcome: MethodResult) -> MethodResult:
        """The anatomical prior alone, on an outcome of the others: names put right, spurs and bites mended.

        Raises
        ------
        HandboneError: this method has no prior.
        """
        if self.prior_stage is None:
            raise HandboneError("these weights have no anatomical prior", remedy="use weights that include one")
        with timed(seconds := dict(outcome.seconds), "prior"):
            final, report = self.prior_stage(outcome.final, self.threshold)
            if report.mended:
                # A spur that is cut may leave its tip.
                final = self._one_piece(final)
        return replace(outcome, final=final, prior=report, seconds=seconds)

    def for_bones(self, bones: Sequence[int]) -> tuple[RegionOfInterest, ...]:
        """The ROIs that refine some bones, indices, and nothing else.

        Raises
        ------
        HandboneError: a refiner that does not know the surroundings of these bones, or none.
        """
        if self.settings.refiner is None:
            raise HandboneError("these weights have no refiner", remedy="use a run or weights with both stages")
        return asked(self.rois, bones, random_rois=self.settings.refiner.random_rois)

    def _one_piece(self, probabilities: BoneProbabilities) -> BoneProbabilities:
        return postprocess(probabilities) if self.settings.postprocess else probabilities

    def _refined(self, image: np.ndarray, reading: Reading, rois: Sequence[RegionOfInterest]) -> Reading:
        return read_refined(self.refine_stage, self.settings, image, reading, rois)
