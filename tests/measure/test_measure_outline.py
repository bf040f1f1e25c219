"""Contours below the pixel: shapes whose areas, reaches, cuts and gaps are known."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.path import Path

from handbone.core.bone_masks import BoneMasks
from handbone.measure.outline import Outline, across

SQUARE = np.ones(2)
BONE = 3


def masks(shape, size_hw=(160, 180)):
    """A bone whose pixels' centres (x, y) fulfil a condition."""
    y, x = np.mgrid[: size_hw[0], : size_hw[1]]
    return BoneMasks.from_crops({BONE: (shape(x, y), (0, 0))}, size_hw)


def ellipse(cx, cy, a, b, degrees=0.0):
    turn = np.deg2rad(degrees)

    def shape(x, y):
        u, v = (x - cx) * np.cos(turn) + (y - cy) * np.sin(turn), (y - cy) * np.cos(turn) - (x - cx) * np.sin(turn)
        return (u / a) ** 2 + (v / b) ** 2 <= 1

    return Outline.of_bone(masks(shape), BONE, SQUARE)


ELLIPSES = st.tuples(st.floats(70, 100), st.floats(70, 90), st.floats(20, 45), st.floats(15, 40), st.floats(0, 180))


@settings(max_examples=25)
@given(ELLIPSES)
def test_an_ellipse_has_its_area_its_middle_and_its_axes(shape):
    cx, cy, a, b, degrees = shape
    outline = ellipse(*shape)
    assert outline.area == pytest.approx(np.pi * a * b, rel=0.02)
    assert outline.centroid == pytest.approx([cx, cy], abs=0.1) and outline.other_share == 0
    direction, ratio = outline.principal_direction
    assert ratio == pytest.approx(max(a, b) / min(a, b), rel=0.02)
    if abs(a - b) > 5:
        long = np.deg2rad(degrees + (0 if a > b else 90))
        assert abs(direction @ [np.cos(long), np.sin(long)]) == pytest.approx(1, abs=0.01)
    first, second = outline.greatest_length()
    assert np.linalg.norm(first - second) == pytest.approx(2 * max(a, b), abs=1.2)


@settings(max_examples=40)
@given(ELLIPSES, st.floats(0, 360))
def test_how_far_an_ellipse_reaches_in_any_direction(shape, towards):
    cx, cy, a, b, degrees = shape
    outline, angle = ellipse(*shape), np.deg2rad(towards)
    direction = np.array([np.cos(angle), np.sin(angle)])
    local = angle - np.deg2rad(degrees)
    far = np.hypot(a * np.cos(local), b * np.sin(local))
    middle = np.array([cx, cy]) @ direction
    assert outline.reach(direction) == pytest.approx((middle - far, middle + far), abs=0.7)
    assert outline.support(direction) @ direction == pytest.approx(outline.reach(direction)[1])


@pytest.mark.parametrize("spacing", [(1.0, 1.0), (0.25, 0.25), (0.5, 0.2)])
def test_lengths_come_in_the_unit_of_the_pixel(spacing):
    pixel_xy = np.array(spacing)
    block = masks(lambda x, y: (x >= 20) & (x < 60) & (y >= 30) & (y < 110))
    outline = Outline.of_bone(block, BONE, pixel_xy)
    # Pixels are squares around their centres: 40 of them are 40 wide, corners a little rounded.
    assert outline.area == pytest.approx(40 * 80 * np.prod(spacing), rel=0.005)
    assert outline.reach(np.array([1.0, 0.0])) == pytest.approx((19.5 * spacing[0], 59.5 * spacing[0]), abs=0.02)
    assert outline.reach(np.array([0.0, 1.0])) == pytest.approx((29.5 * spacing[1], 109.5 * spacing[1]), abs=0.02)
    assert outline.pixel == max(spacing)


