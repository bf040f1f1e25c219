"""Hands to calibrate on: new to the networks, of both kinds, and in part degraded as real radiographs are."""

from dataclasses import replace

import cv2
import numpy as np
import pytest

from handbone.data.synthetic_stream import SyntheticStream
from handbone.formats.brightness import stretched
from handbone.formats.inversion import is_inverted
from handbone.recipe.schema import Recipe
from handbone.runs.context import Context
from handbone.runs.folder import RunFolder
from handbone.runs.steps.calibration_images import is_degraded, unseen_images


def hands(tmp_path, count=4, **predict):
    recipe = Recipe(name="r", synthetic={"size": 256, "variety": "diverse"}, predict={"calibrate": count, **predict})
    return list(unseen_images(Context(recipe, RunFolder(tmp_path), True, None)))


@pytest.fixture(scope="module")
def both(tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    return hands(folder, calibrate_degraded=0.0), hands(folder, calibrate_degraded=0.5)


def test_each_is_another_patient_with_masks_of_the_images_size(both):
    for images in both:
        assert len({each.patient for each in images}) == 4
        for each in images:
            assert each.image.dtype == np.float32 and 0 <= each.image.min() < each.image.max() <= 1
            assert each.ground_truth.size_hw == each.image.shape and each.ground_truth.present().sum() > 10


def test_half_of_each_kind_is_degraded_and_its_masks_stay(both):
    plain, half = both
    changed = [not np.array_equal(one.image, other.image) for one, other in zip(plain, half, strict=True)]
    assert changed == [False, False, True, True], "kinds alternate: the second hand of each is degraded"
    for one, other in zip(plain[2:], half[2:], strict=True):
        assert one.ground_truth == other.ground_truth
        # Small things differ, and not what is shown.
        assert np.corrcoef(cv2.blur(one.image, (9, 9)).ravel(), cv2.blur(other.image, (9, 9)).ravel())[0, 1] > 0.7


def test_they_are_what_predict_reads_from_a_file_whatever_its_brightness_and_polarity(both, tmp_path, monkeypatch):
    draw = SyntheticStream.draw

    def dark_and_inverted(self, *asked):
        hand = draw(self, *asked)
        return replace(hand, load=lambda: 200 - (hand.load() * 0.6).astype(np.uint8))

    monkeypatch.setattr(SyntheticStream, "draw", dark_and_inverted)
    for one, other in zip(both[0], hands(tmp_path, calibrate_degraded=0.0), strict=True):
        assert np.abs(one.image - other.image).max() < 0.02, "bones bright, over the whole range"
    for each in hands(tmp_path, calibrate_degraded=1.0):
        assert not is_inverted(each.image)
        np.testing.assert_allclose(each.image, stretched(each.image), atol=1e-4)


def test_the_same_image_comes_again(both):
    for each in both[1]:
        assert np.array_equal(each.load(), each.image)


def test_a_share_is_spread_evenly():
    for share in (0.0, 0.25, 0.5, 1.0):
        assert sum(is_degraded(number, share) for number in range(100)) == 100 * share
    assert not any(is_degraded(n, 0.25) and is_degraded(n + 1, 0.25) for n in range(50))
