"""Outlines and walls against independent geometry: SciPy's distances, trees, filters and OpenCV's shapes."""

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage
from scipy.spatial import ConvexHull, cKDTree
from scipy.spatial.distance import pdist

from handbone.core.bone_masks import BoneMasks
from handbone.measure.cortex import _INNER, _inner_side, _smoothed
from handbone.measure.outline import Outline, across
from handbone.measure.radiogrammetry import area_over_square, health_index, mean_thickness, percentage

SIZE = 120


def blob(seed, size=SIZE):
    """A random bone in one part, without holes."""
    noise = ndimage.gaussian_filter(np.random.default_rng(seed).normal(size=(size, size)), 7)
    y, x = np.mgrid[:size, :size]
    mask = noise / noise.std() + 3 - 7 * np.hypot(x - size / 2, y - size / 2) / size > 0
    parts, _ = ndimage.label(mask)
    return ndimage.binary_fill_holes(parts == np.bincount(parts[mask]).argmax())


def outline(mask, pixel_xy=(1.0, 1.0)):
    return Outline.of_bone(BoneMasks.from_crops({4: (mask, (0, 0))}, mask.shape), 4, np.array(pixel_xy))


SEEDS = st.integers(0, 10**6)


@settings(max_examples=12)
@given(SEEDS, st.sampled_from([(1.0, 1.0), (0.2, 0.2), (0.15, 0.3)]))
def test_area_and_middle_are_those_of_the_pixels(seed, pixel_xy):
    mask = blob(seed)
    found = outline(mask, pixel_xy)
    y, x = np.nonzero(mask)
    assert found.area == pytest.approx(mask.sum() * np.prod(pixel_xy), rel=0.01)
    np.testing.assert_allclose(found.centroid / pixel_xy, [x.mean(), y.mean()], atol=0.1)
    assert found.pixel == max(pixel_xy) and found.other_share == 0


@settings(max_examples=12)
@given(SEEDS)
def test_the_area_spreads_most_along_the_eigenvector_of_the_pixels(seed):
    mask = blob(seed)
    values, vectors = np.linalg.eigh(np.cov(np.stack(np.nonzero(mask)[::-1])))
    direction, ratio = outline(mask).principal_direction
    assert ratio == pytest.approx(np.sqrt(values[1] / values[0]), rel=0.01)
    if ratio > 1.1:
        assert abs(direction @ vectors[:, 1]) == pytest.approx(1, abs=5e-3)


@settings(max_examples=12)
@given(SEEDS, st.floats(0, 360))
def test_the_greatest_length_is_that_of_all_pairs_and_reaches_those_of_the_hull(seed, degrees):
    found = outline(blob(seed))
    ends = np.subtract(*found.greatest_length())
    assert np.linalg.norm(ends) == pytest.approx(pdist(found.points).max(), rel=1e-6)
    way = np.array([np.cos(np.deg2rad(degrees)), np.sin(np.deg2rad(degrees))])
    hull = found.points[ConvexHull(found.points).vertices] @ way
    assert found.reach(way) == pytest.approx((hull.min(), hull.max()))
    assert found.support(way) @ way == pytest.approx(hull.max())


@settings(max_examples=10)
@given(SEEDS, st.floats(0, 360))
def test_slices_end_where_lines_cross_the_contour_first_and_last(seed, degrees):
    found = outline(blob(seed))
    way = np.array([np.cos(np.deg2rad(degrees)), np.sin(np.deg2rad(degrees))])
    low, high = found.reach(way)
    levels = np.linspace(low - 3, high + 3, 23)
    cuts = found.slices(way, levels)
    for level, (least, greatest) in zip(levels.tolist(), cuts.tolist(), strict=True):
        met = found.crossings(level * way, across(way))
        if low < level < high:
            assert len(met) % 2 == 0 and (least, greatest) == pytest.approx((met[0], met[-1]), abs=1e-9)
        else:
            assert np.isnan([least, greatest]).all() and not len(met)


@settings(max_examples=10)
@given(SEEDS, SEEDS, st.floats(0, 40), st.sampled_from([0.5, 2.0, 6.0]))
def test_bones_meet_where_a_tree_of_their_points_finds_them(seed, other, apart, slack):
    one, two = outline(blob(seed)), outline(blob(other))
    two = Outline(two.points + np.array([SIZE / 2 + apart, 5.0]))
    distances, nearest = cKDTree(two._dense()).query(one._dense())
    mine, theirs = one.nearest_points(two)
    assert np.linalg.norm(mine - theirs) == pytest.approx(distances.min(), abs=1e-9)
    close = distances <= distances.min() + slack
    expected = (one._dense()[close] + two._dense()[nearest[close]]).mean(0) / 2
    # Of points that are equally near, either may count.
    np.testing.assert_allclose(one.joint_with(two, slack), expected, atol=0.05)


