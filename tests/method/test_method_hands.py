"""Whether there is a hand: bones that lie as in one pose are evidence, sure bones anywhere are none."""

import numpy as np
import pytest
from stages_hands import hand_points, masks_at

from handbone.anatomy import COUNT, INDEX, NAMES
from handbone.core.bone_probabilities import BoneProbabilities
from handbone.core.frame import Frame
from handbone.method.confidence import confidence_of
from handbone.method.hands import claimed, hand_found, weigh_hand
from handbone.method.locate import Location
from handbone.method.quality_control import flags
from handbone.method.two_stage import MethodResult

SIZE = 512
HAND = {"unit": 110.0, "at": np.array([256.0, 330.0])}


def seen(points, peak=1.0):
    """Probabilities of bones at points (29, 2), NaN for none, all as sure as that."""
    dense = masks_at(points, SIZE, 7).dense().astype(np.float32)
    return BoneProbabilities.from_dense(dense * peak)


def at(score):
    return Location(Frame.letterbox((SIZE, SIZE), (64, 64)), score >= 0.3, score)


def whole(**more):
    return hand_points(**HAND, **more)


def few(count, seed=0):
    points = whole()
    gone = np.random.default_rng(seed).permutation(COUNT)[count:]
    points[gone] = np.nan
    return points


def scattered(count, seed=0):
    rng = np.random.default_rng(seed)
    points = np.full((COUNT, 2), np.nan)
    points[rng.permutation(COUNT)[:count]] = rng.uniform(20, SIZE - 20, (count, 2))
    return points


@pytest.mark.parametrize("mirrored", [False, True])
@pytest.mark.parametrize("seed", range(3))
def test_a_whole_hand_is_one_of_its_side(mirrored, seed):
    hand = weigh_hand(seen(whole(mirrored=mirrored, seed=seed)), 0.5, at(1.0))
    assert hand.found and hand_found(hand) and hand.probability > 0.999 and hand.inliers >= 27
    assert hand.side == ("L" if mirrored else "R")


@pytest.mark.parametrize("seed", range(5))
def test_sure_bones_in_disorder_are_no_hand(seed):
    for count in (2, 5, 12, 20):
        bones = seen(scattered(count, seed))
        hand = weigh_hand(bones, 0.5, at(0.25))
        assert not hand.found and hand.probability < 0.5 and not hand.side
        assert not claimed(bones, hand).threshold(0.5).present().any()


def test_half_a_hand_is_one_and_a_few_fitting_bones_are_none():
    assert weigh_hand(seen(few(15)), 0.5, at(15 / COUNT)).found
    assert not weigh_hand(seen(few(5)), 0.5, at(5 / COUNT)).found
    chances = [weigh_hand(seen(few(n)), 0.5, at(n / COUNT)).probability for n in (4, 8, 10, 14, 22)]
    assert chances == sorted(chances)


def test_unsure_bones_are_weaker_evidence():
    sure, unsure = (weigh_hand(seen(few(13), peak), 0.5, at(0.0)).evidence for peak in (1.0, 0.6))
    assert unsure < sure - 3


def test_no_bone_at_all_is_no_hand():
    hand = weigh_hand(seen(np.full((COUNT, 2), np.nan)), 0.5, at(0.0))
    assert not hand.found and hand.evidence == 0 and hand.inliers == 0


def test_a_bone_where_this_hand_cannot_have_it_is_not_claimed():
    points = whole()
    points[INDEX["Ulna"]] = (480, 40)  # that of another hand
    bones = seen(points)
    hand = weigh_hand(bones, 0.5, at(1.0))
    assert hand.found and hand.outliers == ("Ulna",)
    left = claimed(bones, hand).threshold(0.5).present()
    assert not left[INDEX["Ulna"]] and left.sum() == COUNT - 1
    outcome = MethodResult(bones, claimed(bones, hand), hand=hand)
    masks = outcome.final.threshold(0.5)
    said = [flag for flag in flags(outcome, masks) if "Ulna" in flag.bones]
    assert [flag.rule for flag in said] == ["not-of-this-hand"]


def test_of_few_bones_none_is_taken_away():
    points = few(7)
    there = np.flatnonzero(np.isfinite(points[:, 0]))
    points[there[0]] = (490, 490)
    assert weigh_hand(seen(points), 0.5, at(1.0)).outliers == ()


def test_where_nobody_looked_for_a_hand_any_bone_is_one_and_all_stay():
    bones = seen(scattered(3))
    hand = weigh_hand(bones, 0.5, None)
    assert hand.found and hand.probability == 1 and claimed(bones, hand) is bones
    assert not weigh_hand(seen(np.full((COUNT, 2), np.nan)), 0.5, None).found
    assert hand_found(None)


@pytest.mark.parametrize("calibrated", [False, True])
def test_a_bone_is_as_sure_as_its_hand_is(calibrated):
    bones = seen(few(12))
    hand = weigh_hand(bones, 0.5, at(0.0))
    assert 0.5 < hand.probability < 0.99
    presence = np.full(COUNT, 0.9) if calibrated else None
    outcome = MethodResult(bones, bones, hand=hand, presence=presence)
    masks = bones.threshold(0.5)
    values = confidence_of(outcome, masks)
    assert set(values) == {NAMES[bone] for bone in np.flatnonzero(masks.present())}
    assert values == pytest.approx(dict.fromkeys(values, hand.probability * (0.9 if calibrated else 1.0)), abs=1e-3)


def test_without_a_hand_that_is_all_that_is_said():
    bones = seen(scattered(9))
    hand = weigh_hand(bones, 0.5, at(0.2))
    outcome = MethodResult(bones, claimed(bones, hand), hand=hand, location=at(0.2))
    [flag] = flags(outcome, outcome.final.threshold(0.5))
    assert flag.rule == "no-hand" and not flag.bones
    assert confidence_of(outcome, outcome.final.threshold(0.5)) == {}
