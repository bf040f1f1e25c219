"""Reading radiographs of every kind, refusing cut ones, and the cache of decoded images."""

import os
from concurrent.futures import ProcessPoolExecutor

import cv2
import numpy as np
import pytest
from data_toys import draw, toy_hand

from handbone.core.errors import HandboneError
from handbone.data.cache import ImageCache
from handbone.formats.image_files import read_image, size_of

GREY = draw(toy_hand())


def saved(path, values):
    assert cv2.imwrite(str(path), values)
    return path


def test_grey_and_rgb_with_equal_channels_read_the_same(tmp_path):
    grey = read_image(saved(tmp_path / "grey.png", GREY))
    colour = read_image(saved(tmp_path / "rgb.png", cv2.cvtColor(GREY, cv2.COLOR_GRAY2BGR)))
    assert grey.image.dtype == np.float32 and grey.size_hw == GREY.shape and grey.bits == 8
    np.testing.assert_array_equal(grey.image, colour.image)
    np.testing.assert_allclose(grey.image, GREY / 255, atol=1e-6)


@pytest.mark.parametrize("name", ["a.png", "a.tif"])
@pytest.mark.parametrize("bits", [10, 12, 16])
def test_sixteen_bit_files_use_their_own_range(tmp_path, name, bits):
    values = (GREY / 255 * (2**bits - 1)).astype(np.uint16)
    radiograph = read_image(saved(tmp_path / name, values))
    assert radiograph.bits == 16 and radiograph.image.max() == 1 and radiograph.image.min() == 0
    np.testing.assert_allclose(radiograph.image, GREY / 255, atol=0.002)


@pytest.mark.parametrize("bits", [8, 16])
def test_inverted_images_are_turned_back(tmp_path, bits):
    values = GREY if bits == 8 else GREY.astype(np.uint16) * 257
    plain = read_image(saved(tmp_path / "a.png", values))
    turned = read_image(saved(tmp_path / "b.png", np.iinfo(values.dtype).max - values))
    assert turned.inverted and not plain.inverted
    np.testing.assert_allclose(turned.image, plain.image, atol=0.03)


def framed(grey):
    """A sound radiograph between bright borders that fade into it: it looks as if it were inverted."""
    x = np.abs(np.linspace(-1, 1, grey.shape[1], dtype=np.float32))
    return np.maximum(grey, np.clip(510 * x - 180, 0, 255).astype(np.uint8)[None])


def test_a_patient_may_know_better_whether_an_image_is_inverted(tmp_path):
    sound, light_box = saved(tmp_path / "a.png", GREY), saved(tmp_path / "b.png", framed(GREY))
    assert read_image(light_box).inverted, "the test is fooled"
    for invert, inverted in (("no", False), ("yes", True)):
        for path, values in ((sound, GREY), (light_box, framed(GREY))):
            radiograph = read_image(path, invert=invert)
            assert radiograph.inverted is inverted
            expected = 1 - values / 255 if inverted else values / 255
            np.testing.assert_allclose(radiograph.image, expected, atol=1e-6)


def test_the_cache_keeps_what_was_read_otherwise_apart(tmp_path):
    path = saved(tmp_path / "a.png", GREY)
    caches = {invert: ImageCache(tmp_path / "cache", invert=invert) for invert in ("auto", "yes", "no")}
    for _ in range(2):
        np.testing.assert_array_equal(caches["auto"].open(path), GREY)
        np.testing.assert_array_equal(caches["yes"].open(path), 255 - GREY)
        np.testing.assert_array_equal(caches["no"].open(path), GREY)


def test_transparent_parts_are_black(tmp_path):
    values = np.dstack([cv2.cvtColor(GREY, cv2.COLOR_GRAY2BGR), np.full_like(GREY, 255)])
    values[:50, :, 3] = 0
    image = read_image(saved(tmp_path / "a.png", values)).image
    assert not image[:50].any()
    # What is not seen has no say in the range either.
    seen = GREY[50:].astype(float)
    np.testing.assert_allclose(image[50:], (seen - seen.min()) / (seen.max() - seen.min()), atol=0.51 / 65535)


