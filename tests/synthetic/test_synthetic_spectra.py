"""Levels of power mean what they say, and those of drawn images are those of real ones."""

import cv2
import numpy as np
import pandas as pd
import pytest

from handbone import anatomy
from handbone.core.bone_masks import BoneMasks
from handbone.synthetic.hand import draw_hand
from handbone.synthetic.spectra import BANDS, LEVELS, band_levels, reference


def plate_hand(length=420):
    """Four metacarpals as plates, a plate's width apart, and an image of them with noise of known power."""
    unit = length / 420
    rectangles = {
        bone: (np.ones((length, round(80 * unit)), bool), (round((60 + 160 * place) * unit), round(40 * unit)))
        for place, bone in enumerate(anatomy.METACARPALS[1:])
    }
    masks = BoneMasks.from_crops(rectangles, (round(500 * unit), round(700 * unit)))
    grey = 0.3 + 0.4 * masks.dense().any(0)
    return grey, masks


def noisy(grey, spread, seed=0):
    return grey + np.random.default_rng(seed).normal(0, spread, grey.shape)


def test_white_noise_has_its_variance_at_every_frequency():
    grey, masks = plate_hand()
    levels = band_levels(noisy(grey, 0.01), masks)
    # Relative to the range of 0.4; the median of a band's few frequencies lies a little below their mean.
    np.testing.assert_allclose(levels, 2 * np.log10(0.01 / 0.4), atol=0.14)
    louder = band_levels(noisy(grey, 0.02), masks)
    # Noise widens the range by 2.54 of its deviations: quantiles of plates, 0.59 of the pixels, and of what is between.
    wider = (0.4 + 2.54 * 0.02) / (0.4 + 2.54 * 0.01)
    np.testing.assert_allclose(louder - levels, 2 * np.log10(2 / wider), atol=0.01)


def test_bone_and_soft_tissue_are_measured_apart():
    grey, masks = plate_hand()
    bones = masks.dense().any(0)
    levels = band_levels(np.where(bones, noisy(grey, 0.02), noisy(grey, 0.005)), masks)
    assert (levels["bone"] - levels["soft"]).min() > 0.9


def test_brightness_contrast_and_inversion_change_nothing():
    grey, masks = plate_hand()
    image = noisy(grey, 0.02)
    for other in (0.2 * image + 0.5, 1 - image, 255 * image):
        np.testing.assert_allclose(band_levels(other, masks), band_levels(image, masks), atol=1e-3)


def test_levels_belong_to_the_hand_not_to_the_image_and_stop_where_its_pixels_do():
    small, large = plate_hand(280), plate_hand(560)
    wave = np.sin(2 * np.pi * np.arange(700 * 560 // 420) * 40 / 560) * 0.02  # 40 cycles per metacarpal
    fine = noisy(large[0], 0.002) + wave[: large[0].shape[1]]
    coarse = cv2.resize(fine, small[0].shape[::-1], interpolation=cv2.INTER_AREA)
    levels, reduced = band_levels(fine, large[1]), band_levels(coarse, small[1])
    for tissue in ("bone", "soft"):
        assert levels[tissue, "30-60"] > levels[tissue, "60-120"] + 1
        assert reduced[tissue, "30-60"] == pytest.approx(levels[tissue, "30-60"], abs=0.1)
        assert np.isnan(reduced[tissue, "120-200"]) and not np.isnan(levels[tissue, "120-200"])


def test_an_image_without_the_unit_or_without_soft_tissue_has_no_levels():
    grey, masks = plate_hand()
    others = {i: (masks.crops[i], tuple(masks.boxes_xyxy[i, :2])) for i in anatomy.METACARPALS[1:]}
    del others[anatomy.INDEX["finger-11"]]
    assert band_levels(grey, BoneMasks.from_crops(others, masks.size_hw)).isna().all()
    unit = anatomy.INDEX["finger-11"]
    only = {unit: (masks.crops[unit], tuple(masks.boxes_xyxy[unit, :2]))}
    levels = band_levels(noisy(grey, 0.01), BoneMasks.from_crops(only, masks.size_hw))
    assert levels["soft"].isna().all() and levels["bone"].notna().all()


@pytest.mark.slow
@pytest.mark.parametrize("variety", ["upright_adult", "diverse"])
def test_drawn_images_have_the_power_of_real_ones(variety):
    hands = [draw_hand(seed, size=2048, variety=variety) for seed in range(24)]
    drawn = pd.DataFrame([band_levels(hand.image, hand.masks) for hand in hands])
    real = reference()
    assert drawn.notna().sum().min() >= 10
    # Images of the diverse variety are anything: a few are all noise, hence the median. Few real images of two sources
    # vary less than all that there are, hence at least a factor of 1.6 in power.
    off = (drawn.median() - real["mean"]) / real["std"].clip(lower=0.2)
    assert off.abs().max() < 1, off
    below = (drawn < real["mean"]).sum() / drawn.notna().sum()
    assert below.between(0.15, 0.85).all(), below
    # What is drawn covers what is real: its spread is no narrower.
    assert (drawn.std() > 0.75 * real["std"]).all()
    assert (drawn.quantile(0.1) < real["mean"] - 0.5 * real["std"]).all()
    assert (drawn.quantile(0.9) > real["mean"] + 0.5 * real["std"]).all()


def test_the_reference_has_every_level():
    assert list(reference().index) == list(LEVELS)
    assert len(LEVELS) == 2 * len(BANDS)
    assert (reference()["std"] > 0).all()
