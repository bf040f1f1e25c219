"""Speed of the mask operations on a picture of 2048 x 2048, each beside the plain way that it replaces.

`pytest tests/benchmarks --benchmark-only --benchmark-group-by=group` shows the pairs. Ratios carry over to other
machines, times do not.
"""

import cv2
import numpy as np
import pytest

from handbone.anatomy import COUNT
from handbone.core.bone_masks import BoneMasks
from handbone.core.bone_probabilities import BoneProbabilities
from handbone.core.frame import Frame
from handbone.core.rasterise import coverage
from handbone.evaluation.metrics import dice_contest, hd95

PICTURE = (2048, 2048)
FRAME = Frame.letterbox(PICTURE, (1024, 1024))


@pytest.fixture(scope="module")
def rings():
    """29 overlapping ellipses of about the area and length of bones."""
    rng = np.random.default_rng(0)
    angle = np.linspace(0, 2 * np.pi, 60, endpoint=False)
    rings = {}
    for index in range(COUNT):
        length, width, turn = rng.uniform(60, 180), rng.uniform(35, 70), rng.uniform(0, np.pi)
        x, y = width * np.cos(angle), length * np.sin(angle)
        turned = np.column_stack([x * np.cos(turn) - y * np.sin(turn), x * np.sin(turn) + y * np.cos(turn)])
        rings[index] = [np.rint(turned + rng.uniform(250, 1800, 2))]
    return rings


@pytest.fixture(scope="module")
def masks(rings):
    return BoneMasks.from_rings(rings, PICTURE)


@pytest.fixture(scope="module")
def logits(rings):
    return np.stack([cv2.GaussianBlur(p, (0, 0), 1.5) for p in coverage(rings, FRAME)]) * np.float32(18 / 255) - 9


def test_fill(benchmark, rings):
    benchmark.group = "29 polygons to masks"
    benchmark(BoneMasks.from_rings, rings, PICTURE)


def test_fill_plainly(benchmark, rings):
    benchmark.group = "29 polygons to masks"

    def plain():
        masks = np.zeros((COUNT, *PICTURE), np.uint8)
        for index, [ring] in rings.items():
            cv2.fillPoly(masks[index], [ring.astype(np.int32)], 1)
        return masks

    benchmark(plain)


def test_targets(benchmark, rings):
    benchmark.group = "29 polygons to targets at 1024"
    benchmark(coverage, rings, FRAME)


def test_targets_plainly(benchmark, rings):
    benchmark.group = "29 polygons to targets at 1024"

    def plain():
        for [ring] in rings.values():
            mask = cv2.fillPoly(np.zeros(PICTURE, np.uint8), [ring.astype(np.int32)], 255)
            cv2.resize(mask, FRAME.size_hw[::-1], interpolation=cv2.INTER_AREA)

    benchmark(plain)


def test_run_lengths(benchmark, masks):
    benchmark.group = "29 masks to run lengths"
    benchmark(masks.to_rle)


def test_run_lengths_plainly(benchmark, masks):
    benchmark.group = "29 masks to run lengths"
    dense = masks.dense()

    def plain():
        # The contest's own helper function.
        for mask in dense:
            flat = np.concatenate([[0], mask.flatten(), [0]])
            runs = np.where(flat[1:] != flat[:-1])[0] + 1
            runs[1::2] -= runs[::2]
            " ".join(str(run) for run in runs)

    benchmark.pedantic(plain, rounds=3)


def test_run_lengths_back(benchmark, masks):
    benchmark.group = "29 run lengths to masks"
    benchmark(BoneMasks.from_rle, masks.to_rle(), PICTURE)


def test_logits_to_masks(benchmark, logits):
    benchmark.group = "29 planes of 1024 to masks of 2048"
    benchmark(lambda: BoneProbabilities.from_grid_logits(logits, FRAME, PICTURE).threshold())


def test_logits_to_masks_plainly(benchmark, logits):
    benchmark.group = "29 planes of 1024 to masks of 2048"

    def plain():
        upsampled = (cv2.resize(plane, PICTURE[::-1], interpolation=cv2.INTER_LINEAR) for plane in logits)
        return [1 / (1 + np.exp(-plane)) >= 0.5 for plane in upsampled]

    benchmark.pedantic(plain, rounds=3)


def test_dice(benchmark, masks):
    benchmark.group = "Dice of 29 masks"
    benchmark(dice_contest, masks, masks)


def test_dice_plainly(benchmark, masks):
    benchmark.group = "Dice of 29 masks"
    dense = masks.dense()
    benchmark.pedantic(lambda: [2 * (m & m).sum() / (m.sum() + m.sum()) for m in dense], rounds=3)


def test_hd95(benchmark, rings, masks):
    benchmark.group = "HD95 of 29 masks"
    moved = BoneMasks.from_rings({index: [ring + 3] for index, [ring] in rings.items()}, PICTURE)
    benchmark(hd95, masks, moved)


def test_save_probabilities(benchmark, logits, tmp_path):
    benchmark.group = "probabilities of a picture to disk"
    benchmark(BoneProbabilities.from_grid_logits(logits, FRAME, PICTURE).save, tmp_path / "hand.npz")
