"""One radiograph of 2048 x 2048 by `predict` with the shipped weights, beside the same done plainly.

    python -m pytest tests/benchmarks/test_bench_predict.py --benchmark-only

Processor time, alternating in one process, so that other work on the machine disturbs both alike. The plain way runs
the networks as they were trained, looks beside every hand, brings torch's logits into order with torch, paints every
pixel of a contour's box by itself, and leaves the choice of PNG filters to OpenCV. It decodes the whole grid, and looks
beside a hand at the mirrored image as well.
"""

import statistics
import time
from dataclasses import replace
from unittest.mock import patch

import cv2
import numpy as np
import pytest
import torch

from handbone.evaluation.metrics import dice_contest
from handbone.formats.own_png import encode_png
from handbone.method import several_hands
from handbone.method.coarse import predict_coarse
from handbone.method.networks import Stage
from handbone.method.two_stage import TwoStage
from handbone.networks.grid_network import GridNetwork
from handbone.report import overlay
from handbone.synthetic import draw_hand
from handbone.training.inference import Predictor
from handbone.weights import find_weights
from handbone.weights.network_file import load_weights

_ROUNDS = 5


class _Plain(GridNetwork):
    """A torch network as it was trained, with its logits mirrored and brought into order in the plainest way."""

    def __init__(self, path, precision):
        self.predictor = Predictor(load_weights(path)[0], precision)
        self.half = self.predictor.half

    @torch.inference_mode()
    def __call__(self, batch):
        return self.predictor._forward(torch.from_numpy(batch)).float().contiguous().numpy()

    def logits(self, image, *, flip=False, within=None):
        batch = np.ascontiguousarray(image[None])
        there = self(batch)[0]
        return (there + self(np.ascontiguousarray(batch[..., ::-1]))[0][..., ::-1]) / 2 if flip else there


def _both(precision):
    """The method as it is, and plainly."""
    settings = TwoStage.from_path("zero_shot").settings.model_copy(update={"precision": precision})
    method = TwoStage.from_path("zero_shot", settings=settings)
    coarse, refiner = (Stage(_Plain(path, precision), 512) for path in find_weights("zero_shot"))
    return {True: replace(method, coarse_stage=coarse, refine_stage=refiner), False: method}


def _mix_plainly(part, cover, colour, alpha):
    rows, columns = np.nonzero(cover)
    weight = cover[rows, columns, None] * np.float32(alpha / 255)
    part[rows, columns] = np.round(part[rows, columns] * (1 - weight) + np.asarray(colour, np.float32) * weight)


def _look_plainly(method, image, whole):
    """Beside every hand, each time at the mirrored image as well."""
    whole = replace(whole, location=replace(whole.location, traces=None))
    mirrored = {"predict_coarse": lambda *given, flip, **more: predict_coarse(*given, flip=True, **more), "_LIKELY": 2}
    with patch.multiple(several_hands, **mirrored):
        several_hands.find_hands(method, image, whole)


def _outline(method, image, *, plainly, mix=overlay.mix):
    whole = method.predict(image)
    (_look_plainly if plainly else several_hands.find_hands)(method, image, whole)
    masks = whole.final.threshold(method.threshold)
    overlay.mix = _mix_plainly if plainly else mix
    drawn = overlay.draw_overlay(image, masks)
    encode_png(drawn, compression=2 if plainly else 1, one_filter=not plainly)
    return masks, drawn


@pytest.fixture(scope="module", params=[901, 902])
def image(request):
    cv2.setNumThreads(1)
    torch.set_num_threads(1)
    return draw_hand(request.param, size=2048, bent=request.param == 902).image.astype(np.float32) / 255


@pytest.mark.parametrize(("precision", "least"), [("32", 0.9999), ("auto", 0.998)])
def test_both_ways_give_the_same(benchmark, image, precision, least):
    """Numbers of 16 bits are rounded in other places: pixels on borders change, as they do between 16 and 32 bits."""
    ways = _both(precision)
    masks, drawn = _outline(ways[True], image, plainly=True)
    others, _ = benchmark.pedantic(_outline, (ways[False], image), {"plainly": False}, rounds=1)
    assert np.mean(dice_contest(masks, others)) >= least
    assert masks.present().tolist() == others.present().tolist()
    again = overlay.draw_overlay(image, masks)
    assert np.abs(again.astype(int) - drawn).max() <= 2


def test_a_radiograph_of_2048(benchmark, image):
    ways = _both("auto")
    for plainly, way in ways.items():
        _outline(way, image, plainly=plainly)
    seconds = {True: [], False: []}
    for _ in range(_ROUNDS):
        for plainly, way in ways.items():
            start = time.process_time()
            _outline(way, image, plainly=plainly)
            seconds[plainly].append(time.process_time() - start)
    before, after = (statistics.median(seconds[plainly]) for plainly in (True, False))
    benchmark.extra_info |= {"plain": before, "now": after, "ratio": before / after}
    benchmark.pedantic(_outline, (ways[False], image), {"plainly": False}, rounds=1)
