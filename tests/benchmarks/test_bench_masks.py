"""Speed of the mask operations on an image of 2048 x 2048, each beside the plain way that it replaces.

`pytest tests/benchmarks --benchmark-only --benchmark-group-by=group` shows the pairs. Ratios carry over to other
machines, times do not.
"""

import csv
from itertools import groupby
from operator import itemgetter

import cv2
import numpy as np
import pytest

from handbone.anatomy import COUNT, NAMES
from handbone.core.bone_masks import BoneMasks
from handbone.core.bone_probabilities import BoneProbabilities
from handbone.core.frame import Frame
from handbone.core.rasterise import coverage
from handbone.evaluation.boundaries import compare_boundaries
from handbone.evaluation.metrics import assd_of, boundary_iou_of, dice_contest, hd95_of, nsd_of
from handbone.formats.contest_csv import read_predictions

IMAGE = (2048, 2048)
FRAME = Frame.letterbox(IMAGE, (1024, 1024))


@pytest.fixture(scope="module")
def polygons():
    """29 overlapping ellipses of about the area and length of bones."""
    rng = np.random.default_rng(0)
    angle = np.linspace(0, 2 * np.pi, 60, endpoint=False)
    polygons = {}
    for index in range(COUNT):
        length, width, turn = rng.uniform(60, 180), rng.uniform(35, 70), rng.uniform(0, np.pi)
        x, y = width * np.cos(angle), length * np.sin(angle)
        turned = np.column_stack([x * np.cos(turn) - y * np.sin(turn), x * np.sin(turn) + y * np.cos(turn)])
        polygons[index] = [np.rint(turned + rng.uniform(250, 1800, 2))]
    return polygons


@pytest.fixture(scope="module")
def masks(polygons):
    return BoneMasks.from_polygons(polygons, IMAGE)


@pytest.fixture(scope="module")
def logits(polygons):
    return np.stack([cv2.GaussianBlur(p, (0, 0), 1.5) for p in coverage(polygons, FRAME)]) * np.float32(18 / 255) - 9


def test_fill(benchmark, polygons):
    benchmark.group = "29 polygons to masks"
    benchmark(BoneMasks.from_polygons, polygons, IMAGE)


def test_fill_plainly(benchmark, polygons):
    benchmark.group = "29 polygons to masks"

    def plain():
        masks = np.zeros((COUNT, *IMAGE), np.uint8)
        for index, [polygon] in polygons.items():
            cv2.fillPoly(masks[index], [polygon.astype(np.int32)], 1)
        return masks

    benchmark(plain)


def test_targets(benchmark, polygons):
    benchmark.group = "29 polygons to targets at 1024"
    benchmark(coverage, polygons, FRAME)


def test_targets_plainly(benchmark, polygons):
    benchmark.group = "29 polygons to targets at 1024"

    def plain():
        for [polygon] in polygons.values():
            mask = cv2.fillPoly(np.zeros(IMAGE, np.uint8), [polygon.astype(np.int32)], 255)
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
    benchmark(BoneMasks.from_rle, masks.to_rle(), IMAGE)


def test_logits_to_masks(benchmark, logits):
    benchmark.group = "29 planes of 1024 to masks of 2048"
    benchmark(lambda: BoneProbabilities.from_grid_logits(logits, FRAME, IMAGE).threshold())


def test_logits_to_masks_plainly(benchmark, logits):
    benchmark.group = "29 planes of 1024 to masks of 2048"

    def plain():
        upsampled = (cv2.resize(plane, IMAGE[::-1], interpolation=cv2.INTER_LINEAR) for plane in logits)
        return [1 / (1 + np.exp(-plane)) >= 0.5 for plane in upsampled]

    benchmark.pedantic(plain, rounds=3)


def test_dice(benchmark, masks):
    benchmark.group = "Dice of 29 masks"
    benchmark(dice_contest, masks, masks)


def test_dice_plainly(benchmark, masks):
    benchmark.group = "Dice of 29 masks"
    dense = masks.dense()
    benchmark.pedantic(lambda: [2 * (m & m).sum() / (m.sum() + m.sum()) for m in dense], rounds=3)


def _moved(polygons, speck=None):
    """The bones 3 pixels farther, with a speck far from each where it is asked for."""
    specks = [np.array(speck)] if speck else []
    return BoneMasks.from_polygons({index: [polygon + 3, *specks] for index, [polygon] in polygons.items()}, IMAGE)


@pytest.mark.parametrize("speck", [None, [(3, 3), (3, 4), (4, 4)]], ids=["", "with a speck far from each"])
def test_boundary_metrics(benchmark, polygons, masks, speck):
    """NSD, HD95, ASSD and boundary IoU of one image, as `handbone evaluate` takes them."""
    benchmark.group = "boundary metrics of 29 masks"
    moved = _moved(polygons, speck)

    def metrics():
        pairs = compare_boundaries(masks, moved)
        return nsd_of(pairs, 2), hd95_of(pairs, IMAGE), assd_of(pairs, IMAGE), boundary_iou_of(pairs)

    benchmark(metrics)


def test_boundary_metrics_plainly(benchmark, polygons, masks):
    benchmark.group = "boundary metrics of 29 masks"
    pairs = list(zip(masks.dense(), _moved(polygons).dense(), strict=True))

    def plain():
        """Distances from every pixel of the image, bone by bone."""
        cross = cv2.getStructuringElement(cv2.MORPH_CROSS, (3, 3))
        for pair in pairs:
            edges = [mask & ~cv2.erode(mask.view(np.uint8), cross).view(bool) for mask in pair]
            first, second = (
                cv2.distanceTransform((~edge).view(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE) for edge in edges
            )
            both = np.concatenate([second[edges[0]], first[edges[1]]])
            (both <= 2).mean(), np.percentile(both, 95), both.mean()

    benchmark.pedantic(plain, rounds=1)


def test_save_probabilities(benchmark, logits, tmp_path):
    benchmark.group = "probabilities of an image to disk"
    benchmark(BoneProbabilities.from_grid_logits(logits, FRAME, IMAGE).save, tmp_path / "hand.npz")


@pytest.fixture(scope="module")
def tables(masks, tmp_path_factory):
    """Prediction files of 40 images of 29 masks: sorted by image, by class, and shuffled."""
    texts = masks.to_rle()
    rows = [f"{image}.png,{NAMES[bone]},{texts[bone]}\n" for image in range(40) for bone in range(COUNT)]
    orders = {
        "sorted": rows,
        "by class": [row for bone in range(COUNT) for row in rows[bone::COUNT]],
        "shuffled": np.random.default_rng(0).permutation(rows).tolist(),
    }
    folder = tmp_path_factory.mktemp("tables")
    for name, order in orders.items():
        (folder / f"{name}.csv").write_text("image_name,class,rle\n" + "".join(order))
    return folder


@pytest.mark.parametrize("order", ["sorted", "by class", "shuffled"])
def test_read_a_prediction_file(benchmark, tables, order):
    benchmark.group = "a prediction file of 40 images"
    benchmark(lambda: sum(len(cells) for _, cells in read_predictions(tables / f"{order}.csv")))


def test_read_a_sorted_prediction_file_plainly(benchmark, tables):
    benchmark.group = "a prediction file of 40 images"

    def plain():
        """One pass, which only a file that is sorted by image allows."""
        with open(tables / "sorted.csv", newline="", encoding="utf-8") as file:
            rows = csv.reader(file)
            next(rows)
            return sum(len({row[1]: row[2] for row in group}) for _, group in groupby(rows, key=itemgetter(0)))

    benchmark(plain)
