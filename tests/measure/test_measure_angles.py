"""Angles of a plain hand whose joints are turned by known degrees, in any position, on either side, in any scale."""

import numpy as np
import pytest
from plain_hands import LENGTHS, PlainHand

from handbone.core.bone_masks import BoneMasks
from handbone.measure import Hand, Refused, Scale, measure_hand
from handbone.measure.measuring import measure
from handbone.measure.registry import find_measure

FINGERS = {2: (-22, -80), 3: (-7, -78), 4: (8, -72), 5: (22, -66)}
CARPUS = ("carpal_height", "carpal_height_ratio", "ulnar_translation", "scapholunate_gap")


def distal_of(digit):
    return tuple(f"{part}{digit}" for part in ("PP", "MP", "DP"))


def values(hand, **options):
    return {(m.measure.name, m.target): m.value for m in measure_hand(hand.masks(), **options)}


@pytest.mark.parametrize(("digit", "degrees"), [(2, -18.0), (3, 24.0), (4, 9.0), (5, 24.0)])
@pytest.mark.parametrize(("left", "turn"), [(False, 0.0), (True, 0.0), (False, 35.0)])
def test_a_finger_deviates_by_the_angle_at_its_knuckle(digit, degrees, left, turn):
    knuckle = FINGERS[digit]
    hand = PlainHand(left=left, degrees=turn, forearm_mm=200).moved(*distal_of(digit), degrees=degrees, about=knuckle)
    found = values(hand)
    assert found["finger_deviation", f"PP{digit}-MC{digit}"] == pytest.approx(degrees, abs=0.7)
    # A finger that is turned whole keeps its tip straight, and its neighbours stay as they are.
    assert found["clinodactyly", f"DP{digit}-MP{digit}"] == pytest.approx(0, abs=1.2)
    for other in set(FINGERS) - {digit}:
        assert found["finger_deviation", f"PP{other}-MC{other}"] == pytest.approx(0, abs=1.0)


@pytest.mark.parametrize("degrees", [-19.0, -5.0, 5.0, 19.0])
def test_up_to_twenty_degrees_of_bend_carpal_measures_are_taken(degrees):
    hand = PlainHand(forearm_mm=120)
    fingers = [name for name in hand.polygons if name not in ("Radius", "Ulna")]
    found = measure_hand(hand.moved(*fingers, degrees=degrees, about=(-5, 12)).masks())
    assert found["wrist_angle"].value == pytest.approx(degrees, abs=0.5)
    assert all(found[name].value is not None for name in CARPUS)


@pytest.mark.parametrize("degrees", [-22.0, 22.0])
def test_beyond_twenty_degrees_they_are_refused_and_say_which_way(degrees):
    hand = PlainHand(forearm_mm=120)
    fingers = [name for name in hand.polygons if name not in ("Radius", "Ulna")]
    found = measure_hand(hand.moved(*fingers, degrees=degrees, about=(-5, 12)).masks())
    for name in CARPUS:
        assert found[name].value is None
        assert ("away from" if degrees > 0 else "towards") in found[name].reason


@pytest.mark.parametrize("degrees", [21.0, -23.0])
def test_a_crooked_finger_has_no_digit_ratio(degrees):
    hand = PlainHand().moved("DP2", degrees=degrees, about=(-22, -147))
    assert "the finger is not straight: DP2" in measure_hand(hand.masks())["digit_ratio"].reason
    straight = PlainHand().moved("DP2", degrees=degrees * 0.8, about=(-22, -147))
    assert measure_hand(straight.masks())["digit_ratio"].value is not None


def test_a_digit_is_measured_from_the_base_of_its_first_phalanx_to_its_tip():
    hand = PlainHand().moved("MP4", "DP4", by=(0, -6))
    longer = sum(LENGTHS[4][1:]) + 4 + 6
    assert measure_hand(hand.masks())["digit_ratio"].value == pytest.approx(
        (sum(LENGTHS[2][1:]) + 4) / longer, abs=0.005
    )


