"""The method as a whole: coarse masks of the image, an ROI around the wrist, refined masks, merged."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Self

import numpy as np

from handbone.core.bone_masks import BoneMasks
from handbone.core.bone_probabilities import BoneProbabilities
from handbone.core.errors import HandboneError
from handbone.method.coarse import predict_coarse
from handbone.method.hands import HandEvidence, claimed, weigh_hand
from handbone.method.locate import Location, predict_located
from handbone.method.merge import Decision, merge
from handbone.method.postprocess import postprocess
from handbone.method.prior.stage import PriorReport, PriorStage
from handbone.method.prompt import PROMPT_ROI, PROMPTER_FILE, Answer, PromptStage
from handbone.method.refine import predict_refined
from handbone.method.roi import RegionOfInterest, asked, rois
from handbone.method.roi_placement import RoiPlacement
from handbone.method.settings import CoarseSettings, RefinerSettings
from handbone.method.tta import views_of
from handbone.training.inference import Predictor
from handbone.weights import find_prior, find_weights, resolve
from handbone.weights.network_file import read_card


@dataclass(frozen=True)
class Stage:
    """A trained network and the side of the grid that it reads."""

    predictor: Predictor
    size: int


@dataclass(frozen=True, eq=False)
class MethodResult:
    """What both stages say of an image.

    Parameters
    ----------
    coarse, final: probabilities in the image's own pixels before and after the second stage.
    frames: where the second stage looked, by the ROI's name; empty without one.
    decisions: one for each bone that the second stage may change.
    seconds: time taken by each step.
    location: where the hand was found, None where it was not looked for.
    presence: (29,) how likely each bone's final mask is right; None where that was not calibrated.
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
    answers: list[Answer] = field(default_factory=list)
    prompt_decisions: list[Decision] = field(default_factory=list)
    prior: PriorReport | None = None
    hand: HandEvidence | None = None


