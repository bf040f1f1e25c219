"""Values of a hand of simple shapes, worked out on paper."""

from itertools import product

import numpy as np
import pytest
from plain_hands import LENGTHS, WIDTHS, PlainHand
from scipy.optimize import brentq

from handbone.measure import MEASURES, Hand, Refused, Scale, measure_hand

SCALE = Scale("user", (0.25, 0.25))
NAMES = {digit: ("MC", "PP", "DP") if digit == 1 else ("MC", "PP", "MP", "DP") for digit in LENGTHS}
LENGTH = {f"{p}{d}": v for d, vs in LENGTHS.items() for p, v in zip(NAMES[d], vs, strict=True)}


@pytest.fixture(scope="module")
def measured():
    hand = PlainHand()
    return measure_hand(hand.masks(), image=hand.image(), scale=SCALE)


@pytest.mark.parametrize("bone", MEASURES["length"].targets)
def test_lengths_and_widths_are_those_of_the_shapes(measured, bone):
    assert measured["length", bone].value == pytest.approx(LENGTH[bone], abs=0.2)
    assert measured["width", bone].value == pytest.approx(WIDTHS[bone[:2]], abs=0.15)
    assert measured["length", bone].unit == "mm"


def test_ratios_follow_from_lengths(measured):
    for target in MEASURES["length_ratio"].targets:
        first, second = target.split(":")
        assert measured["length_ratio", target].value == pytest.approx(LENGTH[first] / LENGTH[second], abs=0.008)
    fingers = [sum(LENGTHS[d][1:]) + 4 for d in (2, 4)]
    assert measured["digit_ratio"].value == pytest.approx(fingers[0] / fingers[1], abs=0.004)
    assert measured["metacarpal_index"].value == pytest.approx((66 + 64 + 58 + 52) / (4 * 9), rel=0.02)


def test_the_sign_is_the_distance_from_the_tangent_to_the_heads(measured):
    # The tangent runs through the outer corners of the heads of MC4 and MC5; MC3's inner corner is nearest to it.
    fourth, fifth, third = np.array([8 + 7.2, -70]), np.array([22 + 7.2, -64]), np.array([-7 + 7.2, -76])
    along = (fifth - fourth) / np.linalg.norm(fifth - fourth)
    normal = np.array([along[1], -along[0]])
    assert measured["metacarpal_sign"].value == pytest.approx((third - fourth) @ normal, abs=0.2)


def test_the_carpus_is_measured_along_the_third_metacarpal(measured):
    height = 22 + 10 * 17 / 32 + 12  # from its base down to the joint line of the Radius
    assert measured["carpal_height"].value == pytest.approx(height, abs=0.2)
    assert measured["carpal_height_ratio"].value == pytest.approx(height / 64, abs=0.005)
    assert measured["revised_carpal_height_ratio"].value == pytest.approx(height / 24, abs=0.015)
    assert measured["ulnar_translation"].value == pytest.approx(19 / 64, abs=0.012)  # pixels blunt the styloid


def test_gaps_are_those_between_the_ellipses(measured):
    # The middle fifth of a joint as high as the Lunate; the ellipses part from 3 mm in its middle.
    y = 7 * np.linspace(-0.2, 0.2, 9)
    gap = 19 - 8 * np.sqrt(1 - (y / 9) ** 2) - 8 * np.sqrt(1 - (y / 7) ** 2)
    assert measured["scapholunate_gap"].value == pytest.approx(gap.mean(), abs=0.1)
    angle = np.linspace(0, 2 * np.pi, 4000)
    capitate = np.stack([-5 + 8 * np.cos(angle), 2 + 12 * np.sin(angle)], 1)
    nearest = np.linalg.norm(capitate - [17, 12], axis=1).min() - 6
    assert measured["capitate_triquetrum_distance"].value == pytest.approx(nearest, abs=0.1)


def test_the_forearm_is_measured_along_its_own_axes(measured):
    assert measured["radial_inclination"].value == pytest.approx(np.degrees(np.arctan2(10, 32)), abs=0.8)
    assert measured["radial_height"].value == pytest.approx(10, abs=0.5)
    assert measured["ulnar_variance"].value == pytest.approx(2, abs=0.4)
    assert measured["lunate_subsidence"].value == pytest.approx(-6, abs=0.3)
    assert measured["distal_width", "Ulna"].value == pytest.approx(27 - (11 + 3 / 12), abs=0.2)


def test_ulnar_tilt_is_that_of_the_tangent_to_two_ellipses(measured):
    def apart(angle):
        normal = np.array([np.sin(angle), np.cos(angle)])
        reach = [
            normal @ c + np.hypot(a * normal[0], b * normal[1]) for c, a, b in (((-17, 17), 8, 9), ((2, 17), 8, 7))
        ]
        return reach[0] - reach[1]

    tilt = -np.degrees(brentq(apart, -0.5, 0.5))
    assert measured["ulnar_tilt"].value == pytest.approx(tilt, abs=0.5)
    assert tilt < 0  # its Scaphoid reaches farther down than its Lunate


