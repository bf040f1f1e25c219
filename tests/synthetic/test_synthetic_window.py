"""The part of a scene that becomes the image, and what of each bone is seen in it, against whole arrays."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from handbone.synthetic.window import crop_window, visible

SIZE = 200


def scene(centre=(100, 90), reach=60.0):
    """Distance to the skin of a round hand, and ends of bones within it."""
    y, x = np.mgrid[:SIZE, :SIZE].astype(np.float32)
    skin = np.hypot(x - centre[0], y - centre[1]) - reach
    angle = np.linspace(0, 2 * np.pi, 58, endpoint=False)
    ends = np.stack([centre[0] + 0.9 * reach * np.cos(angle), centre[1] + 0.9 * reach * np.sin(angle)], 1)
    ends = ends.reshape(29, 2, 2)
    ends[27:, 1] = centre[0], 10 * SIZE
    return skin, ends


def windows(count=400, **place):
    skin, ends = scene(**place)
    return [crop_window(skin, ends, np.random.default_rng(seed)) for seed in range(count)], ends


def test_windows_lie_in_the_scene_and_are_no_sliver():
    for left, top, right, bottom in windows()[0]:
        assert 0 <= left < right <= SIZE and 0 <= top < bottom <= SIZE
        assert min(right - left, bottom - top) >= 0.3 * SIZE
        assert all(type(value) is int for value in (left, top, right, bottom))


def test_three_in_ten_are_the_whole_scene_and_few_cut_a_fingertip_off():
    found, ends = windows()
    whole = np.mean([window == (0, 0, SIZE, SIZE) for window in found])
    assert whole == pytest.approx(0.3, abs=0.07)
    points = ends[:27].reshape(-1, 2)
    inside = [((points >= [w[0], w[1]]).all() and (points < [w[2], w[3]]).all()) for w in found]
    assert 0.88 < np.mean(inside) < 1


def test_the_forearm_is_cut_and_hands_far_outside_keep_their_scene():
    found, _ = windows(200)
    assert len({window[3] for window in found}) > 20
    beyond, _ = windows(200, centre=(-60, -60), reach=25.0)
    assert set(beyond) == {(0, 0, SIZE, SIZE)}


@st.composite
def seen_parts(draw):
    """A few bones' crops, a window and perhaps a field."""
    masks = {}
    for bone in draw(st.sets(st.integers(0, 28), min_size=1, max_size=4)):
        h, w = draw(st.integers(1, 9)), draw(st.integers(1, 9))
        x, y = draw(st.integers(0, 24 - w)), draw(st.integers(0, 24 - h))
        rng = np.random.default_rng(draw(st.integers(0, 99)))
        masks[bone] = rng.random((h, w)) < 0.7, (x, y)
    left, top = draw(st.integers(0, 20)), draw(st.integers(0, 20))
    window = left, top, draw(st.integers(left + 1, 24)), draw(st.integers(top + 1, 24))
    field = np.random.default_rng(3).random((24, 24)).astype(np.float32) if draw(st.booleans()) else None
    return masks, field, window


@settings(max_examples=80)
@given(seen_parts())
def test_what_is_seen_is_what_whole_arrays_say(parts):
    masks, field, window = parts
    left, top, right, bottom = window
    seen = visible(masks, field, window)
    for bone, (mask, (x, y)) in masks.items():
        whole = np.zeros((24, 24), bool)
        whole[y : y + mask.shape[0], x : x + mask.shape[1]] = mask
        expected = (whole & (field > 0.5) if field is not None else whole)[top:bottom, left:right]
        found = np.zeros_like(expected)
        if bone in seen:
            part, (x0, y0) = seen[bone]
            assert x0 >= 0 and y0 >= 0 and part.size
            found[y0 : y0 + part.shape[0], x0 : x0 + part.shape[1]] = part
        assert np.array_equal(found, expected)
    assert list(seen) == sorted(seen)
