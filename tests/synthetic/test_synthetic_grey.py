"""From attenuation to grey values: each step against the library that defines it, and what no step may do."""

from dataclasses import replace

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import gaussian_filter

from handbone.synthetic import processing
from handbone.synthetic.display import to_grey
from handbone.synthetic.look import Look, draw_look, draw_texture
from handbone.synthetic.scene import collimation
from handbone.synthetic.texture import EXPONENTS, grain, spread, trabecular_pattern

SIZE = 96
PLAIN = Look(scatter=0, blur=0, quantum=0, black=0.1, white=0.9, gamma=1, heel=(0, 0), mottle=0)


def rng(seed=0):
    return np.random.default_rng(seed)


@pytest.fixture(scope="module")
def attenuation() -> np.ndarray:
    """A ramp of thickness with a denser bar."""
    values = np.tile(np.linspace(0, 1.2, SIZE, dtype=np.float32), (SIZE, 1))
    values[30:50, 20:70] += 0.6
    return values


def shown(attenuation, look=PLAIN, field=None, seed=0):
    return to_grey(attenuation.copy(), field, look, rng(seed))


def test_denser_is_brighter_and_the_range_is_that_of_the_look(attenuation):
    grey = shown(attenuation)
    assert grey.dtype == np.float32 and grey.shape == attenuation.shape
    row = grey[5]
    assert (np.diff(row) >= -1e-5).all() and row[-1] > row[0] + 0.3
    assert np.percentile(grey, 1) == pytest.approx(0.1, abs=0.02)
    assert np.percentile(grey, 99.5) == pytest.approx(0.9, abs=0.03)
    assert grey[40, 45] > grey[20, 45] + 0.1


@pytest.mark.parametrize("gamma", [0.6, 1.0, 1.8])
def test_gamma_bends_the_curve_between_its_ends(attenuation, gamma):
    plain, bent = (shown(attenuation, replace(PLAIN, gamma=g, black=0.0, white=1.0)) for g in (1.0, gamma))
    inside = (plain > 0.02) & (plain < 0.98)
    np.testing.assert_allclose(bent[inside], plain[inside] ** gamma, atol=2e-3)


def test_an_inverted_image_is_the_negative(attenuation):
    np.testing.assert_allclose(shown(attenuation, replace(PLAIN, inverted=True)), 1 - shown(attenuation), atol=1e-6)


@pytest.mark.parametrize("heel", [(0.05, 0.0), (0.0, -0.04), (0.03, 0.02)])
def test_the_heel_tilts_the_background_from_side_to_side(attenuation, heel):
    change = shown(attenuation, replace(PLAIN, heel=heel)) - shown(attenuation)
    x, y = np.linspace(-1, 1, SIZE), np.linspace(-1, 1, SIZE)[:, None]
    np.testing.assert_allclose(change, heel[0] * x + heel[1] * y, atol=1e-5)


def test_scattered_light_lowers_contrast_and_blur_softens_edges(attenuation):
    plain, hazy, soft = (shown(attenuation, replace(PLAIN, **c)) for c in ({}, {"scatter": 0.4}, {"blur": 40.0}))
    bar = np.s_[40, 15:25]
    assert np.abs(np.diff(soft[bar])).max() < 0.7 * np.abs(np.diff(plain[bar])).max()
    assert not np.allclose(hazy, plain, atol=0.01)


@pytest.mark.parametrize("beyond", [0.0, 0.5, 1.0])
def test_outside_the_field_the_image_has_the_shutters_grey(attenuation, beyond):
    corners = np.array([[20, 20], [75, 20], [75, 75], [20, 75]])
    field = collimation((SIZE, SIZE), corners, 1.0)
    grey = shown(attenuation, replace(PLAIN, beyond=beyond), field)
    np.testing.assert_allclose(grey[field == 0], beyond, atol=1e-5)
    bright = shown(attenuation, replace(PLAIN, beyond=beyond, edge=0.4), field)
    changed = np.abs(bright - grey) > 1e-5
    assert changed.any() and not changed[(field == 0) | (field == 1)].any(), "the field's edge alone"


def test_a_field_is_a_polygon_that_fades_over_its_softness():
    corners = np.array([[10.0, 12.0], [60.0, 8.0], [66.0, 50.0], [14.0, 58.0]])
    sharp, soft = (collimation((SIZE, SIZE), corners, softness) for softness in (0.0, 6.0))
    expected = np.zeros((SIZE, SIZE), np.uint8)
    cv2.fillConvexPoly(expected, corners.astype(np.int32), 1)
    assert np.array_equal(sharp, expected.astype(np.float32))
    assert ((soft > 0) & (soft < 1)).any() and set(np.unique(sharp)) == {0, 1}
    assert soft.sum() == pytest.approx(sharp.sum(), rel=0.01)
    core = cv2.erode(expected, np.ones((13, 13), np.uint8)).astype(bool)
    far = cv2.dilate(expected, np.ones((13, 13), np.uint8)) == 0
    assert (soft[core] == 1).all() and (soft[far] == 0).all()


def test_noise_is_the_generators_and_the_same_for_the_same_seed(attenuation):
    look = replace(PLAIN, quantum=0.03, grain=0.02)
    same = shown(attenuation, look, seed=4)
    np.testing.assert_array_equal(same, shown(attenuation, look, seed=4))
    assert not np.array_equal(same, shown(attenuation, look, seed=5))


