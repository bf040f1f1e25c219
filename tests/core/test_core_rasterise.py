"""Training targets against the contest's masks, sampled densely and averaged over the area of each grid pixel."""

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from masks_toys import blob, contest_mask, hand_of_blobs

from handbone.anatomy import COUNT
from handbone.core.errors import HandboneError
from handbone.core.frame import Frame
from handbone.core.rasterise import coverage

IMAGE = (512, 512)


def averaged_over_area(mask: np.ndarray, frame: Frame, samples: int) -> np.ndarray:
    """The share of each grid pixel that a mask of the image covers, by brute force."""
    rows, columns = frame.size_hw
    x = (np.arange(columns * samples) + 0.5) / samples - 0.5
    y = (np.arange(rows * samples) + 0.5) / samples - 0.5
    inverse = frame.inverse_matrix
    u = np.rint(inverse[0, 0] * x + inverse[0, 1] * y[:, None] + inverse[0, 2]).astype(int)
    v = np.rint(inverse[1, 0] * x + inverse[1, 1] * y[:, None] + inverse[1, 2]).astype(int)
    inside = (u >= 0) & (v >= 0) & (u < mask.shape[1]) & (v < mask.shape[0])
    sampled = np.zeros(inside.shape)
    sampled[inside] = mask[v[inside], u[inside]]
    return sampled.reshape(rows, samples, columns, samples).mean((1, 3))


def soft_dice(a: np.ndarray, b: np.ndarray) -> float:
    return 2 * np.minimum(a, b).sum() / (a.sum() + b.sum())


