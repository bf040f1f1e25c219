"""One piece per bone without holes, against scipy's labels; and how sure masks are, against arrays."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from handbone.anatomy import COUNT, NAMES
from handbone.core.bone_probabilities import BoneProbabilities
from handbone.method.confidence import confidences
from handbone.method.postprocess import postprocess

EIGHT = np.ones((3, 3), int)


def probabilities(plane, bone=3):
    dense = np.zeros((COUNT, *plane.shape), np.float32)
    dense[bone] = plane
    return BoneProbabilities.from_dense(dense)


def drawn(*boxes, size_hw=(60, 80), value=0.9):
    plane = np.zeros(size_hw, np.float32)
    for left, top, right, bottom in boxes:
        plane[top:bottom, left:right] = value
    return plane


def mask(plane):
    return postprocess(probabilities(plane)).threshold(0.5).mask(3)


MAIN = (10, 10, 30, 30)  # 400 pixels: others need 28, within 12 pixels of its box


@pytest.mark.parametrize(
    ("other", "stays"),
    [
        ((35, 10, 42, 15), True),  # 35 pixels, 5 away
        ((35, 10, 41, 14), False),  # 24 pixels
        ((41, 10, 48, 20), True),  # 11 away
        ((42, 10, 49, 20), True),  # 12 away
        ((43, 10, 50, 20), False),  # 13 away
        ((38, 38, 48, 48), True),  # 8 and 8 away: 11.3
        ((39, 39, 49, 49), False),  # 9 and 9 away: 12.7
        ((0, 12, 6, 20), True),  # before it
        ((12, 45, 22, 55), False),  # 15 below it
    ],
)
def test_a_piece_stays_that_is_large_enough_and_near(other, stays):
    plane = drawn(MAIN, other)
    expected = drawn(MAIN, other) if stays else drawn(MAIN)
    assert np.array_equal(mask(plane), expected > 0)


@settings(max_examples=60)
@given(st.integers(0, 10**6))
def test_no_speck_and_no_hole_is_left_and_what_is_left_was_there_or_was_a_hole(seed):
    rng = np.random.default_rng(seed)
    plane = np.zeros((40, 50), np.float32)
    for _ in range(rng.integers(1, 7)):
        top, left = rng.integers(0, 34), rng.integers(0, 44)
        plane[top : top + rng.integers(1, 20), left : left + rng.integers(1, 20)] = rng.choice([0.0, 0.55, 0.9])
    before, after = plane >= 128 / 255, mask(plane)
    filled = ndimage.binary_fill_holes(before)
    assert not (after & ~filled).any()
    # Holes are what four-connected background cannot reach from outside.
    assert np.array_equal(ndimage.binary_fill_holes(after), after)
    labels, count = ndimage.label(before, EIGHT)
    if count:
        areas = ndimage.sum_labels(before, labels, range(1, count + 1))
        largest = labels == 1 + int(np.argmax(areas))
        if (areas == areas.max()).sum() == 1:
            assert (after | ~largest).all(), "the largest piece is whole"
        small = np.isin(labels, [n for n in range(1, count + 1) if areas[n - 1] < 0.07 * areas.max()])
        assert not (after & small & ~ndimage.binary_fill_holes(largest | (labels > 0) & ~small)).any()
    else:
        assert not after.any()


def test_a_hole_becomes_bone_and_keeps_what_is_surer():
    plane = drawn((10, 10, 40, 40))
    plane[20:30, 20:30] = 0.3
    found = postprocess(probabilities(plane)).dense()[3]
    assert found[25, 25] == pytest.approx(128 / 255, abs=1e-6) and found[12, 12] == pytest.approx(0.9, abs=0.002)


def test_what_is_faint_goes_only_around_what_goes():
    plane = drawn(MAIN, (60, 50, 63, 53))
    plane[52:58, 55:70] = np.maximum(plane[52:58, 55:70], 0.3)  # a rim around the speck
    plane[30:33, 10:30] = 0.3  # and one around the bone
    found = postprocess(probabilities(plane)).dense()[3]
    assert not found[50:55, 58:65].any() and (found[31, 12:28] > 0.25).all()


def test_nothing_and_a_single_piece_stay_as_they_are():
    for plane in (np.zeros((5, 6), np.float32), drawn(MAIN), drawn(MAIN, value=0.3)):
        value = probabilities(plane)
        assert postprocess(value) == value


@settings(max_examples=40)
@given(st.integers(0, 10**6), st.sampled_from([0.1, 0.5, 0.8]))
def test_a_mask_is_as_sure_as_the_mean_inside_it(seed, threshold):
    dense = np.random.default_rng(seed).random((COUNT, 6, 7)).astype(np.float32) ** 3
    value = BoneProbabilities.from_dense(dense)
    masks = value.threshold(threshold)
    expected = {
        name: value.dense()[bone][masks.mask(bone)].mean() for bone, name in enumerate(NAMES) if masks.present()[bone]
    }
    assert confidences(value, masks) == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize("size_hw", [(1, 1), (1, 4), (4, 1), (2, 2)])
@pytest.mark.parametrize("value", [0.02, 0.9])
def test_the_smallest_pieces_stay_as_they_are(size_hw, value):
    plane = drawn((5, 7, 5 + size_hw[1], 7 + size_hw[0]), value=value)
    assert postprocess(probabilities(plane)) == probabilities(plane)
