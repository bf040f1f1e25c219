"""Masks become as unsure at their outlines as a network's, and stay the same masks."""

import numpy as np
import pytest

from handbone.anatomy import COUNT, INDEX
from handbone.core.bone_masks import BoneMasks
from handbone.core.bone_probabilities import BoneProbabilities
from handbone.method.soft_outlines import signed_distance, with_soft_outlines

LUNATE, RADIUS = INDEX["Lunate"], INDEX["Radius"]
Y, X = np.mgrid[:60, :80]
DISC = (X - 40) ** 2 + (Y - 30) ** 2 < 15**2


def masks_of(**planes):
    dense = np.zeros((COUNT, *DISC.shape), bool)
    for bone, plane in planes.items():
        dense[INDEX[bone]] = plane
    return BoneProbabilities.from_masks(BoneMasks.from_dense(dense))


def test_the_signed_distance_is_that_to_the_nearest_pixel_of_the_other_kind():
    rng = np.random.default_rng(0)
    blobs = (rng.random((24, 30)) > 0.7).astype(np.uint8)
    places = np.argwhere(blobs >= 0)
    wanted = np.empty(blobs.shape)
    for (y, x), inside in zip(places, blobs.ravel(), strict=True):
        nearest = np.hypot(*(places[blobs.ravel() != inside] - (y, x)).T).min()
        wanted[y, x] = (nearest - 0.5) * (1 if inside else -1)
    assert signed_distance(blobs) == pytest.approx(wanted, abs=0.15)  # OpenCV's are approximate
    # Where nothing is beyond, OpenCV's own are huge.
    assert signed_distance(np.ones((3, 4), np.uint8)).max() < 8


@pytest.mark.parametrize("threshold", [0.5, 0.2])
def test_probabilities_follow_a_logistic_curve_that_meets_the_threshold_at_the_outline(threshold):
    soft = with_soft_outlines(masks_of(Lunate=DISC), [LUNATE], width=4.0, threshold=threshold)["Lunate"]
    row = soft[30]
    # The outline runs between the pixels 54 and 55; a logit is twice the distance over the width.
    for pixel in (50, 53, 54, 55, 56, 59):
        logit = 2 * (54.5 - pixel) / 4.0 + np.log(threshold / (1 - threshold))
        assert row[pixel] == pytest.approx(1 / (1 + np.exp(-logit)), abs=0.01), pixel
    assert row[40] > 0.97 and row[0] == 0


@pytest.mark.parametrize("threshold", [0.005, 0.05, 0.3, 0.5, 0.9])
@pytest.mark.parametrize("width", [0.2, 2.0, 30.0, 500.0])
def test_the_masks_stay_pixel_for_pixel(threshold, width):
    ragged = DISC & (np.random.default_rng(1).random(DISC.shape) > 0.2)
    edge, everywhere = X < 10, np.ones(DISC.shape, bool)
    before = masks_of(Lunate=ragged, Radius=edge, Ulna=everywhere)
    soft = with_soft_outlines(before, range(COUNT), width=width, threshold=threshold)
    assert np.array_equal(soft.threshold(threshold).dense(), before.threshold(threshold).dense())


def test_a_mask_at_the_images_edge_goes_on_beyond_it():
    soft = with_soft_outlines(masks_of(Radius=X < 30), [RADIUS], width=4.0)["Radius"]
    assert soft[:, :5].min() > 0.98


def test_other_bones_and_bones_with_probabilities_stay():
    dense = masks_of(Lunate=DISC, Radius=DISC, Ulna=DISC).dense()
    dense[RADIUS][DISC] = 0.8
    before = BoneProbabilities.from_dense(dense)
    after = with_soft_outlines(before, [LUNATE, RADIUS, INDEX["Capitate"]], width=3.0)
    assert not np.array_equal(after["Lunate"], before["Lunate"])
    assert np.array_equal(after["Radius"], before["Radius"]) and np.array_equal(after["Ulna"], before["Ulna"])
    assert not after["Capitate"].any()
