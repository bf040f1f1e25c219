"""Learning rates step by step against torch's own schedules and formulas, and optimisers against one step by hand."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.optim import SGD, Adam, AdamW
from torch.optim.lr_scheduler import CosineAnnealingLR, CosineAnnealingWarmRestarts

from handbone.core.errors import HandboneError
from handbone.plugins import registry
from handbone.recipe.schema import Choice
from handbone.training.feed import EpochSampler, _share

RATES = (0.1, 0.004)


def sgd():
    return SGD([{"params": [torch.zeros(1, requires_grad=True)], "lr": rate} for rate in RATES])


def rates(name, steps, *, epochs=1, steps_per_epoch=1, **chosen):
    """The rates of both groups before each step."""
    spec, checked = registry().get("scheduler", Choice(name=name, **chosen))
    optimiser = sgd()
    schedule = spec.build(checked, optimiser, epochs=epochs, steps_per_epoch=steps_per_epoch)
    return walked(optimiser, schedule, steps), spec


def walked(optimiser, schedule, steps):
    found = []
    for _ in range(steps):
        found.append([group["lr"] for group in optimiser.param_groups])
        optimiser.step()
        schedule.step()
    return torch.tensor(found)


@settings(max_examples=15)
@given(st.integers(1, 7), st.integers(1, 9), st.sampled_from([0.0, 0.01, 0.5, 1.0]))
def test_a_cosine_falls_over_the_whole_training_as_torchs_does(epochs, steps_per_epoch, floor):
    steps = epochs * steps_per_epoch
    found, spec = rates("cosine", steps, epochs=epochs, steps_per_epoch=steps_per_epoch, floor=floor)
    assert spec.interval == "step"
    for group, rate in enumerate(RATES):
        optimiser = SGD([torch.zeros(1, requires_grad=True)], lr=rate)
        # torch's floor is absolute: here each group ends at the same share of its own rate.
        expected = walked(optimiser, CosineAnnealingLR(optimiser, steps, eta_min=floor * rate), steps)
        assert torch.allclose(found[:, group], expected[:, 0], atol=1e-7)


@settings(max_examples=15)
@given(st.integers(1, 5), st.integers(1, 3), st.integers(1, 6), st.sampled_from([0.0, 0.01, 0.5]))
def test_warm_restarts_are_torchs(period, growth, steps_per_epoch, floor):
    steps = 40
    found, _ = rates("warm_restarts", steps, steps_per_epoch=steps_per_epoch, period=period, growth=growth, floor=floor)
    optimiser = SGD([torch.zeros(1, requires_grad=True)], lr=RATES[0])
    schedule = CosineAnnealingWarmRestarts(optimiser, period * steps_per_epoch, growth, eta_min=floor * RATES[0])
    assert torch.allclose(found[:, 0], walked(optimiser, schedule, steps)[:, 0], atol=1e-7)


@pytest.mark.parametrize("epochs", [1, 7, 10, 31])
@pytest.mark.parametrize("milestones", [[0.6, 0.85], [0.5], [0.9, 0.1], []])
def test_steps_fall_at_shares_of_the_training(epochs, milestones):
    found, spec = rates("multistep", epochs, epochs=epochs, milestones=milestones, gamma=0.5)
    assert spec.interval == "epoch"
    for epoch in range(epochs):
        passed = sum(round(share * epochs) <= epoch for share in milestones)
        assert found[epoch, 0].item() == pytest.approx(RATES[0] * 0.5**passed)


@pytest.mark.parametrize("patience", [1, 3])
def test_a_plateau_halves_the_rate_after_so_many_validations_without_gain(patience):
    spec, checked = registry().get("scheduler", Choice(name="plateau", patience=patience, factor=0.5))
    optimiser = sgd()
    schedule = spec.build(checked, optimiser, epochs=9, steps_per_epoch=3)
    assert spec.interval == "validation"
    schedule.step(0.5)
    for score in [0.6, 0.7, 0.7, 0.65, 0.7, 0.69, 0.7, 0.7, 0.7, 0.7]:
        schedule.step(score)
    # The best comes third; eight validations without a gain follow, and the rate falls behind every patience + 1.
    assert optimiser.param_groups[0]["lr"] == pytest.approx(RATES[0] * 0.5 ** (8 // (patience + 1)))


@pytest.mark.parametrize(("name", "theirs"), [("adam", Adam), ("adamw", AdamW)])
def test_an_optimiser_is_torchs_with_the_settings_of_each_group(name, theirs):
    spec, checked = registry().get("optimiser", Choice(name=name, betas=[0.8, 0.9], eps=1e-4))

    def learned(make):
        torch.manual_seed(0)
        weights = [torch.randn(3, requires_grad=True), torch.randn(2, requires_grad=True)]
        groups = [
            {"params": [weights[0]], "lr": 0.1, "weight_decay": 0.3},
            {"params": [weights[1]], "lr": 0.01, "weight_decay": 0.0},
        ]
        optimiser = make(groups)
        for _ in range(5):
            optimiser.zero_grad()
            sum((weight**4).sum() for weight in weights).backward()
            optimiser.step()
        return torch.cat(weights).detach()

    found = learned(lambda groups: spec.build(checked, groups))
    assert torch.equal(found, learned(lambda groups: theirs(groups, betas=(0.8, 0.9), eps=1e-4)))


@pytest.mark.parametrize(
    ("kind", "chosen"),
    [
        ("optimiser", {"name": "adam", "betas": [0.9, 1.0]}),
        ("optimiser", {"name": "adam", "betas": [-0.1, 0.9]}),
        ("optimiser", {"name": "adamw", "betas": [0.9]}),
        ("optimiser", {"name": "adamw", "eps": 0.0}),
        ("optimiser", {"name": "adamw", "eps": math.inf}),
        ("scheduler", {"name": "cosine", "floor": 1.5}),
        ("scheduler", {"name": "multistep", "gamma": 1.0}),
        ("scheduler", {"name": "multistep", "milestones": [2.0]}),
        ("scheduler", {"name": "warm_restarts", "period": 0}),
        ("scheduler", {"name": "warm_restarts", "growth": 0}),
        ("scheduler", {"name": "plateau", "patience": 0}),
        ("scheduler", {"name": "plateau", "factor": 1.0}),
    ],
)
def test_settings_that_torch_would_refuse_in_training_are_refused_with_the_recipe(kind, chosen):
    with pytest.raises(HandboneError):
        registry().get(kind, Choice(**chosen))


@settings(max_examples=60)
@given(st.integers(1, 20), st.integers(1, 4), st.integers(1, 6), st.integers(0, 50))
def test_processes_share_an_epoch_equally_and_leave_no_image_out(count, rounds, world, epoch):
    shares = [
        list(EpochSampler(count, rounds=rounds, seed=3, epoch=epoch, rank=rank, world=world)) for rank in range(world)
    ]
    sampler = EpochSampler(count, rounds=rounds, seed=3, world=world)
    assert {len(share) for share in shares} == {len(sampler)}
    every = [key for share in shares for key in share]
    assert set(every) == {(epoch, turn, index) for turn in range(rounds) for index in range(count)}
    assert len(every) - count * rounds < world, "padding is less than one a process"
    # One process alone goes through the same order.
    alone = list(EpochSampler(count, rounds=rounds, seed=3, epoch=epoch))
    assert [key for keys in zip(*shares, strict=True) for key in keys][: len(alone)] == alone


@pytest.mark.parametrize("seed", [0, 1])
def test_each_epoch_has_an_order_of_its_own_that_comes_again(seed):
    sampler = EpochSampler(30, rounds=2, seed=seed)
    orders = []
    for epoch in range(3):
        sampler.set_epoch(epoch)
        orders.append([index for _, _, index in sampler])
        assert list(sampler) == list(EpochSampler(30, rounds=2, seed=seed, epoch=epoch))
    assert orders[0] != orders[1] != orders[2] and orders[0] != [
        i for _, _, i in EpochSampler(30, rounds=2, seed=seed + 9)
    ]
    assert orders[0][:30] != orders[0][30:], "an image's second turn comes elsewhere"


@given(st.integers(1, 30), st.integers(1, 7))
def test_a_share_begins_anew_where_the_order_ends_too_soon(count, world):
    shares = [_share(range(count), rank, world) for rank in range(world)]
    assert len({len(share) for share in shares}) == 1
    joined = sorted(place for share in shares for place in share)
    assert set(joined) == set(range(count)) and len(joined) < count + world
