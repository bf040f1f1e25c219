"""One radiograph of 2048 x 2048 by `predict` with the shipped weights, beside the same done plainly.

    python -m pytest tests/benchmarks/test_bench_predict.py --benchmark-only

Processor time, alternating in one process, so that other work on the machine disturbs both alike. The plain way looks
beside every hand, brings torch's logits into order with torch, and leaves the choice of PNG filters to OpenCV.
"""

import statistics
import time
from dataclasses import replace

import cv2
import numpy as np
import pytest
import torch

from handbone.formats.own_png import encode_png
from handbone.method import several_hands
from handbone.method.two_stage import TwoStage
from handbone.networks.grid_network import GridNetwork
from handbone.report.overlay import draw_overlay
from handbone.synthetic import draw_hand

_ROUNDS = 5


class _Plain(GridNetwork):
    """A torch network, with its logits mirrored and brought into order in the plainest way."""

    def __init__(self, predictor):
        self.predictor, self.half = predictor, predictor.half

    @torch.inference_mode()
    def __call__(self, batch):
        return self.predictor._forward(torch.from_numpy(batch)).contiguous().numpy()

    def logits(self, image, *, flip=False):
        batch = np.ascontiguousarray(image[None])
        there = self(batch)[0]
        return (there + self(np.ascontiguousarray(batch[..., ::-1]))[0][..., ::-1]) / 2 if flip else there


def _plain(method):
    stages = (method.coarse_stage, method.refine_stage)
    coarse, refine = (replace(stage, predictor=_Plain(stage.predictor)) for stage in stages)
    return replace(method, coarse_stage=coarse, refine_stage=refine)


def _outline(method, image, *, plainly):
    whole = method.predict(image)
    if plainly:
        whole = replace(whole, location=replace(whole.location, traces=None))
    several_hands.find_hands(method, image, whole)
    masks = whole.final.threshold(method.threshold)
    overlay = draw_overlay(image, masks)
    encode_png(overlay, compression=2 if plainly else 1, one_filter=not plainly)
    return masks


@pytest.fixture(scope="module", params=[901, 902])
def image(request):
    cv2.setNumThreads(1)
    torch.set_num_threads(1)
    return draw_hand(request.param, size=2048, bent=request.param == 902).image.astype(np.float32) / 255


def test_a_radiograph_of_2048(benchmark, image):
    method = TwoStage.from_path("zero_shot")
    ways = {True: _plain(method), False: method}
    masks = {plainly: _outline(way, image, plainly=plainly) for plainly, way in ways.items()}
    assert masks[True] == masks[False]
    seconds = {True: [], False: []}
    for _ in range(_ROUNDS):
        for plainly, way in ways.items():
            start = time.process_time()
            _outline(way, image, plainly=plainly)
            seconds[plainly].append(time.process_time() - start)
    before, after = (statistics.median(seconds[plainly]) for plainly in (True, False))
    benchmark.extra_info |= {"plain": before, "now": after, "ratio": before / after}
    benchmark.pedantic(_outline, (method, image), {"plainly": False}, rounds=1)
    assert after < 0.8 * before