@pytest.mark.parametrize("by", [-6.0, 0.0, 4.0])
def test_the_metacarpal_sign_falls_as_the_third_metacarpal_shortens(by):
    before = values(PlainHand())["metacarpal_sign", "MC3-5"]
    after = values(PlainHand().moved("MC3", by=(0, -by)))["metacarpal_sign", "MC3-5"]
    # The tangent is slanted: a head that moves up by one leaves it by the cosine of its slope.
    slope = np.arctan2(6, 14)
    assert (after - before) * 0.25 == pytest.approx(by * np.cos(slope), abs=0.25)


@pytest.mark.parametrize("by", [2.0, 5.0])
def test_gaps_and_heights_follow_the_bones_that_are_moved(by):
    before, after = (
        values(hand, scale=Scale.user(0.25)) for hand in (PlainHand(), PlainHand().moved("Scaphoid", by=(-by, 0)))
    )
    assert after["scapholunate_gap", "Scaphoid-Lunate"] - before[
        "scapholunate_gap", "Scaphoid-Lunate"
    ] == pytest.approx(by, abs=0.15)
    forearm = ("Radius", "Ulna")
    lower = values(PlainHand(forearm_mm=120).moved(*forearm, by=(0, by)), scale=Scale.user(0.25))
    assert lower["carpal_height", "carpus"] - before["carpal_height", "carpus"] == pytest.approx(by, abs=0.15)
    shifted = values(PlainHand().moved("Triquetrum", by=(by, 0)), scale=Scale.user(0.25))
    name = "capitate_triquetrum_distance", "Capitate-Triquetrum"
    assert shifted[name] > before[name] + 0.5 * by


@pytest.mark.parametrize("by", [-3.0, 2.0, 6.0])
def test_ulnar_variance_is_how_far_the_ulna_reaches_beyond_the_radius(by):
    before, after = (
        values(hand, scale=Scale.user(0.25))["ulnar_variance", "Ulna-Radius"]
        for hand in (PlainHand(forearm_mm=120), PlainHand(forearm_mm=120).moved("Ulna", by=(0, -by)))
    )
    assert after - before == pytest.approx(by, abs=0.25)


@pytest.mark.parametrize("factor", [0.5, 2.0, 3.3])
def test_the_scale_multiplies_lengths_and_nothing_else(factor):
    masks = PlainHand().masks()
    ones, others = (measure_hand(masks, scale=Scale.user(mm)) for mm in (0.2, 0.2 * factor))
    for one, other in zip(ones, others, strict=True):
        if one.value is not None and one.measure.kind in ("length", "ratio", "degrees"):
            expected = one.value * (factor if one.measure.kind == "length" else 1)
            assert other.value == pytest.approx(expected, rel=1e-6, abs=1e-6), one


@pytest.mark.parametrize("name", ["length", "wrist_angle", "digit_ratio"])
def test_lines_lie_on_the_bones_in_pixels_of_the_image(name):
    hand = PlainHand()
    masks = hand.masks()
    height, width = masks.size_hw
    for found in measure(Hand(masks, scale=Scale.user(0.25))):
        if found.measure.name == name:
            lines = np.concatenate([np.asarray(line) for line in found.lines_px])
            assert lines.min() > -2 and (lines < [width + 2, height + 2]).all()
            assert find_measure(name) is found.measure


@pytest.mark.parametrize("left", [False, True])
@pytest.mark.parametrize("degrees", [0.0, 150.0, -90.0])
def test_a_side_is_told_however_the_hand_lies(left, degrees):
    hand = Hand(PlainHand(left=left, degrees=degrees).masks())
    assert hand.side == ("left" if left else "right")
    up = hand.axis("MC3").direction
    thumb = hand.centroid("MC1") - hand.centroid("MC3")
    assert hand.thumbwards(up) @ thumb > 0 and hand.thumbwards(up) @ up == pytest.approx(0, abs=1e-12)


def test_the_size_of_a_hand_is_told_by_its_areas_and_not_without_bones():
    hand = Hand(PlainHand().masks(), scale=Scale.user(0.25))
    assert 40 < hand.expected_unit() < 90
    empty = BoneMasks.from_crops({}, (90, 90))
    with pytest.raises(Refused, match="no bone is seen that tells the hand's size"):
        Hand(empty).expected_unit()
    with pytest.raises(Refused, match="MC3 is missing"):
        Hand(empty).axis("MC3")
