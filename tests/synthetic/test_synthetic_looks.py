"""Textures with the spectra they claim, processing that does what it says, and looks that training never has."""

import itertools

import numpy as np
import pytest

from handbone.synthetic import display, hand, processing, texture
from handbone.synthetic.attenuation import Tissue, flesh
from handbone.synthetic.look import Look, draw_look
from handbone.synthetic.patients import average_patient

PLAIN = Look(scatter=0, blur=0, quantum=0, black=0.1, white=0.9, gamma=1, heel=(0, 0))


def slope(image):
    """Exponent of the amplitude's power law between 0.02 and 0.3 cycles a pixel."""
    power = np.abs(np.fft.fft2(image - image.mean())) ** 2
    radius = np.hypot(np.fft.fftfreq(len(image))[:, None], np.fft.fftfreq(len(image)))
    edges = np.geomspace(0.02, 0.3, 9)
    levels = [power[(radius >= a) & (radius < b)].mean() for a, b in itertools.pairwise(edges)]
    return -np.polyfit(np.log(np.sqrt(edges[:-1] * edges[1:])), np.log(levels), 1)[0] / 2


def power_at(image, low, high):
    power = np.abs(np.fft.fft2(image)) ** 2 / image.size
    radius = np.hypot(np.fft.fftfreq(len(image))[:, None], np.fft.fftfreq(len(image)))
    return power[(radius >= low) & (radius < high)].mean()


@pytest.mark.parametrize("exponent", texture.EXPONENTS)
def test_grain_follows_its_power_law_and_all_of_it_is_equally_strong_in_the_middle(exponent):
    tile = texture.grain_tile(exponent)
    assert slope(tile) == pytest.approx(exponent, abs=0.04)
    assert power_at(tile, 0.13, 0.15) == pytest.approx(1, rel=0.1)
    assert abs(tile.mean()) < 0.01


@pytest.mark.parametrize("exponent", [0.0, 0.65, 1.3])
def test_grain_is_as_strong_in_a_small_image_as_in_a_large_one_that_was_reduced(exponent):
    rng = np.random.default_rng(0)
    small = np.mean([power_at(texture.grain((512, 512), exponent, rng), 0.05, 0.1) for _ in range(4)])
    # The same cycles per length of a hand are a quarter as many a pixel there, and its pixels are 16 times as many.
    large = power_at(texture.grain((2048, 2048), exponent, rng), 0.05 / 4, 0.1 / 4) / 16
    assert small == pytest.approx(large, rel=0.25)


def test_a_tile_goes_on_beyond_its_edges_and_starts_anywhere():
    tile = np.arange(48, dtype=np.float32).reshape(6, 8)
    covered = texture.spread(tile, (20, 30), np.random.default_rng(3))
    assert covered.shape == (20, 30)
    np.testing.assert_array_equal(covered[:-6], covered[6:])
    np.testing.assert_array_equal(covered[:, :-8], covered[:, 8:])
    firsts = {float(texture.spread(tile, (3, 3), np.random.default_rng(seed))[0, 0]) for seed in range(30)}
    assert len(firsts) > 10


@pytest.mark.parametrize("looks", ["training", "held_out"])
@pytest.mark.parametrize("number", [1, 12])
def test_trabeculae_repeat_are_standardised_and_coarser_at_each_level(looks, number):
    pattern = texture.trabecular_pattern(number, looks)
    assert abs(pattern.mean()) < 1e-3
    assert pattern.std() == pytest.approx(1, abs=1e-3)
    seam = np.abs(pattern[0] - pattern[-1]).mean() / np.abs(np.diff(pattern, axis=0)).mean()
    assert seam < 1.3
    coarse = texture.trabecular_pattern(number, looks, 1)
    np.testing.assert_allclose(coarse[:256, :256], pattern.reshape(256, 2, 256, 2).mean((1, 3)), atol=1e-4)


def test_trabeculae_run_along_long_bones_and_form_webs_elsewhere():
    for number in range(texture.PATTERNS):
        pattern = texture.trabecular_pattern(number)
        ratio = np.diff(pattern, axis=1).std() / np.diff(pattern, axis=0).std()
        assert ratio > 1.08 if number < texture.PATTERNS // 2 else 0.93 < ratio < 1.07


@pytest.mark.parametrize("variety", ["upright_adult", "diverse"])
def test_training_never_meets_what_is_held_out(variety):
    rng = np.random.default_rng(0)
    training = [draw_look(rng, variety) for _ in range(200)]
    held_out = [draw_look(rng, variety, "held_out") for _ in range(60)]
    assert {look.processing for look in training} == {"none"}
    assert {look.processing for look in held_out} == {"pyramid", "compressed"}
    assert not any(look.halos or look.clahe for look in held_out)
    patient = average_patient()
    assert hand.draw_tissue(rng, patient, variety).looks == "training"
    assert hand.draw_tissue(rng, patient, variety, "held_out").looks == "held_out"


