"""Long axes, widths and tangents of rectangles, tapered shafts and ellipses whose values are known."""

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.path import Path

from handbone.core.bone_masks import BoneMasks
from handbone.measure.axes import RADIUS_SHAFT, ULNA_SHAFT, LongAxis, width_of_end
from handbone.measure.outline import Outline, across
from handbone.measure.tangents import common_tangent

BONE, SIZE = 3, 260
# Edges of shapes around it that are an even number of pixels wide run between pixels.
MIDDLE = 129.5
UP = np.array([0.0, -1.0])


def outline_of(polygon, pixel_xy=(1.0, 1.0), size=SIZE) -> Outline:
    """The contour of the pixels whose centres lie inside a polygon."""
    left, top = np.maximum(np.floor(np.min(polygon, axis=0)).astype(int), 0).tolist()
    right, bottom = np.minimum(np.ceil(np.max(polygon, axis=0)).astype(int) + 1, size).tolist()
    x, y = np.meshgrid(np.arange(left, right), np.arange(top, bottom))
    inside = Path(polygon).contains_points(np.stack([x.ravel(), y.ravel()], 1)).reshape(x.shape)
    masks = BoneMasks.from_crops({BONE: (inside, (left, top))}, (size, size))
    return Outline.of_bone(masks, BONE, np.array(pixel_xy))


def turned(points, degrees, about=(MIDDLE, MIDDLE)):
    turn = np.deg2rad(degrees)
    matrix = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    return (np.asarray(points, float) - about) @ matrix.T + about


def tube(length, shaft, end=None, skew=0.0):
    """A bone in the middle that stands upright; `skew` makes one end stand out to a side alone."""
    half, wide, top = shaft / 2, (end or shaft) / 2, MIDDLE - length / 2
    left = [(-wide, 0), (-half, 0.22 * length), (-half, 0.78 * length), (-wide, length)]
    right = [(wide + skew, 0), (half, 0.22 * length), (half, 0.78 * length), (wide, length)]
    return np.array([*left, *reversed(right)], float) + np.array([MIDDLE, top])


DEGREES = st.floats(-75, 75)


@settings(max_examples=12)
@given(st.floats(120, 190), st.floats(20, 40), DEGREES)
def test_a_rectangle_is_as_long_and_wide_as_its_sides_whichever_way_it_lies(length, width, degrees):
    outline = outline_of(turned(tube(length, width), degrees))
    way = turned([UP], degrees, (0, 0))[0]
    axis = LongAxis.of_tubular(outline, way)
    assert axis.direction @ way == pytest.approx(1, abs=5e-4)
    # The line through a shaft's centres errs by some tenths of a degree, and corners stand out by its sine.
    assert axis.length == pytest.approx(length, abs=1.8)
    ends = axis.width_at(outline, 0.5)
    assert np.linalg.norm(np.subtract(*ends)) == pytest.approx(width, abs=1.1)
    assert np.mean(ends, axis=0) == pytest.approx([MIDDLE, MIDDLE], abs=0.8)


@pytest.mark.parametrize("degrees", [0, 33, -58, 90])
@pytest.mark.parametrize("skew", [0.0, 14.0, 30.0])
def test_an_end_that_stands_out_turns_the_area_but_not_the_axis(degrees, skew):
    outline = outline_of(turned(tube(150, 22, 36, skew), degrees))
    way = turned([UP], degrees, (0, 0))[0]
    axis = LongAxis.of_tubular(outline, way)
    off = np.degrees(np.arccos(min(1.0, axis.direction @ way)))
    assert off < 0.6
    if skew == 30.0:
        principal = np.degrees(np.arccos(abs(outline.principal_direction[0] @ way)))
        assert principal > 2 * off


def test_the_axis_points_to_where_the_fingertip_is():
    outline = outline_of(tube(150, 22))
    up, down = (LongAxis.of_tubular(outline, way) for way in (UP, -UP))
    np.testing.assert_allclose(up.direction, -down.direction, atol=1e-6)
    np.testing.assert_allclose(up.tip, down.base, atol=1e-3)
    assert up.tip[1] < up.base[1] and up.length == pytest.approx(down.length)


@pytest.mark.parametrize("share", [-0.2, 0.0, 0.25, 0.5, 1.0])
def test_points_of_an_axis_lie_at_their_share_of_the_length(share):
    axis = LongAxis(np.array([3.0, 7.0]), np.array([0.6, -0.8]), -40.0, 60.0)
    place = axis.at(share)
    assert axis.along(place) == pytest.approx(-40 + share * 100)
    assert (place - axis.point) @ across(axis.direction) == pytest.approx(0, abs=1e-12)
    assert axis.length == 100 and axis.base.tolist() == axis.at(0).tolist() and axis.tip.tolist() == axis.at(1).tolist()
    assert axis.along(np.array([axis.base, axis.tip])) == pytest.approx([-40, 60])


@pytest.mark.parametrize("pixel_xy", [(0.25, 0.25), (0.5, 0.2)])
def test_lengths_come_in_millimetres_also_where_pixels_are_no_squares(pixel_xy):
    outline = outline_of(tube(160, 24), pixel_xy)
    axis = LongAxis.of_tubular(outline, UP)
    assert axis.length == pytest.approx(160 * pixel_xy[1], abs=0.2)
    assert np.linalg.norm(np.subtract(*axis.width_at(outline, 0.4))) == pytest.approx(24 * pixel_xy[0], abs=0.2)


