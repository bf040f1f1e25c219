"""Optimisers, schedules and commands that do not do what they say; and that one test of a contract stops no other."""

import numpy as np
import pytest
import torch
from plugins_lying import complaints, plugin_of
from torch.optim.lr_scheduler import LambdaLR

from handbone.plugin_kit.contracts import CommandContract, MetricContract, OptimiserContract, SchedulerContract
from handbone.plugin_kit.contracts.running import CONTRACTS, run_contract
from handbone.plugin_kit.contracts.toys import toy_masks, toy_probabilities
from handbone.plugins.checks import HOOK_OF_KIND
from handbone.plugins.specs import CommandSpec, MetricSpec, OptimiserSpec, SchedulerSpec


def one_rate(settings, groups):
    return torch.optim.SGD([parameter for group in groups for parameter in group["params"]], lr=0.1)


def lazy(settings, groups):
    optimiser = torch.optim.SGD(groups)
    optimiser.step = lambda closure=None: None
    return optimiser


@pytest.mark.parametrize(
    ("build", "words"),
    [
        (one_rate, "the groups' learning rates must be kept, but they are [0.1]"),
        (lazy, "a step must change the weights, but they are the same"),
        (lambda settings, groups: groups, "build must return a torch.optim.Optimizer, but returned a list"),
        (lambda settings, groups: torch.optim.SGD(groups, momentum=-1), "ValueError: Invalid momentum value"),
    ],
)
def test_lying_optimisers_are_found_out(build, words):
    found = complaints(OptimiserContract, OptimiserSpec(name="mine", summary="A way", build=build))
    assert [words in reason for reason in found.values()] == [True], found


def scheduled(factor):
    return lambda settings, optimiser, *, epochs, steps_per_epoch: LambdaLR(optimiser, factor)


@pytest.mark.parametrize(
    ("build", "interval", "words"),
    [
        (scheduled(lambda step: -float(step)), "epoch", "must be finite and not negative, but one is -"),
        (scheduled(lambda step: float("nan")), "step", "must be finite and not negative, but one is nan"),
        (lambda *_, **__: object(), "epoch", "a schedule must have the method step, but has none"),
        (scheduled(lambda step: 1 / (5 - step)), "step", "ZeroDivisionError"),
    ],
)
def test_lying_schedules_are_found_out(build, interval, words):
    spec = SchedulerSpec(name="mine", summary="A fall", build=build, interval=interval)
    found = complaints(SchedulerContract, spec)
    assert [words in reason for reason in found.values()] == [True], found


@pytest.mark.parametrize("interval", ["step", "epoch"])
def test_an_honest_optimiser_and_an_honest_schedule_pass(interval):
    honest = OptimiserSpec(name="mine", summary="A way", build=lambda settings, groups: torch.optim.SGD(groups))
    assert complaints(OptimiserContract, honest) == {}
    spec = SchedulerSpec(name="mine", summary="A fall", build=scheduled(lambda step: 0.9**step), interval=interval)
    assert complaints(SchedulerContract, spec) == {}


def quitting(ground_truth, predicted):
    raise SystemExit(3)


def test_a_plugin_that_quits_fails_its_own_tests_and_no_others():
    spec = MetricSpec(name="mine", summary="A metric", build=lambda settings: quitting)
    found = complaints(MetricContract, spec)
    assert found["it is the same twice"] == "SystemExit: 3" and "the summary is one line" not in found
    case = type("Case", (MetricContract,), {"plugin": plugin_of(spec), "name": "mine"})
    tests = [name for name in dir(MetricContract) if name.startswith("test_")]
    assert len(run_contract(case)) == len(tests)


def test_a_command_is_a_function_or_an_app():
    for build, words in ((lambda: 7, "must return a function or a typer.Typer, but returned a int"),):
        found = complaints(CommandContract, CommandSpec(name="mine", summary="A command", build=build))
        assert words in found["its help can be shown"]


def test_every_kind_of_thing_has_a_contract():
    assert set(CONTRACTS) == set(HOOK_OF_KIND)
    assert all(contract.kind == kind for kind, contract in CONTRACTS.items())


@pytest.mark.parametrize("seed", [0, 5])
def test_toys_overlap_and_are_the_same_each_time(seed):
    masks = toy_masks(seed, absent=(3,))
    shared = masks.intersections()
    assert masks == toy_masks(seed, absent=(3,)) and not masks.present()[3]
    assert (shared - np.diag(np.diag(shared))).any() and masks.size_hw[0] != masks.size_hw[1]
    soft = toy_probabilities(seed).dense()
    assert ((soft > 0.05) & (soft < 0.95)).any()