def test_a_straight_hand_has_no_angles(measured):
    angles = [
        measured["wrist_angle"],
        *(measured[n, t] for n in ("finger_deviation", "clinodactyly") for t in MEASURES[n].targets),
    ]
    assert [m.value for m in angles] == pytest.approx([0] * 9, abs=0.3)


@pytest.mark.parametrize(("left", "away"), [(False, 12.0), (True, 12.0), (False, -12.0)])
def test_angles_are_positive_away_from_the_thumb(left, away):
    hand = PlainHand(left=left)
    hand = hand.moved("PP5", "MP5", "DP5", degrees=away, about=(22, -65)).moved("DP2", degrees=away, about=(-22, -145))
    measured = measure_hand(hand.masks())
    assert measured["finger_deviation", "PP5-MC5"].value == pytest.approx(away, abs=0.4)
    assert measured["clinodactyly", "DP2-MP2"].value == pytest.approx(away, abs=0.4)
    assert measured.side == ("left" if left else "right")


@pytest.mark.parametrize("wall", [1.5, 2.0, 2.6])
def test_radiogrammetry_of_hollow_cylinders(wall):
    hand = PlainHand(pixel_mm=(0.12, 0.12))
    measured = measure_hand(hand.masks(), image=hand.image(wall), scale=Scale("user", (0.12, 0.12)))
    t, w, length = wall, 9.0, np.array([66, 64, 58])
    index = np.pi * t * (1 - t / w) / w
    assert measured["cortical_thickness", "MC2-4"].value == pytest.approx(t, rel=0.05)
    assert measured["metacarpal_cortical_index", "MC3"].value == pytest.approx(index, rel=0.04)
    assert measured["cortical_percentage"].value == pytest.approx(200 * t / w, rel=0.05)
    health = (np.pi * t * (1 - t / w) / (length * w) ** 0.33).mean()
    assert measured["bone_health_index", "MC2-4"].value == pytest.approx(health, rel=0.04)
    assert measured["paediatric_bone_index", "MC2-4"].value == pytest.approx(health, rel=0.04)


def _values(hand: PlainHand, scale=None):
    measured = measure_hand(hand.masks(), scale=scale)
    return {(m.measure.name, m.target): (m.measure.kind, m.value) for m in measured if m.value is not None}


def _compare(values, others, *, lengths, apart=0.35):
    """Every value is there in both; lengths differ by a factor, everything else by nothing."""
    assert values.keys() == others.keys() and len(values) > 70
    allowed = {"length": apart, "ratio": 0.01, "degrees": 0.9}
    for key, (kind, value) in values.items():
        expected = value * (lengths if kind == "length" else 1)
        large = 3 if key[0] in ("metacarpal_index", "revised_carpal_height_ratio", "radial_inclination") else 1
        assert others[key][1] == pytest.approx(expected, abs=allowed[kind] * large), key


def test_twice_the_pixels_double_lengths_and_leave_ratios_and_angles():
    _compare(_values(PlainHand()), _values(PlainHand(pixel_mm=(0.125, 0.125))), lengths=2, apart=1.5)


@pytest.mark.parametrize("degrees", [30, -75, 180])
def test_a_turned_hand_measures_the_same(degrees):
    _compare(_values(PlainHand(forearm_mm=200), SCALE), _values(PlainHand(degrees=degrees), SCALE), lengths=1)


def test_a_mirrored_hand_measures_the_same():
    _compare(_values(PlainHand(), SCALE), _values(PlainHand(left=True), SCALE), lengths=1, apart=0.15)


@pytest.mark.parametrize("pixel_mm", [(0.125, 0.2), (0.2, 0.125)])
def test_rows_and_columns_may_differ(pixel_mm):
    columns, rows = pixel_mm
    _compare(
        _values(PlainHand(), SCALE), _values(PlainHand(pixel_mm=pixel_mm), Scale("user", (rows, columns))), lengths=1
    )


def test_without_a_scale_lengths_are_pixels():
    measured = measure_hand(PlainHand().masks())
    assert measured["length", "MC3"].value == pytest.approx(4 * 64, abs=1) and measured["length", "MC3"].unit == "px"
    assert measured["carpal_height_ratio"].unit == ""


def test_the_side_needs_more_than_one_finger():
    others = tuple(name for name in ("Radius", "Ulna", *LENGTH) if not name.endswith("3"))
    carpals = ("Scaphoid", "Triquetrum", "Trapezium", "Hamate")
    hand = Hand(PlainHand().masks(without=(*others, *carpals)))
    with pytest.raises(Refused, match="thumb's side"):
        _ = hand.side


def test_every_measure_says_what_it_is():
    for measure, field in product(MEASURES.values(), ("definition", "landmarks", "source", "normal", "repeatability")):
        assert len(getattr(measure, field)) > 5 and measure.aim is not None
        assert len(measure.title.split()) < 20
