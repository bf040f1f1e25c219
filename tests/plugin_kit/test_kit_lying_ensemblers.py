"""Ensemblers and metrics that do not do what they say: their contracts say so in words."""

import numpy as np
import pytest
from plugins_lying import complaints

from handbone.core.bone_masks import BoneMasks
from handbone.core.bone_probabilities import BoneProbabilities
from handbone.plugin_kit.contracts import CommandContract, EnsemblerContract, MetricContract
from handbone.plugin_kit.contracts.toys import SIZE_HW
from handbone.plugins.specs import CommandSpec, EnsemblerSpec, MetricSpec


def of_dense(dense):
    return BoneProbabilities.from_dense(dense)


def mean_dense(members):
    return np.mean([each.dense() for each in members.values()], axis=0)


def exclusive(members):
    dense = mean_dense(members)
    return of_dense(dense * (dense == dense.max(0)))


def first_counts(members):
    shares = np.array([2.0] + [1.0] * (len(members) - 1))
    return of_dense(np.average([each.dense() for each in members.values()], axis=0, weights=shares))


def emptied(members):
    members.pop(next(iter(members)))
    return of_dense(mean_dense(members))


def fragile(members):
    if not all(each.threshold().present().any() for each in members.values()):
        raise ValueError("a member is empty")
    return of_dense(mean_dense(members))


CALLS = []


def forgetful(members):
    CALLS.append(1)
    return of_dense(mean_dense(members) * (0.5 if len(CALLS) % 2 else 1))


@pytest.mark.parametrize(
    ("join", "words"),
    [
        (mean_dense, "joined members must be BoneProbabilities, but got a ndarray"),
        (lambda m: of_dense(mean_dense(m).transpose(0, 2, 1)),
         f"must have the members' size {SIZE_HW}, but got {SIZE_HW[::-1]}"),
        (lambda m: of_dense(mean_dense(m) * 0.4),
         "one member alone must keep the masks, but those of finger-1, finger-2, finger-3 and more"),
        (exclusive, "overlaps among them, must keep the masks"),
        (lambda m: of_dense(np.maximum(mean_dense(m), 0.6)),
         "a bone that no member contains must stay empty, but finger-4"),
        (lambda m: of_dense(np.maximum(mean_dense(m), 0.6)), "a pixel that is in no member must not become bone"),
        (fragile, "ValueError: a member is empty"),
        (first_counts, "the order of members must not matter (set symmetric = False if it should), but"),
        (emptied, "members must not be changed, but they were changed"),
        (forgetful, "the same members must give the same answer, but it differs"),
    ],
)  # fmt: skip
def test_lying_ensemblers_are_found_out(join, words):
    spec = EnsemblerSpec(name="mine", summary="A join", build=lambda settings: join)
    found = complaints(EnsemblerContract, spec)
    assert any(words in reason for reason in found.values()), found


def test_an_ensembler_may_say_that_its_first_member_leads():
    spec = EnsemblerSpec(name="mine", summary="A join", build=lambda settings: first_counts)
    assert complaints(EnsemblerContract, spec, symmetric=False) == {}


def areas_apart(ground_truth: BoneMasks, predicted: BoneMasks):
    return np.abs(ground_truth.areas() - predicted.areas()).astype(np.float64)


@pytest.mark.parametrize(
    ("metric", "words"),
    [
        (lambda t, p: float(areas_apart(t, p).mean()), "must be a numpy array, but got a float"),
        (lambda t, p: areas_apart(t, p)[:10], "must have the shape (29,), but got (10,)"),
        (lambda t, p: areas_apart(t, p).astype(np.float32), "must be float64, but got float32"),
        (lambda t, p: areas_apart(t, p) * np.nan, "the metric of the ground truth itself must be finite"),
        (areas_apart, "at least as good as other masks (higher_is_better = True), but"),
        (lambda t, p: areas_apart(t, p) + 1 / int(p.areas().min()), "ZeroDivisionError"),
        (lambda t, p: areas_apart(t, p) + np.random.default_rng().random(29),
         "must give the same metrics, but they differ"),
    ],
)  # fmt: skip
def test_lying_metrics_are_found_out(metric, words):
    spec = MetricSpec(name="mine", summary="A metric", build=lambda settings: metric)
    with np.errstate(all="ignore"):
        found = complaints(MetricContract, spec)
    assert any(words in reason for reason in found.values()), found


def test_an_honest_metric_passes_and_a_command_without_typers_types_does_not():
    spec = MetricSpec(name="mine", summary="A metric", build=lambda settings: areas_apart, higher_is_better=False)
    assert complaints(MetricContract, spec) == {}

    def untyped(value: int | str):
        """Typer takes no unions."""

    assert complaints(CommandContract, CommandSpec(name="mine", summary="A command", build=lambda: lambda: None)) == {}
    found = complaints(CommandContract, CommandSpec(name="mine", summary="A command", build=lambda: untyped))
    assert "Typer currently doesn't support Union types" in found["its help can be shown"]