def test_held_out_hands_have_the_same_bones_and_another_image():
    usual, held_out = (hand.draw_hand(4, size=320, looks=looks) for looks in ("training", "held_out"))
    assert usual.masks == held_out.masks
    assert not np.array_equal(usual.image, held_out.image)
    again = hand.draw_hand(4, size=320, looks="held_out")
    np.testing.assert_array_equal(held_out.image, again.image)


def test_nothing_of_what_is_held_out_is_called_for_training(monkeypatch):
    def forbidden(*_):
        raise AssertionError

    for module, name in ((display, "pyramid_contrast"), (display, "compressed_tones"), (texture, "_cells")):
        monkeypatch.setattr(module, name, forbidden)
    texture.trabecular_pattern.cache_clear()
    texture._finest_pattern.cache_clear()
    with pytest.raises(AssertionError):
        texture.trabecular_pattern(0, "held_out")
    for seed in range(6):
        hand.draw_hand(seed, size=192, variety="diverse")
        with pytest.raises(AssertionError):
            hand.draw_hand(seed, size=192, variety="diverse", looks="held_out")


@pytest.mark.parametrize(
    "change",
    [
        {"halos": ((2, 1.5), (12, 0.5))},
        {"processing": "pyramid"},
        {"processing": "compressed"},
        {"raw_jpeg": 60},
        {"jpeg": 60},
        {"raw_scale": 0.5},
        {"scale": 0.5},
        {"clahe": 3.0},
        {"grain": 0.03},
        {"quantum": 0.03},
        {"inverted": True},
    ],
    ids=lambda change: next(iter(change)),
)
def test_every_part_of_a_look_shows_and_stays_in_range(change):
    rng = np.random.default_rng(0)
    attenuation = np.cumsum(rng.uniform(0, 0.02, (128, 128)), 1).astype(np.float32) + texture.grain_tile(0)[
        :128, :128
    ] * np.float32(0.02)
    plain = display.to_grey(attenuation, None, PLAIN, np.random.default_rng(1))
    changed = display.to_grey(attenuation, None, Look(**{**PLAIN.__dict__, **change}), np.random.default_rng(1))
    assert changed.dtype == np.float32
    assert 0 <= changed.min() <= changed.max() <= 1
    assert np.abs(changed - plain).mean() > 0.002


def test_light_is_noisier_where_less_of_it_comes_through():
    attenuation = np.zeros((256, 256), np.float32)
    attenuation[:, 128:] = 1.6
    look = Look(**{**PLAIN.__dict__, "quantum": 0.05, "white": 0.8})
    noisy = display.to_grey(attenuation, None, look, np.random.default_rng(0))
    thin, dense = noisy[:, 10:118].std(), noisy[:, 138:246].std()
    # The root of the light, through the logarithm: exp(1.6 / 2).
    assert 1.7 < dense / thin < 2.8


def test_unsharp_masks_leave_halos_as_wide_as_they_are():
    step = np.full((64, 256), 0.3, np.float32)
    step[:, 128:] = 0.7
    for width in (1, 4, 12):
        row = processing.unsharp(step, ((width, 1.0),))[32]
        assert row[127] == pytest.approx(0.1, abs=0.09) and row[128] == pytest.approx(0.9, abs=0.09)
        assert abs(row[128 + 4 * width] - 0.7) < 0.01
    assert processing.unsharp(step, ()) is step


def test_pyramid_contrast_raises_weak_detail_over_strong():
    gains = []
    for amplitude in (0.01, 0.2):
        wave = (0.5 + amplitude * np.sin(np.arange(256) / 3))[None].repeat(256, 0).astype(np.float32)
        gains.append(processing.pyramid_contrast(wave).std() / wave.std())
    assert gains[0] > 1.5 * gains[1]
    assert gains[1] > 0.8


def test_compressed_tones_smooth_noise_keep_edges_and_flatten_both_ends():
    ramp = np.linspace(0, 1, 256, dtype=np.float32)[None].repeat(64, 0)
    shown = processing.compressed_tones(ramp)[32]
    slopes = np.diff(shown)
    assert shown[0] == pytest.approx(0, abs=0.01) and shown[-1] == pytest.approx(1, abs=0.01)
    assert slopes[110] > 2 * slopes[[5, 250]].max()
    noise = texture.grain_tile(0)[:128, :128] * np.float32(0.01)
    assert processing.compressed_tones(0.45 + noise).std() < 0.6 * noise.std()


def test_flesh_has_texture_and_its_mean_stays():
    thickness = np.full((256, 256), 20, np.float32)
    rng = np.random.default_rng(0)
    smooth = flesh(thickness, Tissue(flesh=0.0), rng)
    np.testing.assert_allclose(smooth, 0.022 * 20, rtol=1e-5)
    rough = flesh(thickness, Tissue(flesh=0.03), rng)
    assert rough.mean() == pytest.approx(smooth.mean(), rel=0.1)
    assert 0.005 < rough.std() / smooth.mean() < 0.2
