"""Votes in whole numbers against fractions, and weights that cannot be weights."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from handbone.anatomy import COUNT, NAMES
from handbone.core import rle
from handbone.core.bone_masks import BoneMasks
from handbone.core.bone_probabilities import BoneProbabilities
from handbone.core.errors import HandboneError, UnknownNameError
from handbone.method.ensembling.ballots import ballots_of, needed
from handbone.method.ensembling.methods import best_of, class_wise, shares_of, size_of, soft_mean, vote
from handbone.method.ensembling.rle_vote import vote_runs

DECIMALS = st.integers(0, 20).map(lambda n: Fraction(n, 10))
WEIGHTS = st.lists(DECIMALS, min_size=1, max_size=7).filter(any)


@given(WEIGHTS, st.data())
def test_a_group_passes_exactly_where_its_exact_share_does(weights, data):
    """With decimal weights and decimal limits a tie is a tie, though none of the numbers is exact in binary."""
    ballots = ballots_of([float(w) for w in weights])
    who = data.draw(st.lists(st.booleans(), min_size=len(weights), max_size=len(weights)))
    share = sum(w for w, yes in zip(weights, who, strict=True) if yes) / sum(weights)
    at_least = data.draw(st.one_of(DECIMALS.filter(lambda v: v <= 1), st.just(share)))
    votes = sum(b for b, yes in zip(ballots, who, strict=True) if yes)
    assert (votes >= needed(float(at_least), ballots)) == (share >= at_least and share > 0)


@given(st.lists(st.floats(0, 1e12), min_size=1, max_size=8).filter(any))
def test_ballots_are_whole_shares_and_only_nothing_is_nothing(weights):
    ballots = ballots_of(weights)
    assert all(isinstance(b, int) and b >= 0 for b in ballots)
    assert [b > 0 for b in ballots] == [w > 0 for w in weights]
    shares = np.array(weights) / sum(weights)
    assert np.array(ballots) / 2**40 == pytest.approx(shares, abs=2**-39)


@given(st.lists(st.floats(1e-3, 1e3), min_size=1, max_size=6), st.sampled_from([2.0**k for k in (-20, -1, 3, 30)]))
def test_only_ratios_of_weights_count(weights, factor):
    assert ballots_of(weights) == ballots_of([factor * w for w in weights])


@pytest.mark.parametrize("at_least", [0.0, 0.3, 0.5, 1.0])
def test_all_members_are_always_enough_and_none_never(at_least):
    for weights in ([1.0], [0.1] * 7, [1e-9, 1.0], [0.0, 1.0], [1 / 3] * 3):
        ballots = ballots_of(weights)
        assert 0 < needed(at_least, ballots) <= sum(ballots)


MEMBERS = hnp.arrays(bool, st.tuples(st.integers(1, 5), st.integers(1, 6), st.integers(1, 7)))


@settings(max_examples=50)
@given(MEMBERS, st.data())
def test_run_lengths_are_voted_as_decoded_masks_are(planes, data):
    """One member, members of weight 0, empty and full masks, and runs over several rows."""
    weights = [float(w) for w in data.draw(st.lists(DECIMALS, min_size=len(planes), max_size=len(planes)).filter(any))]
    at_least = float(data.draw(DECIMALS.filter(lambda v: v <= 1)))
    text = vote_runs([rle.encode(p) for p in planes], weights, at_least, planes.shape[1:])
    exact = [Fraction(w).limit_denominator(10) for w in weights]
    expected = np.zeros(planes.shape[1:], bool)
    limit = Fraction(at_least).limit_denominator(10)
    for row, column in np.ndindex(expected.shape):
        share = sum(w for w, p in zip(exact, planes, strict=True) if p[row, column]) / sum(exact)
        expected[row, column] = share >= limit and share > 0
    assert np.array_equal(rle.decode(text, planes.shape[1:]), expected)


@pytest.mark.parametrize("text", ["1", "1 0", "3 9", "x"])
def test_malformed_run_lengths_of_any_member_are_refused(text):
    with pytest.raises(HandboneError, match="run"):
        vote_runs(["1 1", text], [1, 1], 0.5, (2, 3))


def probabilities(seed, size_hw=(6, 7)):
    return BoneProbabilities.from_dense(np.random.default_rng(seed).random((COUNT, *size_hw)).astype(np.float32))


@pytest.mark.parametrize(
    ("weights", "expected"),
    [
        ({}, {"a": 1 / 3, "b": 1 / 3, "c": 1 / 3}),
        ({"a": 2}, {"a": 0.5, "b": 0.25, "c": 0.25}),
        ({"a": 0}, {"a": 0.0, "b": 0.5, "c": 0.5}),
        ({"a": 0, "b": 0}, {"a": 0.0, "b": 0.0, "c": 1.0}),
        ({"a": 1e300, "b": 1e300, "c": 0}, {"a": 0.5, "b": 0.5, "c": 0.0}),
    ],
)
def test_members_without_a_weight_have_one(weights, expected):
    assert shares_of("abc", weights) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("weights", "error", "words"),
    [
        ({"a": 0, "b": 0, "c": 0}, HandboneError, "not valid; use positive numbers"),
        ({"a": -1}, HandboneError, "not valid"),
        ({"a": float("nan")}, HandboneError, "not valid"),
        # Their shares would be NaN, and every mask empty.
        ({"a": float("inf")}, HandboneError, "not valid"),
        ({"a": 1e308, "b": 1e308}, HandboneError, "not valid"),
        ({"d": 1}, UnknownNameError, "unknown member 'd'"),
    ],
)
def test_weights_that_are_no_shares_are_refused(weights, error, words):
    members = {name: probabilities(0) for name in "abc"}
    for join in (soft_mean, lambda m, w: vote(m, 0.5, w)):
        with pytest.raises(error, match=words):
            join(members, weights)


def test_there_has_to_be_a_member_and_one_size():
    with pytest.raises(HandboneError, match="no predictions to combine"):
        shares_of([], {})
    with pytest.raises(HandboneError, match=r"differ in size \(a 7 x 6, b 3 x 2\)"):
        size_of({"a": probabilities(0), "b": probabilities(0, (2, 3))})
    assert size_of({"a": probabilities(0)}) == (6, 7)


@settings(max_examples=40)
@given(st.lists(st.floats(0, 3), min_size=1, max_size=4).filter(any), st.integers(0, 10**6))
def test_a_weighted_mean_is_that_of_the_stored_steps(weights, seed):
    members = {f"m{n}": probabilities(seed + n) for n in range(len(weights))}
    found = soft_mean(members, dict(zip(members, weights, strict=True))).dense() * 255
    steps = [np.rint(each.dense() * 255) for each in members.values()]
    exact = np.average(steps, axis=0, weights=weights)
    # Half a step of rounding, and what is below 5 of 255 is not kept.
    assert np.abs(found - exact)[exact >= 5.5].max(initial=0) <= 0.5 + 1e-3


def test_the_last_choice_for_a_bone_wins_and_groups_are_taken_apart():
    members = {name: probabilities(n) for n, name in enumerate("abc")}
    joined = class_wise(members, {"all": "a", "wrist": "b", "Lunate,thumb": "c", "finger-1": "a"}, otherwise="c")
    for bone, name in enumerate(NAMES):
        source = "c" if name in ("Lunate", "finger-2", "finger-3") else "b" if 19 <= bone < 27 else "a"
        assert np.array_equal(joined.crops[bone], members[source].crops[bone]), name
    assert class_wise(members, {}, otherwise="b") == members["b"]
    assert class_wise({"a": members["a"]}, {}) == members["a"]


@given(hnp.arrays(float, (3, COUNT), elements=st.sampled_from([0.1, 0.5, 0.9, np.nan])))
def test_the_best_member_is_the_first_of_the_highest(table):
    scores = dict(zip("abc", table, strict=True))
    if np.isnan(table).all(0).any():
        with pytest.raises(HandboneError, match="no member was validated on"):
            best_of(scores)
        return
    best = best_of(scores)
    for bone, name in enumerate(NAMES):
        known = {member: values[bone] for member, values in scores.items() if not np.isnan(values[bone])}
        assert best[name] == max(known, key=known.get)


def test_a_vote_leaves_nothing_between_bone_and_none():
    joined = vote({"a": probabilities(1), "b": probabilities(2)}, 0.5)
    assert {int(v) for crop in joined.crops for v in np.unique(crop)} <= {0, 255}
    assert BoneProbabilities.from_masks(BoneMasks.from_dense(joined.threshold(0.5).dense())) == joined