@settings(max_examples=10)
@given(SEEDS)
def test_what_lies_inside_is_what_is_filled(seed):
    found = outline(blob(seed))
    filled = np.zeros((SIZE, SIZE), np.uint8)
    cv2.fillPoly(filled, [np.rint(found.points * 256).astype(np.int32)], 1, cv2.LINE_8, 8)
    away = ndimage.binary_erosion(filled, iterations=2) | ~ndimage.binary_dilation(filled, iterations=2)
    y, x = np.nonzero(away)
    np.testing.assert_array_equal(found.contains(np.stack([x, y], 1).astype(float)), filled[away] > 0)


def test_contours_are_walked_in_steps_of_a_quarter_pixel_and_closed():
    for pixel in (1.0, 0.2):
        found = outline(blob(3), (pixel, pixel))
        dense = found._dense()
        steps = np.linalg.norm(np.diff(np.vstack([dense, dense[:1]]), axis=0), axis=1)
        assert steps.max() <= 0.25 * pixel + 1e-9 and np.median(steps) == pytest.approx(0.25 * pixel, rel=1e-6)


@pytest.mark.parametrize("degrees", [0.0, 90.0, 33.0])
def test_across_is_a_quarter_turn_from_x_to_y(degrees):
    turn = np.deg2rad(degrees)
    np.testing.assert_allclose(across(np.array([np.cos(turn), np.sin(turn)])), [-np.sin(turn), np.cos(turn)])


@settings(max_examples=20)
@given(SEEDS, st.floats(0.5, 6.0), st.integers(30, 90))
def test_profiles_are_blurred_as_scipy_does(seed, sigma, count):
    profile = np.random.default_rng(seed).normal(size=count)
    np.testing.assert_allclose(_smoothed(profile, sigma), ndimage.gaussian_filter1d(profile, sigma, mode="reflect"))


def tube_profile(wall, marrow=0.4, background=0.0):
    """Rays through a hollow cylinder of radius 1, over half widths from its middle."""
    steps = np.linspace(-1.35, 1.35, 541)
    outer, inner = (np.sqrt(np.clip(r**2 - steps**2, 0, None)) for r in (1.0, 1.0 - wall))
    return background + 2 * outer - 2 * (1 - marrow) * inner, steps


@pytest.mark.parametrize("wall", [0.2, 0.35, 0.5])
@pytest.mark.parametrize(("marrow", "background"), [(0.4, 0.0), (0.2, 3.0)])
def test_a_wall_ends_where_the_rays_through_a_tube_stop_to_rise(wall, marrow, background):
    profile, steps = tube_profile(wall, marrow, background)
    for side in (profile, profile[::-1]):
        assert _inner_side(side, steps) == pytest.approx(1 - wall, abs=0.04)
    assert _inner_side(1.7 * profile + 9, steps) == _inner_side(profile, steps)


def test_a_solid_bone_s_wall_reaches_no_farther_than_is_looked_at():
    profile, steps = tube_profile(0.9, marrow=1.0)
    assert _INNER[0] - 0.05 <= _inner_side(profile, steps) < 0.9


@given(st.floats(0.5, 4.0), st.floats(8.5, 14.0), st.floats(30, 80))
def test_indices_are_those_of_a_hollow_cylinder(wall, width, length):
    """Of a tube, by what is left of its disc without the marrow's."""
    area = np.pi / 4 * (width**2 - (width - 2 * wall) ** 2)
    assert area_over_square(wall, width, length) == pytest.approx(area / width**2)
    assert health_index(wall, width, length) == pytest.approx(area / width / (length * width) ** 0.33)
    assert percentage(wall, width, length) == pytest.approx(100 * (width - (width - 2 * wall)) / width)
    assert mean_thickness(wall, width, length) == wall
    # Bones twice as large are as healthy per size: only the index with a length's power changes.
    assert area_over_square(2 * wall, 2 * width, 2 * length) == pytest.approx(area_over_square(wall, width, length))
    assert health_index(2 * wall, 2 * width, 2 * length) == pytest.approx(2**0.34 * health_index(wall, width, length))
