"""Joined masks and probabilities against plain arithmetic on full arrays."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from handbone.anatomy import COUNT, INDEX, NAMES
from handbone.core import rle
from handbone.core.bone_masks import BoneMasks
from handbone.core.bone_probabilities import BoneProbabilities
from handbone.core.errors import HandboneError, UnknownNameError
from handbone.method.ensembling.methods import best_of, class_wise, soft_mean, vote
from handbone.method.ensembling.rle_vote import vote_runs
from handbone.plugins import registry
from handbone.recipe.schema import Choice


def of_masks(planes):
    dense = np.zeros((COUNT, *planes.shape[1:]), bool)
    dense[: len(planes)] = planes
    return BoneProbabilities.from_masks(BoneMasks.from_dense(dense))


members = st.integers(2, 5).flatmap(
    lambda n: hnp.arrays(bool, st.tuples(st.just(n), st.just(3), st.integers(1, 9), st.integers(1, 9)))
)


@settings(deadline=None, max_examples=60)
@given(members, st.sampled_from([0.2, 0.34, 0.5, 0.51, 0.75, 1.0]), st.data())
def test_a_vote_counts_as_numpy_does(planes, at_least, data):
    weights = data.draw(st.lists(st.sampled_from([1.0, 2.0, 3.0]), min_size=len(planes), max_size=len(planes)))
    named = {f"m{i}": of_masks(p) for i, p in enumerate(planes)}
    joined = vote(named, at_least, {f"m{i}": w for i, w in enumerate(weights)}).threshold().dense()[:3]
    share = np.tensordot(weights, planes.astype(float), 1) / np.sum(weights)
    clear = np.abs(share - at_least) > 0.004
    assert (joined == (share >= at_least - 1e-9))[clear | np.isclose(share, at_least)].all()


@settings(deadline=None, max_examples=40)
@given(
    hnp.arrays(
        np.float32, st.tuples(st.integers(2, 4), st.just(2), st.just(5), st.just(6)), elements=st.floats(0, 1, width=32)
    )
)
def test_a_mean_is_the_mean_of_arrays(values):
    dense = np.zeros((len(values), COUNT, 5, 6), np.float32)
    dense[:, :2] = values
    named = {f"m{i}": BoneProbabilities.from_dense(each) for i, each in enumerate(dense)}
    expected = np.mean([each.dense() for each in named.values()], axis=0)
    got = soft_mean(named).dense()
    # What is below 0.02 is not kept.
    assert np.abs(got - expected)[expected >= 0.03].max(initial=0) < 0.003
    assert np.array_equal(soft_mean({"a": named["m0"]}).dense(), named["m0"].dense())


@settings(deadline=None, max_examples=80)
@given(members, st.sampled_from([0.1, 0.25, 0.5, 0.6, 1.0]), st.data())
def test_a_vote_on_run_lengths_is_the_vote_on_pixels(planes, at_least, data):
    weights = data.draw(st.lists(st.sampled_from([1.0, 2.0, 3.0]), min_size=len(planes), max_size=len(planes)))
    size_hw = planes.shape[2:]
    for bone in range(planes.shape[1]):
        counted = vote_runs([rle.encode(p) for p in planes[:, bone]], weights, at_least, size_hw)
        share = np.tensordot(weights, planes[:, bone].astype(float), 1) / np.sum(weights)
        assert counted == rle.encode(share >= at_least - 1e-9)


def test_weights_and_mistakes():
    a, b = of_masks(np.ones((1, 4, 4), bool)), of_masks(np.zeros((1, 4, 4), bool))
    assert soft_mean({"a": a, "b": b}, {"a": 3.0}).dense()[0, 0, 0] == pytest.approx(0.75, abs=0.003)
    assert not soft_mean({"a": a, "b": b}, {"b": 3.0}).threshold().present()[0]
    with pytest.raises(UnknownNameError, match="'c'"):
        soft_mean({"a": a, "b": b}, {"c": 1.0})
    with pytest.raises(HandboneError, match="a 4 x 4, b 5 x 4"):
        vote({"a": a, "b": of_masks(np.zeros((1, 4, 5), bool))})
    with pytest.raises(HandboneError, match="no predictions"):
        soft_mean({})


def test_bones_come_from_the_members_that_were_chosen():
    rng = np.random.default_rng(0)
    named = {n: BoneProbabilities.from_dense(rng.random((COUNT, 6, 7)).astype(np.float32)) for n in "abc"}
    joined = class_wise(named, {"wrist": "b", "Lunate": "c"}, otherwise="a")
    for bone, name in enumerate(NAMES):
        source = "c" if name == "Lunate" else "b" if 19 <= bone < 27 else "a"
        assert np.array_equal(joined.crops[bone], named[source].crops[bone])
    rest = class_wise(named, {"Lunate": "c"})
    assert np.array_equal(rest.crops[0], soft_mean(named).crops[0])
    for choices, otherwise in (({"Lunate": "d"}, None), ({"Lunatic": "a"}, None), ({}, "d")):
        with pytest.raises(UnknownNameError):
            class_wise(named, choices, otherwise)


def test_the_best_member_for_each_bone():
    scores = {"a": np.full(COUNT, 0.9), "b": np.full(COUNT, 0.8)}
    scores["b"][INDEX["Lunate"]] = 0.95
    scores["a"][INDEX["Pisiform"]] = np.nan
    best = best_of(scores)
    assert best["Lunate"] == best["Pisiform"] == "b" and best["Radius"] == "a"
    scores["b"][INDEX["Pisiform"]] = np.nan
    with pytest.raises(HandboneError, match="Pisiform"):
        best_of(scores)


def test_they_are_registered_like_anyones():
    found = {p.spec.name: p.package for p in registry().provided("ensembler")}
    assert {"mean", "vote", "class_wise"} <= set(found) and found["vote"] == "handbone"
    spec, chosen = registry().get("ensembler", Choice(name="vote", at_least=1.0))
    planes = np.array([[[True, False]], [[True, True]]])
    joined = spec.build(chosen)({str(i): of_masks(p[None]) for i, p in enumerate(planes)})
    assert joined.threshold().mask(0).tolist() == [[True, False]]