def test_lines_across_cut_a_block_at_its_sides_and_miss_it_beside():
    outline = Outline.of_bone(masks(lambda x, y: (x >= 20) & (x < 60) & (y >= 30) & (y < 110)), BONE, SQUARE)
    down = np.array([0.0, 1.0])
    cuts = outline.slices(down, np.array([20.0, 31.5, 70.0, 105.0, 120.0]))
    # across(down) is minus x: least is the right side.
    assert across(down).tolist() == [-1.0, 0.0]
    assert np.isnan(cuts[[0, 4]]).all() and cuts[1:4] == pytest.approx(np.array([[-59.5, -19.5]] * 3), abs=0.05)


@settings(max_examples=30)
@given(ELLIPSES, st.floats(-0.8, 0.8))
def test_a_chord_of_an_ellipse(shape, share):
    cx, cy, a, b, degrees = shape
    outline, turn = ellipse(*shape), np.deg2rad(degrees)
    along = np.array([np.cos(turn), np.sin(turn)])
    half = b * np.sqrt(1 - share**2)
    level = np.array([cx, cy]) @ along + share * a
    middle = np.array([cx, cy]) @ across(along)
    cut = outline.slices(along, np.array([level]))[0]
    assert cut == pytest.approx([middle - half, middle + half], abs=0.6)
    start = np.array([cx, cy]) + share * a * along - 100 * across(along)
    assert outline.crossings(start, across(along)) == pytest.approx([100 - half, 100 + half], abs=0.6)


def test_a_line_that_passes_by_meets_nothing():
    assert ellipse(80, 80, 20, 20).crossings(np.array([0.0, 10.0]), np.array([1.0, 0.0])).size == 0


@pytest.mark.parametrize("gap", [3, 12, 40])
@pytest.mark.parametrize("pixel", [1.0, 0.2])
def test_the_gap_between_two_discs_and_where_they_meet(gap, pixel):
    def disc(cx):
        return masks(lambda x, y: (x - cx) ** 2 + (y - 80) ** 2 <= 20**2)

    pixel_xy = np.full(2, pixel)
    one, other = (Outline.of_bone(disc(cx), BONE, pixel_xy) for cx in (40, 80 + gap))
    near, far = one.nearest_points(other)
    assert np.linalg.norm(near - far) == pytest.approx(gap * pixel, abs=0.6 * pixel)
    assert near[0] < far[0] and near[1] == pytest.approx(80 * pixel, abs=2 * pixel)
    assert one.joint_with(other, 1.5 * pixel) == pytest.approx([(60 + gap / 2) * pixel, 80 * pixel], abs=0.8 * pixel)


@settings(max_examples=20)
@given(ELLIPSES, st.integers(0, 10**6))
def test_what_lies_inside_is_what_matplotlib_says(shape, seed):
    outline = ellipse(*shape)
    points = np.random.default_rng(seed).uniform(0, 160, (40, 2))
    found, expected = outline.contains(points), Path(outline.points).contains_points(points)
    near = np.abs(np.linalg.norm(outline.points[None] - points[:, None], axis=2)).min(1) < 0.8
    assert np.array_equal(found[~near], expected[~near])


@pytest.mark.parametrize(("side", "share"), [(0, 0.0), (10, 100 / 1600), (20, 400 / 1600)])
def test_other_parts_are_a_share_of_the_largest(side, share):
    def shape(x, y):
        return ((x < 40) & (y < 40)) | ((x >= 100) & (x < 100 + side) & (y >= 100) & (y < 100 + side))

    outline = Outline.of_bone(masks(shape), BONE, SQUARE)
    assert outline.other_share == pytest.approx(share, abs=0.01) and outline.area == pytest.approx(1600, rel=0.01)


def test_a_hole_is_as_doubtful_as_a_second_part():
    def ring(x, y):
        return (x < 60) & (y < 60) & ~((x >= 20) & (x < 40) & (y >= 20) & (y < 40))

    outline = Outline.of_bone(masks(ring), BONE, SQUARE)
    assert outline.other_share == pytest.approx(400 / 3600, abs=0.01)


@pytest.mark.parametrize("pixels", [0, 1])
def test_nothing_and_a_single_pixel_have_no_outline(pixels):
    assert Outline.of_bone(masks(lambda x, y: (x == 9) & (y == 9) & (pixels > 0)), BONE, SQUARE) is None
