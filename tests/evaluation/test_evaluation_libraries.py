"""Dice, NSD and HD95 against torchmetrics' and MONAI's own, on random masks of several shapes."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from handbone.anatomy import COUNT
from handbone.core.bone_masks import BoneMasks
from handbone.evaluation.boundaries import compare_boundaries
from handbone.evaluation.metrics import assd, assd_of, dice_contest, hd95, hd95_of, nsd
from handbone.networks import runtime
from handbone.training.module import DiceSums

# torchmetrics imports torchvision, which some CPU builds of torch lack operators for.
runtime.ensure_torchvision()
SIZE = (17, 23)


def hands(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Ground truth and prediction (29, H, W) bool: each bone a few overlapping boxes, some touching the edge."""
    random = np.random.default_rng(seed)
    truth, predicted = np.zeros((2, COUNT, *SIZE), bool)
    for planes in (truth, predicted):
        for plane in planes:
            for _ in range(random.integers(1, 4)):
                top, left = random.integers(0, SIZE[0] - 1), random.integers(0, SIZE[1] - 1)
                plane[top : top + random.integers(1, 9), left : left + random.integers(1, 9)] = True
    return truth, predicted


def one_hot(planes: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(planes)[None]


@settings(deadline=None, max_examples=25)
@given(st.integers(0, 10**6), st.sampled_from([0.0, 1.0, 1.5, 3.0]))
def test_nsd_is_monais_surface_dice(seed, tolerance):
    metrics = pytest.importorskip("monai.metrics", reason="MONAI is not installed: pip install monai")
    truth, predicted = hands(seed)
    expected = metrics.compute_surface_dice(
        one_hot(predicted).float(), one_hot(truth).float(), [tolerance] * COUNT, include_background=True
    )
    found = nsd(BoneMasks.from_dense(truth), BoneMasks.from_dense(predicted), tolerance)
    assert found == pytest.approx(expected[0].numpy(), abs=1e-6)


@settings(deadline=None, max_examples=25)
@given(st.integers(0, 10**6))
def test_hd95_is_monais(seed):
    metrics = pytest.importorskip("monai.metrics", reason="MONAI is not installed: pip install monai")
    truth, predicted = hands(seed)
    expected = metrics.compute_hausdorff_distance(
        one_hot(predicted).float(), one_hot(truth).float(), include_background=True, percentile=95
    )
    found = hd95(BoneMasks.from_dense(truth), BoneMasks.from_dense(predicted))
    assert found == pytest.approx(expected[0].numpy(), rel=1e-5, abs=1e-5)  # MONAI measures in float32


@settings(deadline=None, max_examples=25)
@given(st.integers(0, 10**6))
def test_dice_is_torchmetrics_where_a_bone_is_there(seed):
    """Where neither has the bone, the contest says 1 and torchmetrics nothing."""
    from torchmetrics.functional.segmentation import dice_score

    truth, predicted = hands(seed)
    truth[3], predicted[[3, 5]] = False, False
    expected = dice_score(one_hot(predicted), one_hot(truth), COUNT, average="none", input_format="one-hot")[0].numpy()
    found = dice_contest(BoneMasks.from_dense(truth), BoneMasks.from_dense(predicted))
    there = np.arange(COUNT) != 3
    assert found[there] == pytest.approx(expected[there], abs=1e-4)
    assert found[3] == 1


def test_the_dice_of_training_is_torchmetrics_of_all_images_together():
    from torchmetrics.functional.segmentation import dice_score

    pairs = [hands(seed) for seed in range(4)]
    truth, predicted = (np.stack(planes) for planes in zip(*pairs, strict=True))
    sums = DiceSums(COUNT)
    for part in (slice(0, 3), slice(3, 4)):
        logits = torch.from_numpy(predicted[part]).float() * 2 - 1
        sums.add(logits, torch.from_numpy(truth[part]).byte() * 255)
    # One image that is as high as all of them: torchmetrics averages over images.
    tall = [
        torch.from_numpy(planes.transpose(1, 0, 2, 3).reshape(1, COUNT, -1, SIZE[1])) for planes in (predicted, truth)
    ]
    expected = dice_score(*tall, COUNT, average="none", input_format="one-hot")[0]
    assert sums.per_bone.numpy() == pytest.approx(expected.numpy(), abs=1e-6)


@settings(deadline=None, max_examples=25)
@given(st.integers(0, 10**6))
def test_assd_is_monais_average_surface_distance(seed):
    metrics = pytest.importorskip("monai.metrics", reason="MONAI is not installed: pip install monai")
    truth, predicted = hands(seed)
    expected = metrics.compute_average_surface_distance(
        one_hot(predicted).float(), one_hot(truth).float(), include_background=True, symmetric=True
    )
    found = assd(BoneMasks.from_dense(truth), BoneMasks.from_dense(predicted))
    assert found == pytest.approx(expected[0].numpy(), rel=1e-5, abs=1e-5)


@settings(deadline=None, max_examples=15)
@given(st.integers(0, 10**6), st.sampled_from([(0.5, 0.5), (0.2, 0.35)]))
def test_metrics_in_millimetres_are_monais_with_spacing(seed, spacing):
    metrics = pytest.importorskip("monai.metrics", reason="MONAI is not installed: pip install monai")
    truth, predicted = hands(seed)
    planes = one_hot(predicted).float(), one_hot(truth).float()
    pairs = compare_boundaries(BoneMasks.from_dense(truth), BoneMasks.from_dense(predicted), pixel_hw=spacing)
    expected = metrics.compute_hausdorff_distance(*planes, include_background=True, percentile=95, spacing=spacing)
    assert hd95_of(pairs, SIZE) == pytest.approx(expected[0].numpy(), rel=1e-5, abs=1e-5)
    expected = metrics.compute_average_surface_distance(
        *planes, include_background=True, symmetric=True, spacing=spacing
    )
    assert assd_of(pairs, SIZE) == pytest.approx(expected[0].numpy(), rel=1e-5, abs=1e-5)
