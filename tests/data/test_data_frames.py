"""What networks are shown through frames, against whole images; and warps, whose vertices go along."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from handbone.core.frame import Frame
from handbone.data.augment import SmoothWarp
from handbone.data.grid_dataset import bones_of
from handbone.data.targets import network_input
from handbone.data.view import resized, view

SIZE = (90, 130)
FRAMES = st.builds(
    Frame.around,
    st.tuples(st.floats(-40, 170), st.floats(-40, 130)),
    st.floats(15, 260),
    st.sampled_from([32, 64]),
    degrees=st.floats(-180, 180),
    mirrored=st.booleans(),
)


def image(seed=0):
    """Smooth enough that a resampling shows no rounding of its own."""
    y, x = np.mgrid[: SIZE[0], : SIZE[1]].astype(np.float32)
    rng = np.random.default_rng(seed)
    waves = sum(rng.uniform(0.2, 1) * np.sin(rng.uniform(0.02, 0.2, 2) @ [x.ravel(), y.ravel()]) for _ in range(4))
    return ((waves - waves.min()) / np.ptp(waves)).reshape(SIZE).astype(np.float32)


@settings(max_examples=30)
@given(FRAMES)
def test_a_view_reads_a_part_and_shows_what_the_whole_image_shows(frame):
    whole = image()
    apart = np.abs(view(whole, frame) - network_input(whole, frame))
    # Where a frame shrinks the image, parts of other sizes are averaged by other whole numbers of pixels.
    assert apart.max() < 0.03 and apart.mean() < 0.003


@settings(max_examples=25)
@given(FRAMES)
def test_whole_numbers_of_any_width_are_the_same_image(frame):
    whole = image(1)
    shown = view(whole, frame)
    for kind, white in ((np.uint8, 255), (np.uint16, 65535)):
        found = view(np.rint(whole * white).astype(kind), frame)
        assert found.dtype == np.float32
        np.testing.assert_allclose(found, shown, atol=1.6 / 255)


@pytest.mark.parametrize("centre", [(-200.0, 45.0), (65.0, 400.0), (500.0, 500.0)])
def test_a_view_beside_the_image_is_black(centre):
    shown = view(image() * 0 + 1, Frame.around(centre, 60.0, 32))
    assert shown.shape == (32, 32) and not shown.any()


def test_a_view_touches_no_more_of_a_file_than_it_shows(tmp_path):
    class Watched(np.ndarray):
        """Remembers what is cut out of it."""

        asked = []

        def __getitem__(self, key):
            self.asked.append(key)
            return np.asarray(self)[key]

    view(image().view(Watched), Frame.around((60.0, 40.0), 20.0, 32))
    (rows, columns) = Watched.asked[0]
    assert (rows.start, rows.stop) == pytest.approx((27, 53), abs=2)
    assert (columns.start, columns.stop) == pytest.approx((47, 73), abs=2)


@settings(max_examples=40)
@given(FRAMES, st.sampled_from([32, 96, 128, 512]))
def test_a_resized_frame_shows_the_same_part_on_another_grid(frame, size):
    other = resized(frame, size)
    assert other.size_hw == (size, size)
    np.testing.assert_allclose(other.corners_xy, frame.corners_xy, atol=1e-6)
    assert other.scale == pytest.approx(frame.scale * size / frame.size_hw[0])
    # Corners of pixels, not their middles, lie on each other: half a pixel before the first one.
    edge = np.array([[-0.5, -0.5], [frame.size_hw[1] - 0.5, frame.size_hw[0] - 0.5]])
    np.testing.assert_allclose(other.to_grid(frame.to_image(edge)), [[-0.5, -0.5], [size - 0.5] * 2], atol=1e-6)
    assert resized(frame, frame.size_hw[0]) is frame


def test_contours_are_chosen_by_their_keys():
    polygon = [np.zeros((3, 2))]
    polygons = {0: polygon, 28: polygon, 29: polygon, 31: polygon, 58: polygon}
    assert list(bones_of(polygons)) == [0, 28] and list(bones_of(polygons, 29)) == [0, 2]


@settings(max_examples=10)
@given(st.integers(0, 10**6))
def test_a_smooth_warp_takes_vertices_where_it_takes_the_image(seed):
    """A bright spot is moved with the image and, as a vertex, without it."""
    warp = SmoothWarp(p=1.0)
    warp.set_random_seed(seed)
    size = 200
    field = warp.get_params_dependent_on_data({"shape": (size, size, 1)}, {})["field"]
    assert field.shape == (size, size, 2) and np.abs(field).max() < 2 * 0.015 * size
    y, x = np.mgrid[:size, :size]
    spots = np.random.default_rng(seed).uniform(40, 160, (3, 2))
    moved = warp.apply_to_keypoints(np.column_stack([spots, np.ones((3, 2))]), field)
    for spot, found in zip(spots, moved, strict=True):
        blob = np.exp(-((x - spot[0]) ** 2 + (y - spot[1]) ** 2) / 4.5).astype(np.float32)
        shown = warp.apply(blob, field)
        centre = np.array([(shown * x).sum(), (shown * y).sum()]) / shown.sum()
        np.testing.assert_allclose(found[:2], centre, atol=0.2)
    assert (moved[:, 2:] == 1).all(), "what else belongs to a vertex stays"


def test_a_smooth_warp_takes_any_number_of_vertices():
    """29 outlines in a radiograph of 3000 pixels have more points than OpenCV reads at once."""
    warp = SmoothWarp(p=1.0)
    warp.set_random_seed(3)
    field = warp.get_params_dependent_on_data({"shape": (300, 300, 1)}, {})["field"]
    spots = np.random.default_rng(3).uniform(0, 299, (70_001, 2))
    moved = warp.apply_to_keypoints(spots, field)
    few = [warp.apply_to_keypoints(spots[at : at + 7], field) for at in (0, 29_996, 59_998, 69_994)]
    assert moved.shape == spots.shape
    np.testing.assert_array_equal(np.concatenate(few), moved[np.r_[0:7, 29_996:30_003, 59_998:60_005, 69_994:70_001]])
