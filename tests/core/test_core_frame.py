"""Frames: image to grid and back, exactly, whatever the turn, scale or mirror."""

import json

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from handbone.core.errors import ShapeError
from handbone.core.frame import Frame

FRAMES = st.builds(
    Frame.around,
    st.tuples(st.floats(-200, 2300), st.floats(-200, 2300)),
    st.floats(64, 2500),
    st.sampled_from([64, 512, 1000]),
    degrees=st.floats(-180, 180),
    mirrored=st.booleans(),
)


@given(FRAMES, st.lists(st.tuples(st.floats(-500, 3000), st.floats(-500, 3000)), min_size=1, max_size=8))
def test_points_come_back_where_they_were(frame, points):
    points = np.array(points)
    assert np.abs(frame.to_image(frame.to_grid(points)) - points).max() < 0.05


@given(FRAMES)
def test_json_round_trip(frame):
    assert Frame.from_json(json.loads(json.dumps(frame.to_json()))) == frame


@given(st.integers(1, 3000), st.integers(1, 3000), st.sampled_from([64, 1024]))
def test_letterbox_holds_the_whole_image_centred_at_its_aspect_ratio(height, width, size):
    frame = Frame.letterbox((height, width), (size, size))
    corners = frame.to_grid(np.array([[-0.5, -0.5], [width - 0.5, height - 0.5]]))
    assert corners.min() >= -0.5 - 1e-6
    assert corners.max() <= size - 0.5 + 1e-6
    assert corners.mean(0) == pytest.approx([(size - 1) / 2] * 2)
    assert np.ptp(corners, axis=0).max() == pytest.approx(size)
    assert np.ptp(corners, axis=0) == pytest.approx(frame.scale * np.array([width, height]))


def test_window_turns_its_upward_axis_clockwise():
    frame = Frame.around((300.0, 400.0), 200, 200, degrees=30)
    above = np.array([[300 + 50 * np.sin(np.pi / 6), 400 - 50 * np.cos(np.pi / 6)]])
    assert frame.to_grid(above) == pytest.approx(np.array([[99.5, 49.5]]))


def test_mirrored_window_swaps_left_and_right():
    plain, mirrored = (Frame.around((100.0, 100.0), 64, 64, mirrored=m) for m in (False, True))
    point = np.array([[90.0, 95.0]])
    x, y = plain.to_grid(point)[0]
    assert mirrored.to_grid(point)[0] == pytest.approx([63 - x, y])


def test_whole_pixel_window_is_a_slice():
    image = np.random.default_rng(0).random((60, 80), np.float32)
    frame = Frame.around((39.5, 29.5), 32, 32)
    assert frame.warp(image) == pytest.approx(image[14:46, 24:56], abs=1e-6)
    box = (30, 20, 50, 40)
    assert frame.unwarp(frame.warp(image), (60, 80), box_xyxy=box) == pytest.approx(image[20:40, 30:50], abs=1e-6)


def test_shrinking_averages_areas_instead_of_skipping_pixels():
    image = np.zeros((64, 64), np.float32)
    image[::4] = 1
    shrunk = Frame.letterbox((64, 64), (16, 16)).warp(image)
    assert shrunk == pytest.approx(np.full((16, 16), 0.25), abs=1e-6)


def test_warp_lands_where_points_land():
    image = np.zeros((200, 300), np.float32)
    cv2.circle(image, (180, 90), 6, 1.0, -1)
    frame = Frame.around((160.0, 100.0), 120, 240, degrees=-50, mirrored=True)
    grid = frame.warp(image)
    ys, xs = np.nonzero(grid > 0.5)
    assert [xs.mean(), ys.mean()] == pytest.approx(frame.to_grid(np.array([[180.0, 90.0]]))[0], abs=0.2)


def test_outside_of_the_image_is_the_border_value():
    frame = Frame.around((0.0, 0.0), 20, 20)
    grid = frame.warp(np.ones((50, 50), np.float32), border=0.25)
    assert grid[0, 0] == 0.25
    assert grid[-1, -1] == 1


def test_then_appends_a_map():
    frame = Frame.letterbox((100, 100), (50, 50)).then(np.array([[1.0, 0, 5], [0, 1, -3]]))
    plain = Frame.letterbox((100, 100), (50, 50))
    point = np.array([[10.0, 20.0]])
    assert frame.to_grid(point) == pytest.approx(plain.to_grid(point) + np.array([5, -3]))


def test_wrong_shape_is_quoted():
    with pytest.raises(ShapeError, match=r"\(3, 3\)"):
        Frame(np.eye(3), (10, 10))


@pytest.mark.parametrize(("side", "averaged"), [(100, True), (180, True), (220, True), (228, False), (300, False)])
def test_an_image_is_averaged_by_area_below_three_quarters_of_its_size(side, averaged):
    """Four pixels a sample, as warpAffine takes, skip what lies between them; near full size they blur less."""
    noise = np.random.default_rng(0).random((300, 300), np.float32)
    frame = Frame.letterbox(noise.shape, (side, side))
    by_area = cv2.resize(noise, (side, side), interpolation=cv2.INTER_AREA)
    sampled = cv2.warpAffine(noise, frame.matrix, (side, side))
    inside = (slice(2, -2), slice(2, -2))
    closer = {True: by_area, False: sampled}[averaged]
    farther = {True: sampled, False: by_area}[averaged]
    warped = frame.warp(noise)
    assert np.abs(warped - closer)[inside].max() < 1e-3
    if side not in (100, 300):
        assert np.abs(warped - farther)[inside].max() > 0.05
