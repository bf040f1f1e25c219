"""The pose of a hand: exact where bones lie as in the canonical pose, unmoved by wrong ones, and turning as the image
turns."""

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from handbone.anatomy import COUNT, INDEX, METACARPALS, select
from handbone.method.pose.canonical import CENTROIDS_XY, SPREAD, SQUARE_CENTRE_XY, SQUARE_SIDE
from handbone.method.pose.registration import CUTOFF, fit_pose

ALL = tuple(range(COUNT))
POSES = st.tuples(st.floats(20, 900), st.floats(-180, 180), st.floats(-500, 2500), st.floats(-500, 2500), st.booleans())


def placed(pose, noise=0.0, seed=0):
    """The canonical pose at a size, a clockwise turn and a place, maybe mirrored; (29, 2)."""
    unit, degrees, x, y, mirrored = pose
    points = CENTROIDS_XY + noise * np.random.default_rng(seed).normal(0, 1, (COUNT, 2)) * SPREAD[:, None]
    if mirrored:
        points = points * (-1, 1)
    angle = np.deg2rad(degrees)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    return unit * points @ turn.T + (x, y)


def apart(degrees, others):
    """Difference of two directions."""
    return abs((degrees - others + 180) % 360 - 180)


@settings(max_examples=50)
@given(POSES, st.sets(st.integers(0, COUNT - 1), max_size=15))
def test_an_exact_hand_is_found_exactly_however_it_lies(pose, gone):
    unit, degrees, _, _, mirrored = pose
    points = placed(pose)
    points[list(gone)] = np.nan
    best, other = fit_pose(points, ALL)
    assert best.mirrored is mirrored and other.mirrored is not mirrored and best.cost < 1e-9 <= other.cost
    assert best.mc3_length_px == pytest.approx(unit, rel=1e-6) and apart(best.degrees, degrees) < 1e-4
    assert best.place(CENTROIDS_XY) == pytest.approx(placed(pose), abs=1e-3)
    assert set(best.inliers) == set(ALL) - gone and best.outliers == ()


@settings(max_examples=40)
@given(POSES, st.sets(st.integers(0, COUNT - 1), min_size=1, max_size=7), st.integers(0, 10**6))
def test_up_to_a_quarter_of_wrong_bones_do_not_move_an_exact_hand(pose, wrong, seed):
    points, unit = placed(pose), pose[0]
    rng = np.random.default_rng(seed)
    for bone in wrong:
        # Clearly outside of what counts: a cut-off is 3.5 times a bone's usual spread.
        angle, reach = rng.uniform(0, 2 * np.pi), rng.uniform(1.3, 4) * CUTOFF * SPREAD[bone] * unit
        points[bone] += reach * np.array([np.cos(angle), np.sin(angle)])
    best, _ = fit_pose(points, ALL)
    assert set(best.outliers) == wrong and set(best.inliers) == set(ALL) - wrong
    assert best.place(CENTROIDS_XY) == pytest.approx(placed(pose), abs=0.01 * unit)
    assert best.cost >= len(wrong) / COUNT - 1e-6


@settings(max_examples=30)
@given(POSES, POSES, st.integers(0, 10**6))
def test_a_fit_turns_and_grows_with_the_image(pose, change, seed):
    """Similarity: what is fitted to a moved image is the moved fit."""
    assume(not change[4])
    points = placed((pose[0], pose[1], 0.0, 0.0, pose[4]), noise=0.5, seed=seed)
    grown, angle = change[0] / 300, np.deg2rad(change[1])
    turn = grown * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    moved = points @ turn.T + change[2:4]
    (one, _), (other, _) = fit_pose(points, ALL), fit_pose(moved, ALL)
    assert other.mirrored is one.mirrored and other.inliers == one.inliers
    assert other.mc3_length_px == pytest.approx(grown * one.mc3_length_px, rel=1e-5)
    assert apart(other.degrees, one.degrees + change[1]) < 1e-3
    assert other.cost == pytest.approx(one.cost, abs=1e-6)


@settings(max_examples=30)
@given(POSES, st.integers(0, 10**6))
def test_the_mirror_image_of_an_image_has_the_mirrored_fit(pose, seed):
    points = placed(pose, noise=0.5, seed=seed)
    (one, two), (other, rest) = fit_pose(points, ALL), fit_pose(points * (-1, 1), ALL)
    assert one.mirrored is not other.mirrored
    assert (one.cost, two.cost) == pytest.approx((other.cost, rest.cost), abs=1e-6)
    assert apart(one.degrees, -other.degrees) < 1e-3


def test_only_the_bones_that_are_asked_for_have_a_say():
    points = placed((300, 20, 500, 700, False))
    carpals = select("carpals,metacarpals")
    points[[b for b in ALL if b not in carpals]] += 4000
    best, _ = fit_pose(points, carpals)
    assert best.cost < 1e-9 and set(best.inliers) == set(carpals)


@pytest.mark.parametrize("bones", [(), (3,), (INDEX["Lunate"],)])
def test_fewer_than_two_bones_have_no_pose(bones):
    assert fit_pose(placed((300, 0, 0, 0, False)), bones) is None
    gone = np.full((COUNT, 2), np.nan)
    gone[list(bones)] = 5.0
    assert fit_pose(gone, ALL) is None


def test_two_bones_are_always_fitted_and_a_half_known_place_counts_as_none():
    points = np.full((COUNT, 2), np.nan)
    points[[3, 21]] = (10, 20), (400, 90)
    points[5] = (7, np.nan)
    for fit in fit_pose(points, ALL):
        assert fit.inliers == (3, 21) and fit.cost == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize("mirrored", [False, True])
@pytest.mark.parametrize("degrees", [-170, -45, 0, 90])
def test_in_its_square_the_hand_stands_upright(degrees, mirrored):
    best, _ = fit_pose(placed((200, degrees, 900, 700, mirrored)), ALL)
    frame = best.square(430, mirrored=mirrored)
    grid = frame.to_grid(best.place(CENTROIDS_XY))
    # 430 pixels for 4.3 lengths of the third metacarpal, around the square's centre.
    expected = (CENTROIDS_XY - SQUARE_CENTRE_XY) * (430 / SQUARE_SIDE) + (430 - 1) / 2
    assert grid == pytest.approx(expected, abs=1e-3)
    assert grid[list(METACARPALS)][:, 1].max() < grid[INDEX["Radius"], 1]


def test_a_bone_is_inside_up_to_three_and_a_half_times_its_spread():
    for share, inside in ((0.97, True), (1.03, False)):
        points = placed((1000, 0, 0, 0, False))
        points[INDEX["Hamate"], 0] += share * CUTOFF * SPREAD[INDEX["Hamate"]] * 1000
        best, _ = fit_pose(points, ALL)
        assert (INDEX["Hamate"] in best.inliers) is inside


@pytest.mark.parametrize("bone", ["Lunate", "finger-9", "Radius"])
@pytest.mark.parametrize(("spreads", "agrees"), [(0.0, True), (3.2, True), (3.8, False), (9.0, False)])
def test_a_bone_agrees_within_three_and_a_half_of_its_usual_spreads(bone, spreads, agrees):
    index = INDEX[bone]
    points = placed((110.0, 0.0, 256.0, 330.0, False))
    points[index, 0] += spreads * SPREAD[index] * 110.0
    fit, _ = fit_pose(points, ALL)
    assert (index in fit.inliers) is agrees and (index in fit.outliers) is not agrees
    assert len(fit.inliers) >= COUNT - 1
