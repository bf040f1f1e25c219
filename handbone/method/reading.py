"""What the networks see of an image, before anything is decided."""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

import numpy as np

from handbone.core.bone_masks import BoneMasks
from handbone.core.box import Box
from handbone.core.errors import HandboneError
from handbone.core.frame import Frame
from handbone.core.grid_logits import grid_boxes
from handbone.method.coarse import predict_coarse
from handbone.method.locate import predict_located
from handbone.method.networks import Stage
from handbone.method.outcome import Reading, Refined
from handbone.method.postprocess import postprocess
from handbone.method.refine import predict_refined
from handbone.method.roi import RegionOfInterest
from handbone.method.settings import MethodSettings
from handbone.method.soft_outlines import with_soft_outlines
from handbone.method.tta import views_of

# Grid pixels by which a refined mask may go beyond the coarse ones: a sixteenth of the refiner's grid.
_BEYOND = 32
# Pixels of the refiner's grid over which probabilities of others' masks increase from .27 to .73. On synthetic hands
# masks without probabilities then gain as much as those with; over twice as many pixels, more masks become worse.
_SOFT = 2.0


def read_coarse(stage: Stage, settings: MethodSettings, image: np.ndarray) -> Reading:
    """What the coarse network sees of an image, float32 (H, W) in [0, 1]; it finds the hand where it is told to."""
    seconds: dict[str, float] = {}
    views, flip = views_of(settings.views), settings.flip_tta
    with timed(seconds, "coarse"):
        if settings.find_hand is None:
            coarse, location = predict_coarse(stage.predictor, image, stage.size, flip=flip, views=views), None
        else:
            coarse, location = predict_located(
                stage.predictor, image, stage.size, pass_size=settings.find_hand, flip=flip, views=views
            )
    return Reading(coarse, location, seconds=seconds)


def read_refined(
    stage: Stage | None,
    settings: MethodSettings,
    image: np.ndarray,
    reading: Reading,
    rois: Sequence[RegionOfInterest],
) -> Reading:
    """The reading with what the refiner sees in ROIs that its coarse masks place.

    Raises
    ------
    HandboneError: there is no refiner.
    """
    if stage is None:
        raise HandboneError("there is no refiner", remedy="give a run folder whose weights have both stages")
    masks = reading.coarse.threshold(settings.threshold)
    seconds = {**reading.seconds, "roi": 0.0, "refine": 0.0}
    refined = tuple(_look(stage, settings, image, masks, roi, seconds) for roi in rois)
    return replace(reading, refined=refined, seconds=seconds)


def softened(reading: Reading, threshold: float) -> Reading:
    """The reading, its coarse masks as sure as a network's where they came without probabilities and were refined."""
    for refined in reading.refined:
        width = _SOFT / refined.where.frame.scale
        soft = with_soft_outlines(reading.coarse, refined.roi.returned, width=width, threshold=threshold)
        reading = replace(reading, coarse=soft)
    return reading


def _look(
    stage: Stage,
    settings: MethodSettings,
    image: np.ndarray,
    masks: BoneMasks,
    roi: RegionOfInterest,
    seconds: dict[str, float],
) -> Refined:
    """One ROI as the refiner sees it; adds the time taken."""
    chosen = settings.refiner
    assert chosen is not None
    with timed(seconds, "roi"):
        where = roi.place(masks)
    with timed(seconds, "refine"):
        seen = predict_refined(
            stage.predictor,
            image,
            where.frame,
            bones=roi.returned,
            coarse=masks if chosen.coarse_channels else None,
            within=_where_bones_are(masks, roi.returned, where.frame),
            flip=settings.flip_tta and chosen.flip_safe,
            views=views_of(settings.views),
        )
        return Refined(roi, where, postprocess(seen) if settings.postprocess else seen)


def _where_bones_are(masks: BoneMasks, bones: Sequence[int], frame: Frame) -> Box | None:
    """The part of a grid around some bones; None where one of them is missing and may lie anywhere."""
    if not masks.present()[list(bones)].all():
        return None
    return grid_boxes(frame, masks.boxes_xyxy[list(bones)], _BEYOND)


@contextmanager
def timed(seconds: dict[str, float], step: str) -> Iterator[None]:
    """Add the time that a block takes to a step's."""
    start = time.perf_counter()
    yield
    seconds[step] = seconds.get(step, 0.0) + time.perf_counter() - start
