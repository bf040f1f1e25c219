"""The images that calibration learns from: validation images, or synthetic hands that no network has learned from."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import NamedTuple

import numpy as np

from handbone.core.bone_masks import BoneMasks
from handbone.core.progress import track
from handbone.data.augment import Augmenter
from handbone.data.grid_dataset import LabelledImage
from handbone.data.synthetic_stream import SyntheticStream
from handbone.formats.arrays import radiograph_from_array
from handbone.recipe import schema
from handbone.runs.context import Context

# No training comes so far: these synthetic hands are new to the networks.
_EPOCH = 1_000_000
# Hands met later differ more than those that a network has learned from: upright adults vary half as much again here,
# half of them bent, and all are shown by looks that no training draws. A gate for any radiograph must know both kinds.
_UPRIGHT = {"variety": "upright_adult", "spread": 1.5, "bent": 0.5}
_KINDS = {"upright_adult": (_UPRIGHT,), "diverse": (_UPRIGHT, {"variety": "diverse"})}
_SIDES = (540, 1045)
#: On real radiographs the coarse network errs more than on synthetic ones, and a refined mask that differs is more
#: often the better one. Degraded hands are small, as renderings in archives are, soft or sharpened, grainy, with halos.
DEGRADED = schema.Augment(
    **dict.fromkeys(("rotate", "wrist_bend", "wrist_bend_probability", "scale", "shift", "flip", "elastic"), 0.0),
    brightness=0.1,
    contrast=0.2,
    gamma=0.2,
    noise=0.03,
    blur=0.4,
    grain=0.06,
    clahe=0.3,
    sharpen=0.3,
    halo=0.5,
)


class UnseenImage(NamedTuple):
    """An image that no network has learned from: float32 (H, W) in [0, 1]; `load` gives it again."""

    patient: str
    image: np.ndarray
    load: Callable[[], np.ndarray]
    ground_truth: BoneMasks


def on_synthetic(context: Context) -> bool:
    """Whether synthetic hands are drawn to calibrate on."""
    return context.synthetic and context.recipe.predict.calibrate > 0


def unseen_images(context: Context) -> Iterator[UnseenImage]:
    """The images of a run to calibrate on, one at a time."""
    if on_synthetic(context):
        yield from _synthetic(context)
        return
    for sample in track(context.splits["validation"], "Calibrating on validation images"):
        load = partial(context.cache.image, sample.image)
        yield UnseenImage(sample.patient_id, load(), load, context.dataset.labels(sample).masks())


def _synthetic(context: Context) -> Iterator[UnseenImage]:
    recipe = context.recipe
    count, seed = recipe.predict.calibrate, recipe.synthetic.seed
    streams = [SyntheticStream(count, seed=seed, looks="held_out", **kind) for kind in _KINDS[recipe.synthetic.variety]]
    # Both kinds of hands are degraded alike.
    degraded = {
        index for index in range(count) if is_degraded(index // len(streams), recipe.predict.calibrate_degraded)
    }

    def draw(index: int) -> tuple[LabelledImage, np.ndarray]:
        stream, size = streams[index % len(streams)], recipe.synthetic.size
        if index not in degraded:
            hand = stream.draw(_EPOCH, index, size)
            return hand, _as_read(hand.load())
        rng = np.random.default_rng([seed, _EPOCH, index])
        hand = stream.draw(_EPOCH, index, min(size, int(rng.integers(*_SIDES))))
        image = (hand.load() / np.float32(255)).astype(np.float32)
        return hand, _as_read(Augmenter(DEGRADED)(image, {}, rng)[0])

    for index in track(range(count), "Calibrating on synthetic hands"):
        radiograph, image = draw(index)
        ground_truth = BoneMasks.from_polygons(radiograph.polygons, radiograph.size_hw)
        # Drawn anew where it is asked for again: hundreds of them need not be kept.
        yield UnseenImage(radiograph.name, image, partial(_pixels, draw, index), ground_truth)


def is_degraded(number: int, share: float) -> bool:
    """Whether the hand of a number is among a share of all, evenly.

    >>> [number for number in range(8) if is_degraded(number, 0.5)]
    [1, 3, 5, 7]
    """
    return int((number + 1) * share) > int(number * share)


def _as_read(values: np.ndarray) -> np.ndarray:
    """Grey values as `predict` reads them from a file: over their own range, and bones bright."""
    return radiograph_from_array(values).image


def _pixels(draw: Callable[[int], tuple[LabelledImage, np.ndarray]], index: int) -> np.ndarray:
    return draw(index)[1]
