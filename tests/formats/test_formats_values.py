"""Brightness that belongs to the image, and whether bones are dark: on arrays of every type and range."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from handbone.formats.brightness import stretched, value_range
from handbone.formats.inversion import is_inverted

LEVELS = 65535


def image(seed, size_hw=(40, 50)):
    rng = np.random.default_rng(seed)
    return rng.random(size_hw)


@settings(max_examples=40)
@given(st.integers(0, 10**6), st.floats(1e-3, 1e4), st.floats(-1e4, 1e4))
def test_scale_and_offset_of_the_file_do_not_count(seed, factor, offset):
    values = image(seed)
    plain, other = stretched(values), stretched(factor * values + offset)
    assert np.abs(other - plain).max() <= 4e-4 + 1e-6 * abs(offset) / factor
    assert np.abs(stretched(offset - factor * values) - (1 - plain)).max() <= 4e-4 + 1e-6 * abs(offset) / factor


@pytest.mark.parametrize("dtype", [np.uint8, np.int8, np.uint16, np.int16, np.int32, np.uint32, np.float32, np.float64])
def test_every_type_of_value_fills_the_range(dtype):
    whole = np.iinfo(dtype) if np.dtype(dtype).kind in "iu" else None
    low, high = (whole.min, whole.max) if whole else (-3.0, 1e6)
    ramp = np.linspace(float(low), float(high), 1200).reshape(30, 40)
    values = ramp.astype(dtype) if whole is None else np.rint(ramp).clip(low, high).astype(dtype)
    found = stretched(values)
    assert found.dtype == np.float32 and found.min() == 0 and found.max() == pytest.approx(1, abs=1e-6)
    steps = 255 if np.dtype(dtype).itemsize == 1 else 65535
    assert np.abs(found.ravel() - np.linspace(0, 1, 1200)).max() <= 1 / steps


def test_values_are_whole_levels_so_that_a_cache_of_16_bits_holds_them():
    found = stretched(image(1)).astype(np.float64) * LEVELS
    assert np.abs(found - np.rint(found)).max() < 0.01


@settings(max_examples=30)
@given(st.integers(0, 10**6), st.integers(1, 150), st.sampled_from([1e3, 1e6, -1e3, 65535.0]))
def test_a_few_stray_pixels_do_not_set_the_range(seed, count, far):
    """Less than a hundredth of the image, as burnt-in letters and dead pixels are."""
    values, rng = image(seed, (200, 240)), np.random.default_rng(seed)
    corrupted = values.copy()
    at = rng.choice(values.size, count, replace=False)
    corrupted.ravel()[at] = far
    low, high = value_range(corrupted)
    assert low > -0.2 and high < 1.2
    kept = np.ones(values.size, bool)
    kept[at] = False
    assert np.abs(stretched(corrupted) - stretched(values)).ravel()[kept].max() < 0.2


def test_an_image_that_fills_its_range_keeps_its_extremes():
    """Also where few pixels have them: they are no farther off than the image is wide."""
    values = np.full((100, 100), 100.0)
    values[:50] = 200.0
    values[0, 0], values[0, 1] = 10.0, 290.0
    assert value_range(values) == (10.0, 290.0)
    values[0, 0], values[0, 1] = -10.0, 310.0
    assert value_range(values) == (90.0, 210.0)


@pytest.mark.parametrize("filler", [np.nan, np.inf, -np.inf, 3.4e38, -3.4e38])
def test_pixels_without_a_value_have_no_say_and_are_black(filler):
    values = image(2).astype(np.float64)
    corrupted = values.copy()
    corrupted[:20, :10] = filler
    found = stretched(corrupted)
    low, high = value_range(corrupted[np.abs(np.nan_to_num(corrupted, nan=1e38)) < 1e30])
    assert not found[:20, :10].any()
    expected = np.clip((values - low) / (high - low), 0, 1)
    assert np.abs(found - expected)[20:].max() < 2 / LEVELS


def test_padding_that_a_file_names_has_no_say():
    values, outside = image(3), np.zeros((40, 50), bool)
    outside[:, :15] = True
    padded = np.where(outside, -1e5, values)
    found = stretched(padded, outside)
    assert not found[:, :15].any() and np.abs(found[:, 15:] - stretched(values[:, 15:])).max() < 1e-3


@pytest.mark.parametrize("value", [0, 7, 65535])
def test_a_flat_image_is_black_and_no_division_by_nothing(value):
    with np.errstate(all="raise"):
        assert not stretched(np.full((5, 6), value, np.uint16)).any()
    assert value_range(np.full(4, 3.0)) == (3.0, 4.0) and value_range(np.empty(0)) == (0.0, 1.0)
    assert not stretched(np.full((5, 6), np.nan)).any()


def hand(size_hw=(300, 260), background=0.1, flesh=0.7):
    """A hand of blocks: fingers and a palm, and a forearm to the lower edge."""
    drawn = np.full(size_hw, background, np.float32)
    height, width = size_hw
    for x in (0.35, 0.45, 0.55, 0.65):
        drawn[int(0.15 * height) : int(0.5 * height), int((x - 0.03) * width) : int((x + 0.03) * width)] = flesh
    drawn[int(0.5 * height) : int(0.75 * height), int(0.3 * width) : int(0.7 * width)] = flesh
    drawn[int(0.75 * height) :, int(0.38 * width) : int(0.62 * width)] = flesh
    return drawn


FRAMES = [None, (0.0, 8, False), (1.0, 8, False), (0.5, 12, False), (1.0, 20, True), (0.0, 20, True)]


@pytest.mark.parametrize("frame", FRAMES, ids=str)
@pytest.mark.parametrize("size_hw", [(300, 260), (200, 400), (640, 320)])
@pytest.mark.parametrize("inverted", [False, True])
def test_a_dark_hand_on_a_bright_ground_is_inverted_whatever_frames_it(inverted, size_hw, frame):
    drawn = hand(size_hw)
    drawn = 1 - drawn if inverted else drawn
    if frame is not None:
        level, width, sides_only = frame
        drawn[:, :width] = drawn[:, -width:] = level
        if not sides_only:
            drawn[:width] = drawn[-width:] = level
    noise = np.random.default_rng(0).normal(0, 0.01, size_hw)
    assert is_inverted(np.clip(drawn + noise, 0, 1).astype(np.float32)) is inverted


@pytest.mark.parametrize("level", [0.0, 0.3, 0.5])
def test_a_flat_image_that_is_not_bright_is_not_inverted(level):
    assert not is_inverted(np.full((50, 60), level, np.float32))


def test_a_bright_side_marker_decides_nothing():
    drawn = hand()
    drawn[10:60, 5:40] = 1.0
    drawn[200:280, 220:258] = 1.0
    assert not is_inverted(drawn)
