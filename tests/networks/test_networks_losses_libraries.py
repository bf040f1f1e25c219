"""The built-in losses against those of smp, torchvision and MONAI: where they are the same, and where they are not."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from handbone.networks import runtime
from handbone.networks.losses.build import build_loss
from handbone.recipe.schema import LossTerm

# Both smp and torchvision import operators that some CPU builds of torch lack.
runtime.ensure_torchvision()

seeds = st.integers(0, 10**6)


def loss(name, **settings):
    return build_loss([LossTerm(name=name, **settings)])


def pair(seed, *, coverage=True):
    """Logits and targets (2, 5, 6, 7): coverage, or 0 and 1; no image has the last bone."""
    generator = torch.Generator().manual_seed(seed)
    logits, target = 3 * torch.randn(2, 5, 6, 7, generator=generator), torch.rand(2, 5, 6, 7, generator=generator)
    target = target if coverage else target.round()
    target[:, 4] = 0
    return logits, target


@settings(deadline=None, max_examples=20)
@given(seeds, st.sampled_from([0.5, 1.0, 20.0]))
def test_overlap_losses_are_monais_also_for_coverage_and_absent_bones(seed, smooth):
    losses = pytest.importorskip("monai.losses", reason="MONAI is not installed: pip install monai")
    shared = {"sigmoid": True, "batch": True}
    # MONAI's IoU doubles both sides of the ratio.
    theirs = {
        "dice": losses.DiceLoss(smooth_nr=smooth, smooth_dr=smooth, **shared),
        "iou": losses.DiceLoss(jaccard=True, smooth_nr=2 * smooth, smooth_dr=2 * smooth, **shared),
        "tversky": losses.TverskyLoss(alpha=0.3, beta=0.7, smooth_nr=smooth, smooth_dr=smooth, **shared),
    }
    for name, other in theirs.items():
        logits, target = pair(seed)
        assert loss(name, smooth=smooth)(logits, target).item() == pytest.approx(other(logits, target).item(), abs=1e-5)


@settings(deadline=None, max_examples=20)
@given(seeds)
def test_overlap_losses_are_smps_for_whole_pixels_of_bones_that_are_there(seed):
    from segmentation_models_pytorch import losses

    logits, target = (values[:, :4] for values in pair(seed, coverage=False))
    theirs = {
        "dice": losses.DiceLoss("multilabel", smooth=0.5),
        "iou": losses.TverskyLoss("multilabel", alpha=1, beta=1, smooth=1.0),
        "tversky": losses.TverskyLoss("multilabel", alpha=0.3, beta=0.7, smooth=1.0),
    }
    for name, other in theirs.items():
        assert loss(name)(logits, target).item() == pytest.approx(other(logits, target).item(), abs=1e-5)


def test_smp_forgives_a_bone_that_is_not_there_and_reads_coverage_otherwise():
    from segmentation_models_pytorch import losses

    smp, nothing, everywhere = (
        losses.DiceLoss("multilabel", smooth=0.5),
        torch.zeros(1, 1, 8, 8),
        torch.ones(1, 1, 8, 8),
    )
    assert smp(20 * everywhere, nothing) == 0 < 0.9 < loss("dice")(20 * everywhere, nothing)
    half = 0.5 * everywhere
    assert smp(nothing, half) == pytest.approx(0.0, abs=1e-6) and loss("dice")(nothing, half) > 0.4


@settings(deadline=None, max_examples=20)
@given(seeds, st.sampled_from([0.0, 1.0, 2.0, 3.5]), st.sampled_from([None, 0.25, 0.8]))
def test_focal_loss_is_torchvisions(seed, gamma, alpha):
    from torchvision.ops import sigmoid_focal_loss

    logits, target = pair(seed)
    theirs = sigmoid_focal_loss(logits, target, -1 if alpha is None else alpha, gamma, "mean").item()
    ours = loss("focal", gamma=gamma, **({} if alpha is None else {"alpha": alpha}))(logits, target).item()
    assert ours == pytest.approx(theirs, abs=1e-5)


def test_focal_loss_learns_from_pixels_that_are_surely_right():
    """Where torchvision's gradient is not a number."""
    from torchvision.ops import sigmoid_focal_loss

    gradients = []
    for function in (loss("focal", gamma=0.5), lambda x, t: sigmoid_focal_loss(x, t, -1, 0.5, "mean")):
        logits = torch.full((1, 1, 2, 2), 200.0, requires_grad=True)
        function(logits, torch.ones(1, 1, 2, 2)).backward()
        gradients.append(logits.grad)
    assert gradients[0].isfinite().all() and gradients[1].isnan().all()


@settings(deadline=None, max_examples=20)
@given(seeds)
def test_focal_loss_is_smps_for_whole_pixels_alone(seed):
    from segmentation_models_pytorch import losses

    theirs = losses.FocalLoss("binary", gamma=2.0)
    logits, target = pair(seed, coverage=False)
    assert loss("focal")(logits, target).item() == pytest.approx(theirs(logits, target).item(), abs=1e-5)
    logits, target = pair(seed)
    assert abs(loss("focal")(logits, target).item() - theirs(logits, target).item()) > 1e-3
