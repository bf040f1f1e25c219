"""MONAI's losses with handbone's logits and coverage targets."""

import handbone_monai
import numpy as np
import pytest
import torch
from scipy.ndimage import distance_transform_edt

from handbone.core.errors import HandboneError
from handbone.networks.losses.build import build_loss
from handbone.plugin_kit.contracts import LossContract
from handbone.plugins import registry
from handbone.recipe.schema import LossTerm

OVERLAP = ["monai_dice", "monai_tversky", "monai_generalized_dice"]
NAMES = [*OVERLAP, "monai_dice_focal", "monai_hausdorff_dt", "monai_log_hausdorff_dt"]


def loss(name, **settings):
    return build_loss([LossTerm(name=name, **settings)])


def squares():
    """Targets (1, 29, 12, 12), every bone a square."""
    target = torch.zeros(1, 29, 12, 12)
    target[:, :, 3:9, 4:8] = 1
    return target


@pytest.fixture
def pair():
    generator = torch.Generator().manual_seed(0)
    return torch.randn(2, 3, 9, 7, generator=generator), torch.rand(2, 3, 9, 7, generator=generator)


class TestDice(LossContract):
    plugin = handbone_monai
    name = "monai_dice"


class TestDiceFocal(LossContract):
    plugin = handbone_monai
    name = "monai_dice_focal"


class TestTversky(LossContract):
    plugin = handbone_monai
    name = "monai_tversky"


class TestGeneralizedDice(LossContract):
    plugin = handbone_monai
    name = "monai_generalized_dice"


class TestHausdorffDT(LossContract):
    plugin = handbone_monai
    name = "monai_hausdorff_dt"


class TestLogHausdorffDT(LossContract):
    plugin = handbone_monai
    name = "monai_log_hausdorff_dt"


def test_the_names():
    ours = {p.spec.name for p in registry().provided("loss") if p.package == "handbone-monai"}
    assert ours == set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_right_is_better_than_wrong_and_learning_reaches_it(name):
    target, function = squares(), loss(name)
    assert function(20 * target - 10, target) < 0.05 < function(10 - 20 * target, target)
    logits = torch.zeros_like(target).requires_grad_()
    optimiser = torch.optim.Adam([logits], lr=0.5)
    for _ in range(40):
        optimiser.zero_grad()
        function(logits, target).backward()
        optimiser.step()
    assert ((logits > 0).float() == target).all()


@pytest.mark.parametrize("name", NAMES)
def test_the_first_bone_is_no_background(name):
    target = squares()
    wrong = 20 * target - 10
    wrong[:, 0] *= -1
    assert loss(name)(wrong, target) > 1.5 * loss(name)(20 * target - 10, target) + 1e-4


@pytest.mark.parametrize("name", OVERLAP)
def test_no_mask_is_better_than_the_target_where_bones_cover_pixels_in_part(name, pair):
    _, target = pair
    perfect = torch.logit(target.clamp(1e-4, 1 - 1e-4))
    assert loss(name)(perfect, target).item() == pytest.approx(0, abs=1e-3)
    assert loss(name)(3 * perfect, target) > 0.01


@pytest.mark.parametrize(
    ("name", "settings", "other", "others"),
    [
        ("monai_dice", {}, "dice", {}),
        # MONAI doubles the areas under the line of the Jaccard index, but not what smoothes them.
        ("monai_dice", {"jaccard": True, "smooth": 1.0}, "iou", {"smooth": 0.5}),
        ("monai_tversky", {"alpha": 0.3, "beta": 0.7}, "tversky", {"alpha": 0.3, "beta": 0.7}),
    ],
)
def test_on_whole_pixels_they_are_the_built_in_losses(name, settings, other, others, pair):
    logits, target = pair[0], pair[1].round()
    expected = loss(other, **others)(logits, target).item()
    assert loss(name, **settings)(logits, target).item() == pytest.approx(expected, abs=1e-5)


def test_dice_focal_is_the_sum_of_both(pair):
    logits, target = pair[0], pair[1].round()
    both = loss("dice")(logits, target) + 0.5 * loss("focal", gamma=1.5)(logits, target)
    assert loss("monai_dice_focal", gamma=1.5, lambda_focal=0.5)(logits, target).item() == pytest.approx(
        both.item(), abs=1e-4
    )


def test_generalized_dice_against_numpy(pair):
    logits, target = pair[0], pair[1].round()
    p, t = (v.double().numpy() for v in (torch.sigmoid(logits), target))
    area = t.sum((0, 2, 3))
    shared, both = (p * t).sum((0, 2, 3)), (p + t).sum((0, 2, 3))
    for w_type, weight in (("square", 1 / area**2), ("simple", 1 / area), ("uniform", np.ones(3))):
        expected = 1 - 2 * (weight * shared).sum() / (weight * both).sum()
        assert loss("monai_generalized_dice", w_type=w_type)(logits, target).item() == pytest.approx(expected, abs=1e-3)


def test_hausdorff_weighs_errors_by_distance_from_both_contours():
    target, logits = squares()[:, :2], torch.randn(1, 2, 12, 12, generator=torch.Generator().manual_seed(1))
    p, t = torch.sigmoid(logits).numpy(), target.numpy()

    def distances(masks):
        return np.stack([distance_transform_edt(m) + distance_transform_edt(~m) for m in masks[0] > 0.5])[None]

    expected = ((p - t) ** 2 * (distances(p) ** 1.5 + distances(t) ** 1.5)).mean()
    for name, value in (("monai_hausdorff_dt", expected), ("monai_log_hausdorff_dt", np.log1p(expected))):
        assert loss(name, alpha=1.5)(logits, target).item() == pytest.approx(value, rel=1e-4)


@pytest.mark.parametrize("name", NAMES)
def test_a_bone_that_nobody_has_leaves_the_others_their_gradient(name):
    target = squares()
    target[:, 5] = 0
    logits = torch.full_like(target, -4.6).requires_grad_()
    loss(name)(logits, target).backward()
    assert logits.grad.isfinite().all() and (logits.grad[:, 6, 3:9, 4:8] < 0).all()


@pytest.mark.parametrize("name", ["monai_dice", "monai_tversky", "monai_dice_focal"])
def test_false_bones_are_pulled_down_where_nobody_has_them(name):
    target = torch.zeros(2, 29, 8, 8)
    nothing, something = torch.full_like(target, -20), torch.full_like(target, -20)
    something[:, :, :2] = 20
    assert loss(name)(nothing, target) < 1e-4
    assert loss(name)(something, target) > 0.5


@pytest.mark.parametrize("name", ["monai_dice", "monai_hausdorff_dt", "monai_generalized_dice"])
def test_images_alone_or_the_batch_as_one(name, pair):
    logits, target = pair[0], pair[1].round()
    target[0, :, 3:] = 0
    alone = [loss(name)(logits[i : i + 1], target[i : i + 1]) for i in (0, 1)]
    value = loss(name, batch=False)(logits, target).item()
    assert value == pytest.approx(sum(alone).item() / 2, abs=1e-4)


def test_mistakes_are_named():
    with pytest.raises(HandboneError, match=r"loss 'monai_dice': unknown setting 'smoth' \(did you mean 'smooth'"):
        loss("monai_dice", smoth=2)
    with pytest.raises(HandboneError, match=r"w_type = 'cube'.*'square', 'simple' or 'uniform'"):
        loss("monai_generalized_dice", w_type="cube")