@pytest.mark.parametrize("name", ["a.png", "a.jpg", "a.tif"])
@pytest.mark.parametrize("kept", [0.0, 0.01, 0.5, 0.9])
def test_cut_files_are_refused_by_name(tmp_path, name, kept):
    path = saved(tmp_path / name, np.random.default_rng(0).integers(0, 255, (200, 200), np.uint8))
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * kept)])
    with pytest.raises(HandboneError, match=name):
        read_image(path)


def test_a_text_named_png_and_a_missing_file_are_refused(tmp_path):
    (tmp_path / "a.png").write_text("not an image")
    with pytest.raises(HandboneError, match=r"a\.png: this is a text file, and no image; leave it out"):
        read_image(tmp_path / "a.png")
    with pytest.raises(HandboneError, match=r"b\.png: cannot be read"):
        read_image(tmp_path / "b.png")


@pytest.mark.parametrize("name", ["a.png", "a.jpg", "a.tif"])
def test_the_size_is_known_without_the_values(tmp_path, name):
    assert size_of(saved(tmp_path / name, GREY[:100, :150])) == (100, 150)


def test_the_cache_decodes_once_and_notices_a_change(tmp_path):
    path, cache = saved(tmp_path / "a.png", GREY), ImageCache(tmp_path / "cache")
    np.testing.assert_array_equal(cache.open(path), GREY)
    assert isinstance(cache.open(path), np.memmap)
    [entry] = (tmp_path / "cache").rglob("*.npy")
    stamp = entry.stat().st_mtime_ns
    cache.open(path)
    assert entry.stat().st_mtime_ns == stamp
    saved(path, GREY[::-1])
    os.utime(path, ns=(stamp + 10**9, stamp + 10**9))
    np.testing.assert_array_equal(cache.open(path), GREY[::-1])


def test_a_damaged_cache_entry_is_made_anew(tmp_path):
    path, cache = saved(tmp_path / "a.png", GREY), ImageCache(tmp_path / "cache")
    cache.open(path)
    [entry] = (tmp_path / "cache").rglob("*.npy")
    entry.write_bytes(entry.read_bytes()[:300])
    np.testing.assert_array_equal(cache.open(path), GREY)


def test_sixteen_bit_images_keep_their_depth_in_the_cache(tmp_path):
    values = np.minimum(GREY.astype(np.uint16) * 257 + 3, 65535)
    path, cache = saved(tmp_path / "a.png", values), ImageCache(tmp_path / "cache")
    assert cache.open(path).dtype == np.uint16
    np.testing.assert_array_equal(cache.image(path), read_image(path).image)


@pytest.mark.parametrize("low", [0, 11, 100])
def test_the_cache_gives_what_prediction_reads(tmp_path, low):
    """Also of 8 bits that do not fill their range, which are scaled to it: a run's masks are those of predict."""
    values = np.round(low + GREY * ((255 - low) / 255)).astype(np.uint8)
    path, cache = saved(tmp_path / "a.png", values), ImageCache(tmp_path / "cache")
    np.testing.assert_array_equal(cache.image(path), read_image(path).image)
    assert cache.open(path).dtype == (np.uint16 if low else np.uint8)


def _decode_again(arguments):
    folder, path = arguments
    return int(ImageCache(folder).open(path).sum())


def test_processes_may_decode_the_same_image_at_once(tmp_path):
    path = saved(tmp_path / "a.png", GREY)
    with ProcessPoolExecutor(2) as pool:
        sums = set(pool.map(_decode_again, [(tmp_path / "cache", path)] * 8))
    assert sums == {int(GREY.sum())}
    assert len(list((tmp_path / "cache").rglob("*"))) == 2
