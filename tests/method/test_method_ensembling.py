"""Joined masks and probabilities against plain arithmetic on full arrays."""

import itertools
from types import SimpleNamespace

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
from handbone.workflows.ensemble import fit_thresholds
from handbone.workflows.members import RunMember


def of_masks(planes):
    dense = np.zeros((COUNT, *planes.shape[1:]), bool)
    dense[: len(planes)] = planes
    return BoneProbabilities.from_masks(BoneMasks.from_dense(dense))


members = st.integers(2, 5).flatmap(
    lambda n: hnp.arrays(bool, st.tuples(st.just(n), st.just(3), st.integers(1, 9), st.integers(1, 9)))
)


@settings(deadline=None, max_examples=150)
@given(members, st.data())
def test_a_vote_on_pixels_and_on_run_lengths_counts_as_numpy_does(planes, data):
    count, size_hw = len(planes), planes.shape[2:]
    some = st.one_of(st.sampled_from([0.1, 0.2, 0.3, 1.0, 2.0, 0.497, 0.503]), st.floats(1e-6, 1e3))
    weights = np.array(data.draw(st.lists(some, min_size=count, max_size=count)))
    ties = st.lists(st.booleans(), min_size=count, max_size=count).map(lambda who: weights[who].sum() / weights.sum())
    at_least = data.draw(st.one_of(st.floats(0, 1), ties, st.sampled_from([0.0, 0.01, 0.5, 1.0])))

    share = np.tensordot(weights, planes.astype(float), 1) / weights.sum()
    expected = ((share > at_least) | np.isclose(share, at_least, rtol=0, atol=1e-13)) & planes.any(0)
    # What differs by less than weights can be told apart is either.
    told = np.isclose(share, at_least, rtol=0, atol=1e-13) | ~np.isclose(share, at_least, rtol=0, atol=1e-10)

    named = {f"m{i}": of_masks(p) for i, p in enumerate(planes)}
    on_pixels = vote(named, at_least, dict(zip(named, weights, strict=True))).threshold().dense()
    for bone, (mask, sure) in enumerate(zip(expected, told, strict=True)):
        text = vote_runs([rle.encode(p) for p in planes[:, bone]], weights, at_least, size_hw)
        assert text == rle.encode(on_pixels[bone])
        assert np.array_equal(on_pixels[bone] & sure, mask & sure)


@pytest.mark.parametrize("weights", [[0.15, 0.1, 0.3], [0.3, 1 / 3, 0.15], [0.15, 0.3, 0.7, 0.3]])
def test_a_tie_is_bone_however_weights_are_rounded(weights):
    """Each group of members against a limit that is just its own share of the weights."""
    for who in itertools.product([False, True], repeat=len(weights)):
        if any(who):
            planes = np.array(who).reshape(-1, 1, 1, 1)
            named = {f"m{i}": of_masks(p) for i, p in enumerate(planes)}
            limit = sum(w for w, bone in zip(weights, who, strict=True) if bone) / sum(weights)
            assert vote(named, limit, dict(zip(named, weights, strict=True))).threshold().dense()[0].all()
            assert vote_runs([rle.encode(p[0]) for p in planes], weights, limit, (1, 1)) == "1 1"


@pytest.mark.parametrize(
    ("weights", "at_least", "pixels"),
    [
        ([0.497, 0.503], 0.5, [False, True, True]),
        ([0.503, 0.497], 0.5, [True, False, True]),
        ([1, 1], 0.0, [True, True, True]),
        ([1, 1], 0.5, [True, True, True]),
        ([1, 1], 0.51, [False, False, True]),
        ([59, 1], 0.01, [True, True, True]),
        ([59, 1], 0.02, [True, False, True]),
        ([1, 0], 0.0, [True, False, True]),
        ([1, 1e-15], 0.0, [True, True, True]),
    ],
)
def test_votes_by_hand(weights, at_least, pixels):
    """A sees the first and third pixel of four, B the second and third."""
    a, b = [True, False, True, False], [False, True, True, False]
    named = {"a": of_masks(np.array([[a]])), "b": of_masks(np.array([[b]]))}
    joined = vote(named, at_least, {"a": weights[0], "b": weights[1]})
    assert joined.threshold().mask(0).tolist() == [[*pixels, False]]
    assert rle.decode(vote_runs(["1 1 3 1", "2 2"], weights, at_least, (1, 4)), (1, 4)).tolist() == [[*pixels, False]]


def test_one_vote_of_sixty_members_is_enough_for_a_hundredth():
    named = {str(i): of_masks(np.full((1, 2, 2), i == 7)) for i in range(60)}
    assert vote(named, 0.01).threshold().areas()[0] == 4
    assert vote(named, 0.02).threshold().areas()[0] == 0


def test_members_vote_from_one_half_on():
    """127 of 255 is less than one half, 128 is more."""
    values = np.zeros((COUNT, 1, 3), np.float32)
    values[0] = np.array([127, 128, 64]) / 255
    assert vote({"a": BoneProbabilities.from_dense(values)}).threshold().mask(0).tolist() == [[False, True, False]]


@settings(deadline=None, max_examples=80)
@given(members, st.data())
def test_the_mean_of_masks_is_a_vote_of_the_threshold(planes, data):
    weights = data.draw(st.lists(st.sampled_from([0.1, 0.2, 0.3, 1.0]), min_size=len(planes), max_size=len(planes)))
    named = {f"m{i}": of_masks(p) for i, p in enumerate(planes)}
    told = dict(zip(named, weights, strict=True))
    assert soft_mean(named, told).threshold(0.5) == vote(named, 0.5, told).threshold()


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


def test_a_tie_of_decimal_weights_is_one_half():
    """.3 of .1 + .2 + .3 is one half, though 255 times that comes out a little below 127.5."""
    seen = {"a": False, "b": False, "c": True}
    named = {name: of_masks(np.full((1, 1, 1), value)) for name, value in seen.items()}
    assert soft_mean(named, {"a": 0.1, "b": 0.2, "c": 0.3}).threshold(0.5).areas()[0] == 1


class Context:
    """A run's images: two of each part, one of each without labels."""

    splits = {
        part: [SimpleNamespace(name=f"{part}-{n}", annotation="labels" if n else None) for n in (0, 1)]
        for part in ("train", "validation", "test")
    }


def test_thresholds_are_fitted_on_validation_images_alone():
    """On the images that a network has learned from every threshold looks good."""
    run = object.__new__(RunMember)
    run.name, run.context, asked = "one", Context(), []

    def probabilities(image, size_hw):
        asked.append(image)
        values = np.zeros((COUNT, 1, 4), np.float32)
        values[:, 0] = (0.9, 0.6, 0.35, 0.0)
        return BoneProbabilities.from_dense(values)

    run.probabilities = probabilities
    run.ground_truth = lambda image: BoneMasks.from_dense(np.full((COUNT, 1, 4), [True, True, True, False]))
    assert run.validation() == ["validation-1"]
    thresholds, count = fit_thresholds([run], soft_mean)
    assert asked == ["validation-1"] and count == 1
    assert ((thresholds > 0.2) & (thresholds <= 0.35)).all()