class TwoStage:
    """Coarse network, ROI, refiner and merge, ready to predict.

    Parameters
    ----------
    coarse: the network for the whole image.
    refiner: the network for the ROI; without one the coarse masks are the result.
    settings: the ROI, the gate and the refiner's bones.
    threshold: probability from which a pixel belongs to a bone, for the ROI and the gate.
    flip: average every prediction with that of the mirrored image.
    views: names of the views that both stages take the mean of, see `handbone.method.tta`.
    coarse_settings: how the coarse network is used.
    prompts: the third stage, which prompts a segment-anything network with the masks so far.
    prior: the anatomical prior, which judges and mends the masks that come out.

    Raises
    ------
    HandboneError: the gate or the presence was calibrated with an anatomical prior, and there is none.
    """

    def __init__(
        self,
        coarse: Stage,
        refiner: Stage | None = None,
        settings: RefinerSettings | None = None,
        *,
        threshold: float = 0.5,
        flip: bool = False,
        views: Sequence[str] = (),
        coarse_settings: CoarseSettings | None = None,
        prompts: PromptStage | None = None,
        prior: PriorStage | None = None,
    ):
        self.coarse_settings = coarse_settings or CoarseSettings()
        self.coarse_stage, self.refine_stage = coarse, refiner
        self.settings = settings or RefinerSettings()
        self.threshold, self.flip, self.views = threshold, flip, tuple(dict.fromkeys(views))
        self._views = views_of(self.views)
        self.rois: tuple[RegionOfInterest, ...] = ()
        if refiner is not None:
            chosen = self.settings
            self.rois = rois(chosen.roi, chosen.bones, chosen.extra_rois, refiner.size)
        self.prompt_stage = prompts
        self.prior_stage = prior
        learned = (self.coarse_settings.presence, self.settings.gate)
        if prior is None and any(each is not None and each.needs_prior for each in learned):
            remedy = "put prior.safetensors of the same weights beside them"
            raise HandboneError(
                "these weights were calibrated with an anatomical prior, and there is none", remedy=remedy
            )

    @classmethod
    def from_path(
        cls,
        path: str | Path,
        *,
        threshold: float = 0.5,
        flip: bool | None = None,
        views: Sequence[str] | None = None,
        precision: str = "auto",
    ) -> Self:
        """From a run folder, a folder of weights, or the weights file of a coarse network alone.

        Parameters
        ----------
        flip, views: as above; None: as the weights say.

        Raises
        ------
        HandboneError: no weights there, weights of another stage than their name says, or an unknown name of views.
        """
        coarse_path, refiner_path = find_weights(path)
        coarse, extra = _load_stage(coarse_path, "coarse", precision)
        coarse_settings = CoarseSettings.model_validate(extra.get("coarse", {}))
        common = {
            "threshold": threshold,
            "flip": coarse_settings.flip if flip is None else flip,
            "views": coarse_settings.views if views is None else views,
            "coarse_settings": coarse_settings,
        }
        prompter_path = coarse_path.with_name(PROMPTER_FILE)
        if resolve(path).is_dir() and prompter_path.is_file():
            common["prompts"] = PromptStage.from_path(prompter_path)
        if (prior_path := find_prior(path)) is not None:
            common["prior"] = PriorStage.from_path(prior_path, precision)
        if refiner_path is None:
            return cls(coarse, **common)
        refiner, extra = _load_stage(refiner_path, "refining", precision)
        return cls(coarse, refiner, RefinerSettings.model_validate(extra["refiner"]), **common)

    def predict(self, image: np.ndarray) -> MethodResult:
        """Outline the bones of one image, float32 (H, W) in [0, 1], of any size."""
        start = time.perf_counter()
        coarse, location = self._coarse(image)
        seconds = {"coarse": time.perf_counter() - start}
        outcome = MethodResult(coarse, coarse)
        if self.refine_stage is not None:
            outcome = self.refine(image, coarse)
        if self.prompt_stage is not None:
            outcome = self.prompt(image, outcome)
        # Where a hand had to be found first, bones are one piece; elsewhere networks have the last word.
        final = outcome.final if location is None else postprocess(outcome.final)
        outcome = replace(outcome, final=final, location=location, seconds=seconds | outcome.seconds)
        if self.prior_stage is not None:
            outcome = self.judge(outcome)
        if self.coarse_settings.presence is not None:
            outcome = self._without_guesses(outcome)
        hand = weigh_hand(outcome.final, self.threshold, location)
        return replace(outcome, final=claimed(outcome.final, hand), hand=hand)

    def _coarse(self, image: np.ndarray) -> tuple[BoneProbabilities, Location | None]:
        network, size = self.coarse_stage.predictor, self.coarse_stage.size
        more = {"flip": self.flip, "views": self._views}
        if self.coarse_settings.find_hand is None:
            return predict_coarse(network, image, size, **more), None
        return predict_located(network, image, size, pass_size=self.coarse_settings.find_hand, **more)

    def _without_guesses(self, outcome: MethodResult) -> MethodResult:
        """The outcome without the bones that are likelier wrong than right."""
        agreement = None if outcome.prior is None else outcome.prior.agreement
        presence = self.coarse_settings.presence.of(outcome.final, self.threshold, agreement)
        return replace(outcome, final=outcome.final.without(np.flatnonzero(presence < 0.5)), presence=presence)

    def judge(self, outcome: MethodResult) -> MethodResult:
        """The anatomical prior alone, on an outcome of the others: names put right, spurs and bites mended.

        Raises
        ------
        HandboneError: this method has no prior.
        """
        if self.prior_stage is None:
            raise HandboneError("there is no anatomical prior", remedy="give weights that have one")
        start = time.perf_counter()
        final, report = self.prior_stage(outcome.final, self.threshold)
        if outcome.location is not None and report.mended:
            # A spur that is cut may leave its tip.
            final = postprocess(final)
        seconds = {**outcome.seconds, "prior": time.perf_counter() - start}
        return replace(outcome, final=final, prior=report, seconds=seconds)

    def for_bones(self, bones: Sequence[int]) -> tuple[RegionOfInterest, ...]:
        """The ROIs that refine some bones, indices, and nothing else.

        Raises
        ------
        HandboneError: a refiner that does not know the surroundings of these bones.
        """
        return asked(self.rois, bones, random_rois=self.settings.random_rois)

    def refine(
        self, image: np.ndarray, coarse: BoneProbabilities, rois: Sequence[RegionOfInterest] | None = None
    ) -> MethodResult:
        """The second stage alone, on anyone's coarse probabilities of the image.

        Parameters
        ----------
        rois: those that it reads, from `for_bones`; by default all that it was made for.

        Raises
        ------
        HandboneError: this method has no refiner.
        """
        chosen = self.rois if rois is None else rois
        if self.refine_stage is None:
            raise HandboneError("there is no refiner", remedy="give a run folder whose weights have both stages")
        masks = coarse.threshold(self.threshold)
        outcome = MethodResult(coarse, coarse, seconds={"roi": 0.0, "refine": 0.0, "merge": 0.0})
        for roi in chosen:
            outcome = self._refine(image, masks, outcome, roi)
        return outcome

    def _refine(self, image: np.ndarray, masks: BoneMasks, so_far: MethodResult, roi: RegionOfInterest) -> MethodResult:
        times = [time.perf_counter()]
        where = roi.place(masks)
        times.append(time.perf_counter())
        refined = predict_refined(
            self.refine_stage.predictor,
            image,
            where.frame,
            bones=roi.returned,
            coarse=masks if self.settings.coarse_channels else None,
            flip=self.flip and self.settings.flip_safe,
            views=self._views,
        )
        if self.coarse_settings.find_hand is not None:
            refined = postprocess(refined)
        times.append(time.perf_counter())
        merged = merge(
            so_far.final,
            refined,
            where.frame,
            self.settings.merge,
            bones=roi.returned,
            threshold=self.threshold,
            may_add=where.fallback != "whole",
            gate=self.settings.gate,
            roi=roi.name,
            plausible=self._plausible,
        )
        times.append(time.perf_counter())
        taken = dict(zip(("roi", "refine", "merge"), np.diff(times).tolist(), strict=True))
        return replace(
            so_far,
            final=merged.probabilities,
            frames={**so_far.frames, roi.name: where},
            decisions=[*so_far.decisions, *merged.decisions],
            seconds={step: so_far.seconds[step] + taken[step] for step in taken},
        )

    def _plausible(self, probabilities: BoneProbabilities) -> np.ndarray | None:
        """(29,) how well each mask agrees with the prior; None without one, or where the gate does not ask for it."""
        gate = self.settings.gate
        if self.prior_stage is None or (gate is not None and not gate.needs_prior):
            return None
        return self.prior_stage.agreement(probabilities, self.threshold)

    def prompt(self, image: np.ndarray, outcome: MethodResult) -> MethodResult:
        """The third stage alone, on an outcome of the others; in the refiner's first ROI, where there is one.

        Raises
        ------
        HandboneError: this method has no prompter.
        """
        if self.prompt_stage is None:
            raise HandboneError("there is no prompter", remedy="give one, or a run folder whose recipe has [prompt]")
        start = time.perf_counter()
        where = next(iter(outcome.frames.values()), None)
        merged, prompted, where = self.prompt_stage(image, outcome.final, where, threshold=self.threshold)
        return replace(
            outcome,
            final=merged.probabilities,
            frames=outcome.frames or {PROMPT_ROI: where},
            seconds={**outcome.seconds, "prompt": time.perf_counter() - start},
            answers=prompted.answers,
            prompt_decisions=merged.decisions,
        )


def _load_stage(path: Path, stage: str, precision: str) -> tuple[Stage, dict[str, Any]]:
    card = read_card(path)
    # A refiner reads an ROI of any bones; what counts is that the two are not confused.
    if (card.stage == "coarse") != (stage == "coarse"):
        what = f"these are weights of the stage '{card.stage}', where those of the {stage} network are needed"
        raise HandboneError(what, where=path, remedy="give the run folder, which holds both stages")
    return Stage(Predictor(path, precision), card.size), card.extra
