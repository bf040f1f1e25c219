"""Bending at the wrist: an exact map without folds, that leaves the forearm and turns the hand as one."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from handbone.anatomy import CARPALS, COUNT, INDEX, METACARPALS
from handbone.data.bend import FOREARM_HALF, HAND_HALF, Bend, Wrist
from handbone.data.pose import BENT_DEGREES, bend_degrees, pose, thumb_side
from handbone.method.pose.canonical import CENTROIDS_XY

PIVOT = (150.0, 160.0)
BENDS = st.builds(
    lambda hand, forearm, angle: Bend(Wrist(PIVOT, hand, forearm), angle),
    st.floats(-np.pi, np.pi),
    st.floats(-np.pi, np.pi),
    st.floats(-3, 3),
)


def around(radius, count=360):
    angle = np.linspace(-np.pi, np.pi, count, endpoint=False)
    return angle, np.column_stack([np.cos(angle), np.sin(angle)]) * radius + PIVOT


def apart(angles, middle):
    return np.abs((angles - middle + np.pi) % (2 * np.pi) - np.pi)


@settings(max_examples=60)
@given(BENDS, st.floats(1, 140))
def test_distances_from_the_wrist_stay_and_directions_keep_their_order(bend, radius):
    _, points = around(radius)
    moved = bend.move(points) - PIVOT
    assert np.linalg.norm(moved, axis=1) == pytest.approx(radius)
    after = np.arctan2(moved[:, 1], moved[:, 0])
    steps = (np.diff(after, append=after[:1]) + np.pi) % (2 * np.pi) - np.pi
    # Going round once comes round once, and nowhere back: no fold and no gap.
    assert (steps > 0).all() and steps.sum() == pytest.approx(2 * np.pi)
    assert steps.min() > 0.35 * 2 * np.pi / 360, "nothing is squeezed flat"


@settings(max_examples=60)
@given(BENDS, st.floats(1, 140))
def test_the_forearm_stays_and_the_hand_turns_by_the_angle(bend, radius):
    angle, points = around(radius)
    moved = bend.move(points) - PIVOT
    start, end = bend._hand_sector()
    if start <= 2 * FOREARM_HALF or end >= 2 * np.pi:
        # The sectors overlap, as only wrong labels say: the image would be folded.
        assert bend.angle == 0 and moved == pytest.approx(points - PIVOT)
    still = apart(angle, bend.wrist.forearm) < FOREARM_HALF - 0.01
    assert moved[still] == pytest.approx(points[still] - PIVOT, abs=1e-6)
    turned = apart(angle, bend.wrist.hand) < HAND_HALF - 0.01
    turns = np.arctan2(moved[turned][:, 1], moved[turned][:, 0]) - angle[turned]
    assert apart(turns, bend.angle).max(initial=0) < 1e-6


@settings(max_examples=40)
@given(BENDS, st.floats(-40, 40))
def test_every_pixel_comes_from_the_point_that_moves_there(bend, shift):
    bend = Bend(bend.wrist, bend.angle, shift)
    x, y = bend.sources((300, 320))
    rng = np.random.default_rng(0)
    rows, columns = rng.integers(0, 300, 60), rng.integers(0, 320, 60)
    back = bend.move(np.column_stack([x[rows, columns], y[rows, columns]]))
    assert np.abs(back - np.column_stack([columns, rows])).max() < 0.01


@settings(max_examples=40)
@given(BENDS, st.integers(0, 10**6))
def test_points_that_a_bend_turns_out_of_the_image_come_back(bend, seed):
    points = np.random.default_rng(seed).uniform([5, 5], [295, 315], (20, 2))
    kept = bend.kept_inside(points, 300)
    moved, plain = kept.move(points), bend.move(points)
    assert moved - plain == pytest.approx(np.tile([kept.shift_x, 0.0], (20, 1)))
    if np.ptp(plain[:, 0]) < 299:
        assert moved[:, 0].min() > -1e-6 and moved[:, 0].max() < 299 + 1e-6
    if plain[:, 0].min() >= 0 and plain[:, 0].max() <= 299:
        assert kept.shift_x == 0


def test_no_bend_moves_nothing():
    bend = Bend(Wrist(PIVOT, -1.5, 1.6), 0.0)
    _, points = around(80.0)
    assert bend.move(points) == pytest.approx(points)
    x, y = bend.sources((7, 9))
    assert np.allclose(x, np.arange(9)[None], atol=1e-3) and np.allclose(y, np.arange(7)[:, None], atol=1e-3)


@pytest.mark.parametrize("wanted", [-10.0, -0.5, 0.5, 10.0])
def test_a_bend_goes_only_as_far_as_the_sectors_beside_the_hand_keep_two_fifths(wanted):
    """A straight hand has 105 degrees between it and its forearm on either side."""
    bend = Bend(Wrist(PIVOT, -np.pi / 2, np.pi / 2), wanted)
    room = np.pi - HAND_HALF - FOREARM_HALF
    assert bend.angle == pytest.approx(np.clip(wanted, -0.6 * room, 0.6 * room))


def centroids(degrees=0.0, mirrored=False, turned=0.0):
    """The canonical hand, its fingers and metacarpals turned against the rest away from the thumb, in pixels."""
    points = CENTROIDS_XY * 300.0
    angle = np.deg2rad(degrees)
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    fingers = np.arange(COUNT) < 19
    pivot = points[INDEX["Capitate"]]
    points = np.where(fingers[:, None], (points - pivot) @ turn + pivot, points)
    if mirrored:
        points = points * (-1, 1)
    angle = np.deg2rad(turned)
    whole = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    return points @ whole + 700


@pytest.mark.parametrize("turned", [0, 45, 180, -120])
@pytest.mark.parametrize("mirrored", [False, True])
def test_a_wrist_lies_amid_the_carpals_between_hand_and_forearm(mirrored, turned):
    points = centroids(mirrored=mirrored, turned=turned)
    wrist = Wrist.find(points)
    assert wrist.pivot_xy == pytest.approx(points[list(CARPALS)].mean(0))
    assert apart(wrist.hand, wrist.forearm + np.pi) < np.deg2rad(30)
    # A turn in that direction takes the fingers away from the thumb.
    before = thumb_side(points)
    moved = Bend(wrist, 0.4 * wrist.away).move(points)
    assert thumb_side(moved) == before and bend_degrees(moved) > bend_degrees(points)


@pytest.mark.parametrize(
    ("gone", "found"),
    [
        ((), True),
        (CARPALS[:5], True),
        (CARPALS[:6], False),
        (METACARPALS[1:3], True),
        (METACARPALS[1:4], False),
        ((INDEX["Radius"],), True),
        ((INDEX["Radius"], INDEX["Ulna"]), False),
    ],
)
def test_without_enough_bones_there_is_no_wrist(gone, found):
    points = centroids()
    points[list(gone)] = np.nan
    assert (Wrist.find(points) is not None) is found


def test_without_the_outer_fingers_the_thumb_s_side_is_not_known():
    points = centroids()
    points[INDEX["finger-7"]] = np.nan
    assert Wrist.find(points).away == 0


@pytest.mark.parametrize("turned", [0, 33, -170])
@pytest.mark.parametrize("mirrored", [False, True])
def test_a_bend_is_measured_the_same_on_both_sides_and_however_the_image_lies(mirrored, turned):
    straight = bend_degrees(centroids(mirrored=mirrored, turned=turned))
    for degrees in (-60, -30, 10, 30, 60):
        bent = centroids(degrees, mirrored=mirrored, turned=turned)
        assert thumb_side(bent) == thumb_side(centroids(mirrored=mirrored, turned=turned))
        plain = bend_degrees(centroids(degrees))
        assert bend_degrees(bent) == pytest.approx(plain, abs=1e-6)
        assert abs(plain - straight) == pytest.approx(abs(degrees), abs=2 * abs(straight) + 1e-6)
        assert pose(plain) == ("bent" if plain >= BENT_DEGREES else "straight")


@pytest.mark.parametrize("bone", ["Radius", "Capitate", "finger-11"])
def test_without_one_of_three_bones_the_bend_is_not_known(bone):
    points = centroids(30)
    points[INDEX[bone]] = np.nan
    assert np.isnan(bend_degrees(points)) and pose(bend_degrees(points)) == "unknown"


def test_the_limit_of_a_bend_is_inclusive():
    assert (
        pose(BENT_DEGREES) == "bent" and pose(np.nextafter(BENT_DEGREES, 0)) == "straight" and pose(0.0) == "straight"
    )
