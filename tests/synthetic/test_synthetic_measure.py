"""Measurements of synthetic hands, on rectangles and ellipses whose angles, lengths, widths and overlaps are known."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from plain_hands import PlainHand

from handbone import anatomy
from handbone.core.bone_masks import BoneMasks
from handbone.synthetic import measure

MC3 = anatomy.INDEX["finger-11"]


def rectangle(width, length, degrees):
    """Pixels of a rectangle whose long side points `degrees` from y towards x."""
    turn = np.deg2rad(degrees)
    x, y = np.meshgrid(np.arange(-150, 151.0), np.arange(-150, 151.0))
    points = np.stack([x.ravel(), y.ravel()], 1)
    along, across = points @ [np.sin(turn), np.cos(turn)], points @ [np.cos(turn), -np.sin(turn)]
    return points[(np.abs(along) <= length / 2) & (np.abs(across) <= width / 2)]


@settings(max_examples=25)
@given(st.floats(20, 60), st.floats(110, 200), st.floats(-89, 89))
def test_a_rectangle_has_its_angle_and_its_sides(width, length, degrees):
    unit = 100.0
    found = measure.axis_measurements(rectangle(width, length, degrees) / unit, unit)
    apart = (found["angle"] - degrees + 90) % 180 - 90
    # Rows of pixels are whole: a side that slants by less than that is straight.
    assert apart == pytest.approx(0, abs=1.2)
    assert found["len"] == pytest.approx(length / unit, abs=0.03)
    assert found["wid"] == pytest.approx(width / unit, abs=0.03)


@pytest.mark.parametrize("unit", [60.0, 112.0, 448.0])
def test_coarse_images_measure_as_long_as_fine_ones(unit):
    # A bone of one unit, sampled at pixels' centres, is one pixel short.
    points = np.stack([np.zeros(int(unit)), np.arange(unit)], 1) / unit
    assert measure.axis_measurements(points, unit)["len"] == pytest.approx(1 - 1 / 448, abs=1e-9)


@pytest.mark.parametrize("left", [False, True])
@pytest.mark.parametrize("degrees", [0, 40, -100])
def test_the_frame_follows_the_third_metacarpal_and_the_thumb(left, degrees):
    frame, unit = measure.frame_of(PlainHand(degrees=degrees, left=left).masks())
    turn = np.deg2rad(degrees)
    mirror = np.array([-1.0 if left else 1.0, 1.0])
    to_tip, to_thumb = (
        np.array([np.sin(turn), -np.cos(turn)]) * mirror,
        -np.array([np.cos(turn), np.sin(turn)]) * mirror,
    )
    np.testing.assert_allclose(frame, [to_thumb, to_tip], atol=0.01)
    assert unit == pytest.approx(64 / 0.25, rel=0.01)


@pytest.fixture(scope="module")
def plain():
    return measure.bone_measurements(PlainHand().masks())


def test_bones_lie_where_they_lie_in_the_frame_of_the_third_metacarpal(plain):
    # MC3 runs from (-7, -12) up to (-7, -76), 64 mm; x points to the thumb.
    for name, (x, y) in {"Capitate": (-5, 2), "Lunate": (2, 17), "Hamate": (12, -2), "Trapezium": (-28, 4)}.items():
        assert plain[name, "x"] == pytest.approx((-7 - x) / 64, abs=0.01)
        assert plain[name, "y"] == pytest.approx((-44 - y) / 64, abs=0.01)
    for name, (a, b) in {"Capitate": (8, 12), "Scaphoid": (8, 9), "Pisiform": (4, 4)}.items():
        assert plain[name, "area"] == pytest.approx(np.pi * a * b / 64**2, rel=0.03)
    assert plain["Capitate", "len"] == pytest.approx(24 / 64, abs=0.01)
    assert plain["Capitate", "wid"] == pytest.approx(16 / 64, abs=0.01)
    assert plain["Radius", "tip_y"] == pytest.approx((-44 - 22) / 64, abs=0.04)
    assert ("Radius", "area") not in plain and ("Radius", "tip_x") in plain
    assert plain["finger-11", "x"] == pytest.approx(0, abs=1e-6) == plain["finger-11", "angle"]


@pytest.mark.parametrize(("left", "degrees"), [(True, 0), (False, 25), (True, -60)])
def test_mirrored_and_turned_hands_measure_the_same(plain, left, degrees):
    other = measure.bone_measurements(PlainHand(left=left, degrees=degrees, forearm_mm=200).masks())
    for key, value in plain.items():
        # A turned image shows more of the forearm.
        if key[0] not in ("Radius", "Ulna", "wrist") and key[1] != "angle":
            assert other[key] == pytest.approx(value, abs=0.02), key
        if key[1] == "angle" and abs(plain[key[0], "len"] / plain[key[0], "wid"] - 1) > 0.3:
            assert (other[key] - value + 90) % 180 - 90 == pytest.approx(0, abs=1.5), key


@pytest.mark.parametrize("degrees", [-25, 12, 50])
def test_the_wrists_bend_is_that_of_the_hand_against_the_radius(plain, degrees):
    hand = PlainHand(forearm_mm=200)
    fingers = [name for name in hand.polygons if name not in ("Radius", "Ulna")]
    straight, bent = (
        measure.bone_measurements(each.masks())["wrist", "bend"]
        for each in (hand, hand.moved(*fingers, degrees=degrees, about=(-5, 12)))
    )
    assert bent - straight == pytest.approx(degrees, abs=0.6)


def test_overlaps_are_shares_of_the_smaller_bone():
    hand = PlainHand().moved("Pisiform", by=(-5, 0)).moved("Lunate", by=(-9, 0))
    masks = hand.masks()
    found = measure.bone_measurements(masks)
    dense, areas = masks.dense(), masks.areas()
    overlaps = {key[0] for key in found if key[1] == "overlap"}
    for a in range(anatomy.COUNT):
        for b in range(a + 1, anatomy.COUNT):
            share = (dense[a] & dense[b]).sum() / min(areas[a], areas[b])
            key = f"{anatomy.NAMES[a]}|{anatomy.NAMES[b]}"
            assert found.get((key, "overlap"), 0.0) == pytest.approx(share)
            if share:
                assert key in overlaps
    assert found["Lunate|Scaphoid" if ("Lunate|Scaphoid", "overlap") in found else "Scaphoid|Lunate", "overlap"] > 0.1


def test_a_hand_that_lacks_a_bone_or_shows_a_crumb_of_it_is_not_measured():
    masks = PlainHand().masks()
    crumb = np.zeros(masks.size_hw, bool)
    crumb[5:12, 5:12] = True
    assert measure.bone_measurements(PlainHand().masks(without=("Pisiform",))) is None
    assert measure.bone_measurements(masks.replace({anatomy.INDEX["Pisiform"]: crumb})) is None


def bent(degrees, by=0.0):
    hand = PlainHand(forearm_mm=120)
    fingers = [name for name in hand.polygons if name not in ("Radius", "Ulna")]
    return hand.moved("Pisiform", by=(by, 0)).moved(*fingers, degrees=degrees, about=(-5, 12)).masks()


def test_agreement_is_told_by_poses_in_standard_deviations():
    hands = [bent(0), bent(6, by=1.0), bent(25), bent(40), PlainHand().masks(without=("Lunate",))]
    table = measure.agreement(hands)
    straight = [measure.bone_measurements(masks) for masks in hands[:2]]
    row = table.loc[("Pisiform", "x", "straight")]
    values = [each["Pisiform", "x"] for each in straight]
    assert row["drawn_mean"] == pytest.approx(np.mean(values)) and row["drawn_std"] == pytest.approx(
        np.std(values, ddof=1)
    )
    assert row["apart"] == pytest.approx((np.mean(values) - row["mean"]) / row["std"])
    other = table.loc[("Pisiform", "x", "bent")]
    assert other["drawn_mean"] == pytest.approx(measure.bone_measurements(hands[3])["Pisiform", "x"])
    assert pd.isna(other["drawn_std"]), "one hand alone is bent by more than 30 degrees"
    overlaps = table[table["std"].isna()]
    assert (overlaps["apart"] == overlaps["drawn_mean"] - overlaps["mean"]).all()


def test_angles_near_the_ends_of_their_range_are_near_each_other():
    table = measure.agreement([bent(0), bent(3)])
    angles = table.xs("straight", level="pose").xs("angle", level="measurement")
    assert ((angles["drawn_mean"] - angles["mean"]).abs() <= 90 + 1e-9).all()


def test_the_reference_has_means_and_spreads_of_every_bone_in_both_poses():
    table = measure.reference()
    for name in anatomy.NAMES:
        metrics = measure.FOREARM_METRICS if name in ("Radius", "Ulna") else measure.METRICS
        for metric in metrics:
            if name == "finger-11" and metric in ("x", "y", "angle", "len"):
                continue  # the frame is its own
            for pose in measure.POSES:
                mean, std = table.loc[(name, metric, pose), ["mean", "std"]]
                assert np.isfinite(mean) and std > 0
    overlaps = table.xs("overlap", level="measurement")
    assert overlaps["mean"].between(0, 1).all() and overlaps["std"].isna().all()
    assert isinstance(table, pd.DataFrame) and measure.reference() is table
    assert BoneMasks.from_dense(np.zeros((29, 9, 9), bool)).areas().max() == 0