@pytest.mark.parametrize("shrink", [2, 4, 8])
def test_a_letterbox_target_is_the_averaged_contest_mask(shrink):
    polygons = hand_of_blobs(IMAGE[0])
    frame = Frame.letterbox(IMAGE, (IMAGE[0] // shrink, IMAGE[1] // shrink))
    targets = coverage(polygons, frame) / 255
    for index in range(0, COUNT, 4):
        mask = contest_mask(polygons[index], IMAGE).astype(float)
        expected = cv2.resize(mask, frame.size_hw[::-1], interpolation=cv2.INTER_AREA)
        # At 2 the lattices differ by half a sample along slanted edges; from 4 on they are the same.
        assert np.abs(targets[index] - expected).max() < (0.4 if shrink == 2 else 0.003)
        assert abs(targets[index].sum() / expected.sum() - 1) < 0.005


@pytest.mark.parametrize("degrees", [0.0, 17.0, -60.0])
@pytest.mark.parametrize("scale", [0.25, 0.4, 0.5, 0.75, 1.0, 2.0])
def test_targets_of_turned_windows_agree_without_bias(scale, degrees):
    rng = np.random.default_rng(5)
    agreement, excess = [], []
    for index in range(12):
        centre = rng.uniform(80, 120, 2)
        polygon = blob(centre, 24, rng)
        # No two windows lie alike on the image's grid.
        middle = tuple(centre + rng.uniform(-1, 1, 2))
        frame = Frame.around(middle, 120, round(120 * scale), degrees=degrees, mirrored=index % 2 == 1)
        target = coverage({index: [polygon]}, frame)[index] / 255
        mask = contest_mask([polygon], (200, 200))
        expected = averaged_over_area(mask, frame, samples=6 if scale < 2 else 3)
        agreement.append(soft_dice(target, expected))
        excess.append((target.sum() - expected.sum()) / frame.scale**2)
    # What is missing to 1 is the stairs of the contest's own mask, half an image pixel high.
    assert np.mean(agreement) > 0.99
    # Per pixel of a contour of about 230 pixels.
    assert abs(np.mean(excess)) / 230 < 0.03


def test_targets_keep_what_nearest_neighbour_loses():
    polygons = hand_of_blobs(1024, seed=2)
    frame = Frame.letterbox((1024, 1024), (256, 256))
    targets = coverage(polygons, frame)
    averaged, nearest = [], []
    for index in range(0, COUNT, 3):
        mask = contest_mask(polygons[index], (1024, 1024))
        small = cv2.resize(mask.astype(np.uint8), (256, 256), interpolation=cv2.INTER_NEAREST)
        for plane, scores in ((targets[index] / 255, averaged), (small.astype(float), nearest)):
            again = cv2.resize(plane, (1024, 1024), interpolation=cv2.INTER_LINEAR) >= 0.5
            scores.append(2 * (again & mask).sum() / (again.sum() + mask.sum()))
    assert np.mean(averaged) > 0.99
    assert np.mean(averaged) > np.mean(nearest) + 0.02


@settings(deadline=None, max_examples=40)
@given(st.floats(-60, 120), st.floats(-60, 120), st.floats(10, 60), st.integers(0, 99))
def test_polygons_partly_outside_are_clipped_not_dropped(x, y, radius, seed):
    polygon = blob((x, y), radius, np.random.default_rng(seed))
    whole = coverage({0: [polygon + 200]}, size_hw=(464, 464), outline=1.0)[0]
    window = coverage({0: [polygon]}, size_hw=(64, 64), outline=1.0)[0]
    # Of the nine samples a pixel, OpenCV moves a few where it clips a line at the border of what it draws on.
    difference = np.abs(window.astype(int) - whole[200:264, 200:264])
    assert difference.max() < 128
    assert difference.sum() <= 255 * 6


def test_a_polygon_around_the_whole_grid_covers_all_of_it():
    polygon = np.array([[-500.0, -500], [900, -500], [900, 900], [-500, 900]])
    assert (coverage({3: [polygon]}, size_hw=(40, 30), outline=0.5)[3] == 255).all()


def test_grid_points_and_image_points_agree():
    polygons = hand_of_blobs(IMAGE[0], seed=1)
    frame = Frame.around((250, 260), 300, 128, degrees=20, mirrored=True)
    moved = {index: [frame.to_grid(polygon) for polygon in polygons] for index, polygons in polygons.items()}
    from_grid = coverage(moved, size_hw=frame.size_hw, outline=frame.scale)
    assert np.array_equal(coverage(polygons, frame), from_grid)


def test_orientation_and_repeated_points_do_not_matter():
    polygon = blob((60, 60), 25, np.random.default_rng(0))
    frame = Frame.letterbox((128, 128), (96, 96))
    expected = coverage({0: [polygon]}, frame)[0].astype(int)
    assert np.abs(coverage({0: [polygon[::-1]]}, frame)[0] - expected).max() <= 60
    assert np.array_equal(coverage({0: [np.repeat(polygon, 2, axis=0)]}, frame)[0], expected)


def test_several_polygons_of_a_bone_are_joined():
    square = np.array([[10.0, 10], [30, 10], [30, 30], [10, 30]])
    target = coverage({2: [square, square + 10, square + np.array([60, 0])]}, size_hw=(100, 100), outline=1.0)[2]
    assert target[25, 25] == 255
    assert (target > 127).sum() == 2 * 21 * 21 - 11 * 11 + 21 * 21


def test_an_outline_of_zero_keeps_the_polygon_s_own_area():
    polygon = np.array([[10.0, 10], [30, 10], [30, 30], [10, 30]])
    assert coverage({0: [polygon]}, size_hw=(64, 64), outline=0)[0].sum() / 255 == pytest.approx(20 * 20, rel=0.02)


def test_absent_bones_are_empty_and_thin_ones_are_not():
    target = coverage(
        {1: [], 2: [np.array([[5.0, 5], [40, 40]])], 3: [np.array([[9.0, 9]])]}, size_hw=(64, 64), outline=1
    )
    assert target.dtype == np.uint8
    assert target.shape == (COUNT, 64, 64)
    assert target[2].any()
    assert not target[[0, 1]].any()


@pytest.mark.parametrize("polygon", [np.ones((3, 3)), np.ones(6), np.full((3, 2), np.inf)])
def test_wrong_polygons_are_named(polygon):
    with pytest.raises(HandboneError, match="a polygon of finger-3"):
        coverage({2: [polygon]}, size_hw=(8, 8), outline=1.0)


def test_a_grid_without_scale_is_refused():
    with pytest.raises(HandboneError, match="needs either a frame, or size_hw and outline"):
        coverage({}, size_hw=(8, 8))