def forearm(degrees=0.0, length=220.0, end=40.0, shaft=20.0):
    """The lower arm's bone: a wide end at the top, a shaft that leaves the image below."""
    points = [(-end / 2, 0), (end / 2, 0), (end / 2, 0.6 * end), (shaft / 2, end), (shaft / 2, length)]
    points += [(-shaft / 2, length), (-shaft / 2, end), (-end / 2, 0.6 * end)]
    return turned(np.array(points, float) + np.array([MIDDLE, 29.5]), degrees)


@pytest.mark.parametrize("degrees", [0, 12, -20])
@pytest.mark.parametrize("shaft", [RADIUS_SHAFT, ULNA_SHAFT])
def test_a_forearm_s_axis_is_that_of_its_shaft(degrees, shaft):
    outline = outline_of(forearm(degrees))
    cut = outline.points[:, 1] > SIZE - 3
    axis = LongAxis.of_forearm(outline, UP, shaft, cut)
    way = turned([UP], degrees, (0, 0))[0]
    assert np.degrees(np.arccos(min(1.0, axis.direction @ way))) < 0.7
    assert width_of_end(outline, way) == pytest.approx(40, abs=1.0)


@pytest.mark.parametrize(("seen", "found"), [(50.0, False), (60.0, False), (75.0, True), (110.0, True)])
def test_two_centimetres_of_a_shaft_have_to_be_seen(seen, found):
    """An end of 40 stands for 3 cm: two thirds of the way from 1 to 2 widths are 66."""
    outline = outline_of(forearm(length=seen))
    cut = outline.points[:, 1] > 29.5 + seen - 2
    assert (LongAxis.of_forearm(outline, UP, RADIUS_SHAFT, cut) is not None) is found


@pytest.mark.parametrize("slope", [0.0, 0.5, -0.8])
def test_a_collimator_that_cuts_the_shaft_askew_does_not_turn_its_axis(slope):
    polygon = forearm(length=150.0)
    low = polygon[:, 1] > 150
    polygon[low, 1] += slope * (polygon[low, 0] - MIDDLE)
    outline = outline_of(polygon)
    cut = outline.points[:, 1] > polygon[low, 1].min() - 1
    axis = LongAxis.of_forearm(outline, UP, RADIUS_SHAFT, cut)
    assert np.degrees(np.arccos(min(1.0, axis.direction @ UP))) < 1.0


def test_a_whole_forearm_s_elbow_is_not_taken_for_its_wrist():
    points = forearm(length=200.0)
    elbow = np.array([(20.0, 190), (60, 195), (60, 225), (20, 228)]) + np.array([90, 0])
    x, y = np.meshgrid(np.arange(SIZE), np.arange(SIZE))
    places = np.stack([x.ravel(), y.ravel()], 1)
    inside = Path(points).contains_points(places) | Path(elbow).contains_points(places)
    masks = BoneMasks.from_crops({BONE: (inside.reshape(x.shape), (0, 0))}, (SIZE, SIZE))
    outline = Outline.of_bone(masks, BONE, np.ones(2))
    assert width_of_end(outline, UP) == pytest.approx(40, abs=1.0)


def ellipse(cx, cy, a, b):
    angle = np.linspace(0, 2 * np.pi, 200, endpoint=False)
    return outline_of(np.stack([cx + a * np.cos(angle), cy + b * np.sin(angle)], 1))


@settings(max_examples=8)
@given(st.floats(15, 30), st.floats(15, 40), st.floats(-25, 25), DEGREES)
def test_a_tangent_touches_both_bones_and_leaves_them_on_one_side(a, b, offset, degrees):
    first, second = ellipse(70, 130, a, b), ellipse(180, 130 + offset, b, a)
    side = turned([UP], degrees / 4, (0, 0))[0]
    start, end, normal = common_tangent(first, second, side)
    assert normal @ side > 0 and np.linalg.norm(normal) == pytest.approx(1)
    assert (end - start) @ normal == pytest.approx(0, abs=1e-9)
    for outline, touched in ((first, start), (second, end)):
        assert ((outline.points - touched) @ normal).max() <= 1e-9
        assert np.abs(outline.points - touched).sum(1).min() == 0
    # It is an edge of the hull around both.
    both = np.vstack([first.points, second.points]).astype(np.float32)
    hull = cv2.convexHull(both).reshape(-1, 2)
    assert min(np.linalg.norm(hull - touched, axis=1).min() for touched in (start, end)) < 1e-3


def test_tangents_of_equal_discs_run_parallel_to_their_middles():
    first, second = ellipse(70, 150, 25, 25), ellipse(190, 110, 25, 25)
    start, end, normal = common_tangent(first, second, UP)
    along = np.array([120.0, -40.0]) / np.hypot(120, 40)
    assert abs((end - start) / np.linalg.norm(end - start) @ along) == pytest.approx(1, abs=1e-3)
    assert (start - [70, 150]) @ normal == pytest.approx(25, abs=0.6)


def test_slices_through_a_bone_in_two_arms_reach_from_side_to_side():
    fork = [(40, 40), (60, 40), (60, 120), (100, 120), (100, 40), (120, 40), (120, 160), (40, 160)]
    cuts = outline_of(np.array(fork) - 0.5).slices(np.array([0.0, 1.0]), np.array([60.0, 140.0, 200.0]))
    assert np.sort(np.abs(cuts[0])) == pytest.approx([39.5, 119.5], abs=0.6)
    assert np.sort(np.abs(cuts[1])) == pytest.approx([39.5, 119.5], abs=0.6)
    assert np.isnan(cuts[2]).all()
