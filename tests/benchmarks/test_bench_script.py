"""One radiograph of 2048 x 2048 by `predict` with the shipped weights, beside the plain one-stage script of a contest.

    python -m pytest tests/benchmarks/test_bench_script.py --benchmark-only --benchmark-json bench.json

The script computes UNet++ with the shipped encoder in float32 at 1024 x 1024, once and without mirrors. It enlarges all
29 planes of logits to 2048 x 2048, and writes run lengths with numpy. The shipped weights were trained at 512, so that
its masks are poor; other weights would take the same time. `predict` finds the hand, reads it twice with mirrors,
refines the wrist, and draws and compresses the overlay as well. Both read the file and end with run lengths.

`extra_info` has seconds of the processor and of the clock, medians of rounds that alternate in one process, and their
ratios. The clock's say something on a quiet machine alone.
"""

import statistics
import time

import cv2
import numpy as np
import pytest
import torch

from handbone.core.bone_masks import BoneMasks
from handbone.evaluation.metrics import dice_contest
from handbone.formats.image_files import read_image
from handbone.formats.own_png import encode_png
from handbone.method.settings import read_settings
from handbone.method.two_stage import TwoStage
from handbone.report.overlay import draw_overlay
from handbone.synthetic import draw_hand
from handbone.weights import find_weights
from handbone.weights.network_file import load_weights
from handbone.workflows.outlining import outline

_ROUNDS = 3
_LEAST_DICE = {"script": 0.5, "predict": 0.9}


@pytest.fixture(scope="module")
def hand():
    cv2.setNumThreads(1)
    torch.set_num_threads(1)
    return draw_hand(901, size=2048)


@pytest.fixture(scope="module")
def path(hand, tmp_path_factory):
    file = tmp_path_factory.mktemp("hand") / "hand.png"
    cv2.imwrite(str(file), hand.image)
    return file


@pytest.fixture(scope="module")
def network():
    return load_weights(find_weights("zero_shot")[0])[0]


def _run_lengths(mask):
    pixels = np.concatenate([[0], mask.flatten(), [0]])
    runs = np.where(pixels[1:] != pixels[:-1])[0] + 1
    runs[1::2] -= runs[::2]
    return " ".join(str(number) for number in runs)


@torch.inference_mode()
def _script(network, path):
    image = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
    small = cv2.resize(image, (1024, 1024)).astype(np.float32) / 255
    logits = network(torch.from_numpy(small)[None, None])
    logits = torch.nn.functional.interpolate(logits, size=image.shape, mode="bilinear")
    masks = (torch.sigmoid(logits) > 0.5).numpy()[0]
    return [_run_lengths(mask) for mask in masks]


def _predict(method, path):
    radiograph = read_image(path)
    masks = outline(method, radiograph)[0].masks
    encode_png(draw_overlay(radiograph.image, masks), compression=1, one_filter=True)
    return masks.to_rle()


@pytest.mark.parametrize("precision", ["auto", "32"])
def test_a_radiograph_of_2048_beside_the_script(benchmark, hand, path, network, precision):
    settings = read_settings("zero_shot").but(precision=precision)
    method = TwoStage.from_path("zero_shot", settings=settings)
    ways = {"script": (_script, network), "predict": (_predict, method)}
    for name, (work, by) in ways.items():
        found = BoneMasks.from_rle(work(by, path), (2048, 2048))
        assert np.mean(dice_contest(hand.masks, found)) > _LEAST_DICE[name], f"{name} outlines the bones"
    clocks = {"processor": time.process_time, "clock": time.perf_counter}
    taken = {(name, clock): [] for name in ways for clock in clocks}
    for _ in range(_ROUNDS):
        for name, (work, by) in ways.items():
            begun = {clock: now() for clock, now in clocks.items()}
            work(by, path)
            for clock, now in clocks.items():
                taken[name, clock].append(now() - begun[clock])
    seconds = {key: statistics.median(each) for key, each in taken.items()}
    benchmark.extra_info |= {f"{name}, {clock}": value for (name, clock), value in seconds.items()}
    ratios = {f"ratio, {clock}": seconds["predict", clock] / seconds["script", clock] for clock in clocks}
    benchmark.extra_info |= ratios
    benchmark.pedantic(_predict, (method, path), rounds=1)