def test_what_goes_in_is_not_changed(attenuation):
    before = attenuation.copy()
    to_grey(attenuation, None, replace(PLAIN, raw_jpeg=70, clahe=2.0, jpeg=70), rng())
    np.testing.assert_array_equal(attenuation, before)


@pytest.mark.parametrize("sigma", [1.0, 2.0, 4.0, 10.0])
def test_unsharp_masks_are_those_of_scipys_gaussian(sigma):
    image = gaussian_filter(rng(1).random((128, 128)), 2.0).astype(np.float32)
    expected = image + 0.8 * (image - gaussian_filter(image, sigma, mode="mirror"))
    found = processing.unsharp(image, ((sigma, 0.8),))
    # Wide blurs work on a coarser grid.
    np.testing.assert_allclose(found[16:-16, 16:-16], expected[16:-16, 16:-16], atol=0.002 if sigma < 3 else 0.02)


def test_several_halos_add_up():
    image = rng(2).random((64, 64)).astype(np.float32)
    one, other = ((1.0, 0.5),), ((2.5, 0.7),)
    both = processing.unsharp(image, one + other)
    np.testing.assert_allclose(
        both, processing.unsharp(image, one) + processing.unsharp(image, other) - image, atol=1e-5
    )


@pytest.mark.parametrize("share", [0.4, 0.75, 1.0, 1.5])
def test_a_reduced_image_keeps_its_size_and_mean_and_loses_detail(share):
    image = rng(3).random((80, 120)).astype(np.float32)
    found = processing.reduced(image, share)
    assert found.shape == image.shape and found.mean() == pytest.approx(image.mean(), abs=0.01)
    assert found is image if share >= 1 else found.std() < 0.9 * image.std()


@pytest.mark.parametrize("quality", [35, 70, 95])
def test_jpeg_comes_back_as_opencv_decodes_it(quality):
    image = gaussian_filter(rng(4).random((48, 56)), 1.5).astype(np.float32)
    stored = cv2.imencode(".jpg", np.rint(image * 255).astype(np.uint8), [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    np.testing.assert_array_equal(processing.jpeg(image, quality) * 255, cv2.imdecode(stored, cv2.IMREAD_GRAYSCALE))


def test_local_equalisation_raises_local_contrast_up_to_its_limit():
    image = (0.5 + 0.02 * rng(5).standard_normal((256, 256))).clip(0, 1).astype(np.float32)
    spreads = [processing.clahe(image, limit).std() for limit in (1.0, 2.0, 4.0)]
    assert image.std() < spreads[0] < spreads[1] < spreads[2]


@settings(max_examples=15)
@given(st.integers(0, 10**6), st.sampled_from([(17, 33), (64, 64), (5, 200)]))
def test_processing_of_any_image_is_finite(seed, shape):
    image = rng(seed).random(shape).astype(np.float32)
    for found in (processing.pyramid_contrast(image, levels=3), processing.compressed_tones(image)):
        assert found.shape == shape and np.isfinite(found).all()


@pytest.mark.parametrize("variety", ["upright_adult", "diverse"])
def test_drawn_looks_stay_in_their_ranges(variety):
    looks = [draw_look(rng(seed), variety) for seed in range(300)]
    for look in looks:
        assert 0 <= look.black < look.white <= 1 and 0 <= look.beyond <= 1
        assert 0 <= look.scatter <= 0.4 and 0 <= look.mottle <= 0.75 and look.exponent in EXPONENTS
        assert 0.4 < look.raw_scale <= 1 and 0.4 < look.scale <= 1 and len(look.halos) <= 3
        assert all(2 <= width <= 24 and strength >= 0 for width, strength in look.halos)
    inverted = np.mean([look.inverted for look in looks])
    assert inverted == 0 if variety == "upright_adult" else 0.02 < inverted < 0.11
    sharpened = np.mean([bool(look.halos) for look in looks])
    assert sharpened == pytest.approx(0.85 if variety == "upright_adult" else 0.75, abs=0.07)


def test_textures_name_the_fields_of_tissue_and_their_looks():
    for looks in ("training", "held_out"):
        texture = draw_texture(rng(1), "diverse", looks)
        assert texture["looks"] == looks and texture["flesh"] > 0 and 0.05 < texture["vary"] < 0.16


@settings(max_examples=25)
@given(st.integers(1, 40), st.integers(1, 40), st.integers(0, 99))
def test_a_spread_tile_is_periodic_whatever_the_size(height, width, seed):
    tile = np.arange(35, dtype=np.float32).reshape(5, 7)
    covered = spread(tile, (height, width), rng(seed), 2.0)
    assert covered.shape == (height, width) and set(np.unique(covered)) <= set(2 * np.arange(35.0))
    np.testing.assert_array_equal(covered[5:], covered[:-5] if height > 5 else covered[5:])
    np.testing.assert_array_equal(covered[:, 7:], covered[:, :-7] if width > 7 else covered[:, 7:])


def test_patterns_and_grain_are_the_same_each_time():
    np.testing.assert_array_equal(trabecular_pattern.__wrapped__(3), trabecular_pattern(3))
    np.testing.assert_array_equal(grain((32, 32), 0.5, rng(1)), grain((32, 32), 0.5, rng(1)))
