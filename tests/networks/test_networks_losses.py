import numpy as np
import pytest
import torch

from handbone.core.errors import HandboneError, ShapeError
from handbone.networks.losses.build import build_loss
from handbone.plugins import registry
from handbone.recipe.schema import LossTerm, Train


def loss(*names, **settings):
    return build_loss([LossTerm(name=name, **settings) for name in names])


@pytest.fixture
def pair():
    generator = torch.Generator().manual_seed(0)
    return torch.randn(2, 3, 5, 7, generator=generator), torch.rand(2, 3, 5, 7, generator=generator)


def test_values_against_plain_numpy(pair):
    x, t = (v.double().numpy() for v in pair)
    p = 1 / (1 + np.exp(-x))
    shared, predicted, true = (v.sum((0, 2, 3)) for v in (p * t, p, t))
    expected = {
        "bce": -(t * np.log(p) + (1 - t) * np.log(1 - p)).mean(),
        "dice": 1 - ((2 * shared + 1) / (predicted + true + 1)).mean(),
        "iou": 1 - ((shared + 1) / (predicted + true - shared + 1)).mean(),
        "tversky": 1 - ((shared + 1) / (shared + 0.3 * (predicted - shared) + 0.7 * (true - shared) + 1)).mean(),
    }
    for name, value in expected.items():
        assert loss(name)(*pair).item() == pytest.approx(value, abs=1e-5), name


def test_identities(pair):
    assert loss("focal", gamma=0.0)(*pair).item() == pytest.approx(loss("bce")(*pair).item(), abs=1e-6)
    half = loss("tversky", alpha=0.5, beta=0.5, smooth=0.5)(*pair).item()
    assert half == pytest.approx(loss("dice", smooth=1.0)(*pair).item(), abs=1e-6)
    terms = Train(loss="dice + 0.5 * iou").loss
    both = loss("dice")(*pair) + 0.5 * loss("iou")(*pair)
    assert build_loss(terms)(*pair).item() == pytest.approx(both.item(), abs=1e-6)


@pytest.mark.parametrize("name", ["bce", "focal", "outline_bce", "dice", "iou", "tversky"])
def test_right_is_better_than_wrong_and_learning_reaches_it(name):
    target = torch.zeros(1, 29, 8, 8)
    target[:, :, 2:6, 2:6] = 1
    function = loss(name)
    assert function(20 * target - 10, target) < 0.05 < function(10 - 20 * target, target)
    logits = torch.zeros_like(target).requires_grad_()
    optimiser = torch.optim.Adam([logits], lr=0.5)
    for _ in range(40):
        optimiser.zero_grad()
        function(logits, target).backward()
        optimiser.step()
    assert ((logits > 0).float() == target).all()


def test_the_outline_counts_more_by_brute_force():
    target = torch.zeros(1, 1, 20, 24)
    target[..., 6:14, 8:18] = 1
    logits = torch.randn(1, 1, 20, 24, generator=torch.Generator().manual_seed(1))
    weights = torch.ones(20, 24)
    for y in range(20):
        for x in range(24):
            part = target[0, 0, max(0, y - 2) : y + 3, max(0, x - 2) : x + 3]
            weights[y, x] += 5.0 * float(part.min() < 0.5 < part.max())
    each = torch.nn.functional.binary_cross_entropy_with_logits(logits, target, reduction="none")[0, 0]
    expected = (weights * each).sum() / weights.sum()
    assert loss("outline_bce", emphasis=5.0, width=2)(logits, target).item() == pytest.approx(expected.item(), rel=1e-5)


@pytest.mark.parametrize("name", ["dice", "iou", "tversky"])
def test_a_bone_that_nobody_has_is_judged_by_what_is_predicted(name):
    target = torch.zeros(2, 1, 8, 8)
    function = loss(name)
    nothing, something = torch.full_like(target, -20), torch.full_like(target, -20)
    something[:, :, :2] = 20
    assert function(nothing, target) < 1e-4
    assert 0.5 < function(something, target) < 1


@pytest.mark.parametrize("name", ["bce", "focal", "outline_bce", "dice", "iou", "tversky"])
def test_half_precision_logits_are_judged_in_float32(name, pair):
    logits, target = pair
    half = logits.bfloat16()
    with torch.autocast("cpu", torch.bfloat16):
        value = loss(name)(half, target)
    assert value.dtype == torch.float32
    assert value.item() == pytest.approx(loss(name)(half.float(), target).item(), abs=1e-6)


def test_mistakes_are_named(pair):
    with pytest.raises(ShapeError, match="but got"):
        loss("dice")(pair[0], pair[1][:1])
    with pytest.raises(HandboneError, match=r"loss 'dice': unknown setting 'smoth' \(did you mean 'smooth'"):
        loss("dice", smoth=2)
    assert {p.spec.name for p in registry().provided("loss")} == {
        "bce",
        "focal",
        "outline_bce",
        "dice",
        "iou",
        "tversky",
    }
