"""Contours: what native code can draw, and areas and centroids against the shoelace formula."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from masks_toys import small_masks

from handbone.anatomy import COUNT
from handbone.core.bone_masks import BoneMasks
from handbone.core.errors import HandboneError
from handbone.core.labels import Labels
from handbone.core.polygons import as_numbers, checked_points, contours_of_mask, polygon_areas, polygon_centroids_xy


def star(rng, points=9, centre=(0.0, 0.0), largest=40.0):
    """A polygon that does not cross itself: any radius in each direction."""
    angle = np.sort(rng.uniform(0, 2 * np.pi, points))
    reach = rng.uniform(3, largest, points)
    return np.column_stack([reach * np.cos(angle), reach * np.sin(angle)]) + centre


def shoelace(points):
    """Signed area and its first moments; O'Rourke, Computational Geometry in C, page 22."""
    x, y = points.T
    nx, ny = np.roll(x, -1), np.roll(y, -1)
    cross = x * ny - nx * y
    area = cross.sum() / 2
    return area, ((x + nx) * cross).sum() / 6, ((y + ny) * cross).sum() / 6


@given(st.integers(0, 10**6), st.integers(1, 3), st.booleans())
def test_areas_and_centroids_are_the_shoelace_formula_s(seed, parts, backwards):
    rng = np.random.default_rng(seed)
    polygons = [star(rng, centre=rng.uniform(100, 900, 2)) for _ in range(parts)]
    polygons = [p[::-1] if backwards else p for p in polygons]
    sums = [shoelace(p) for p in polygons]
    # Either direction counts as area.
    signed = [np.array(s) * np.sign(s[0]) for s in sums]
    area, mx, my = np.sum(signed, axis=0)
    assert polygon_areas({3: polygons})[3] == pytest.approx(area, rel=1e-3)
    centroids = polygon_centroids_xy({3: polygons})
    assert centroids[3] == pytest.approx([mx / area, my / area], abs=0.05)
    assert np.isnan(np.delete(centroids, 3, 0)).all() and not np.delete(polygon_areas({3: polygons}), 3).any()


def test_contours_without_area_have_the_mean_of_their_points():
    line = np.array([[0.0, 0.0], [10.0, 0.0], [10.0, 0.0]])
    assert polygon_centroids_xy({0: [line]})[0] == pytest.approx([20 / 3, 0])
    assert np.isnan(polygon_centroids_xy({0: []})[0]).all() and polygon_areas({0: []})[0] == 0


@pytest.mark.parametrize("farthest", [0.0, 1099.0, 1100.0, -1100.0])
def test_points_up_to_ten_sides_beyond_the_image_can_be_drawn(farthest):
    points = np.array([[0.0, 0.0], [farthest, 5.0], [5.0, 5.0]])
    assert checked_points(points, (100, 60)) is points


@pytest.mark.parametrize(
    ("points", "words"),
    [
        (np.zeros((2, 2)), "three or more points"),
        (np.zeros((0, 2)), "three or more points"),
        (np.zeros((4, 3)), "three or more points"),
        (np.zeros(6), "three or more points"),
        (np.array([[0, 0], [1, np.nan], [2, 2]]), "a point that is not a number"),
        (np.array([[0, 0], [1, -np.inf], [2, 2]]), "a point that is not a number"),
        (np.array([[0, 0], [1100.5, 0], [2, 2]]), "a point at 1100.5, far from the image of 60 x 100"),
        (np.array([[0, 0], [5, -1e30], [2, 2]]), "a point at 1e+30"),
        # 400 times from edge to edge: 400 * 60 of at most 100 * 160.
        (np.tile([[0.0, 0.0], [60.0, 0.0]], (200, 1)), "150 times as long as half the image's border"),
    ],
)
def test_contours_that_cannot_be_drawn_are_refused(points, words):
    with pytest.raises(HandboneError) as error:
        checked_points(points.astype(float), (100, 60))
    assert words in str(error.value)


def test_a_contour_may_be_a_hundred_half_borders_long_and_its_closing_edge_counts():
    walk = np.tile([[0.0, 0.0], [60.0, 0.0]], (133, 1))  # 266 edges of 60: 15960 of 16000
    assert len(checked_points(walk, (100, 60))) == 266
    with pytest.raises(HandboneError, match="as long as"):
        checked_points(np.vstack([walk, [[0.0, 0.0], [20.0, 60.0]]]), (100, 60))


@pytest.mark.parametrize(
    ("value", "shape"),
    [
        ([[1, 2], [3, 4.5]], (2, 2)),
        ([1, 2, 3], (3,)),
        ([], (0,)),
        ([["1", "2"]], (0, 2)),
        ("text", (0, 2)),
        (None, (0, 2)),
        ({"a": 1}, (0, 2)),
        ([[1, 2], [3]], (0, 2)),
        ([[10**30, 1]], (0, 2)),
        ([[True, False]], (0, 2)),
        ([[1, None]], (0, 2)),
    ],
)
def test_only_numbers_are_coordinates(value, shape):
    found = as_numbers(value)
    assert found.shape == shape and found.dtype == np.float64


def test_lists_nested_without_end_are_no_coordinates():
    deep = []
    for _ in range(100_000):
        deep = [deep]
    assert as_numbers(deep).shape == (0, 2)


@given(small_masks(), st.integers(-3, 30), st.integers(-3, 30))
def test_contours_of_a_mask_fill_to_it_where_it_has_no_holes(mask, left, top):
    """Single pixels, lines and parts that touch at corners included."""
    polygons = contours_of_mask(mask, (left, top))
    assert all(len(p) >= 3 and p.dtype == np.float32 for p in polygons)
    size_hw = mask.shape[0] + 40, mask.shape[1] + 40
    filled = BoneMasks.from_polygons({0: [p + 3 for p in polygons]}, size_hw).mask(0)
    expected = np.zeros(size_hw, bool)
    expected[top + 3 : top + 3 + mask.shape[0], left + 3 : left + 3 + mask.shape[1]] = mask
    from scipy.ndimage import binary_fill_holes

    # OpenCV's outer contours join pixels that touch at corners: what they enclose is filled.
    eight = binary_fill_holes(expected)
    assert (filled | ~expected).all() and (filled <= eight).all()


def test_labels_are_their_masks_where_the_file_has_masks_and_else_filled():
    square = np.array([[2, 2], [6, 2], [6, 6], [2, 6]], np.float32)
    labels = Labels((9, 9), {4: [square]})
    assert labels.masks().areas()[4] == 25 and labels.centroids_xy()[4] == pytest.approx([4, 4])
    ring = labels.masks().mask(4)
    ring[4, 4] = False
    exact = BoneMasks.from_crops({4: (ring, (0, 0))}, (9, 9))
    assert Labels((9, 9), {4: [square]}, exact=exact).masks() is exact
    assert np.isnan(labels.centroids_xy()).sum() == 2 * (COUNT - 1)
