"""Image files of every kind, edited: headers that lie, streams that are cut, tags that point anywhere."""

import io

import numpy as np
import pytest
from fuzzing import OTHERS, Corpus, campaign, edited_bytes, refused_or_read
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from tiff_files import write_tiff

from handbone.formats.image_files import frames_of, read_image, size_of

pytestmark = pytest.mark.slow

_RNG = np.random.default_rng(0)
GREY = np.add.outer(np.arange(24), np.arange(20)).astype(np.uint8) * 5 + _RNG.integers(0, 9, (24, 20), np.uint8)
DEEP = GREY.astype(np.uint16) * 200


def encoded(image: Image.Image, kind: str, **options) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def exif() -> Image.Exif:
    tags = Image.Exif()
    tags[274] = 6
    return tags


P, DP, RGB = Image.fromarray(GREY), Image.fromarray(DEEP), Image.fromarray(np.dstack([GREY] * 3))
#: What the campaign is for, by extension; two targets share the time of each.
READERS = {"png": "png", "jpg": "jpeg", "tif": "tiff"}
SHARES = dict.fromkeys(READERS, 0.5)
MADE = {
    "png": [
        encoded(P, "PNG", exif=exif()),
        encoded(DP, "PNG"),
        encoded(RGB.quantize(16), "PNG", transparency=3),
        encoded(RGB.convert("RGBA"), "PNG"),
    ],
    "jpg": [
        encoded(P, "JPEG", exif=exif()),
        encoded(RGB, "JPEG", progressive=True),
        encoded(RGB.convert("CMYK"), "JPEG", restart_marker_blocks=2),
    ],
    "tif": [
        encoded(P, "TIFF", compression="tiff_lzw"),
        encoded(DP, "TIFF", save_all=True, append_images=[DP]),
        encoded(RGB, "TIFF", compression="tiff_adobe_deflate", exif=exif()),
        encoded(P.convert("1"), "TIFF", compression="group4"),
    ],
    "bmp": [encoded(P, "BMP"), encoded(RGB, "BMP")],
    "gif": [encoded(P, "GIF", save_all=True, append_images=[P.rotate(90)])],
    "webp": [encoded(RGB, "WEBP", lossless=True, exif=exif()), encoded(RGB, "WEBP")],
    "jp2": [encoded(P, "JPEG2000")],
    "pgm": [encoded(P, "PPM")],
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("fuzz")


@pytest.fixture(scope="module")
def corpus(folder):
    """Files by extension."""
    more = [(GREY.astype(np.float64), {"t274": 6}), (np.dstack([DEEP] * 3), {"t274": 6})]
    tiffs = [write_tiff(folder / "made.tif", values, **tags).read_bytes() for values, tags in more]
    return {kind: Corpus.of(kind, made + tiffs * (kind == "tif")) for kind, made in MADE.items()}


def numbers_changed(data: bytes, at: int, value: int, width: int) -> bytes:
    """Bytes with a number written over, as a header that lies has it."""
    at %= max(1, len(data) - width)
    return data[:at] + value.to_bytes(width, "little" if at % 2 else "big") + data[at + width :]


LIES = st.sampled_from([0, 1, 255, 256, 32767, 65535, 2**24, 2**31 - 1, 2**31, 2**32 - 1])


def read_all(path) -> None:
    """Everything that handbone asks of an image file."""
    with refused_or_read(path):
        size_of(path)
    with refused_or_read(path):
        for frame in list(frames_of(path))[:2]:
            image = read_image(frame).image
            assert image.dtype == np.float32 and np.isfinite(image).all()
            assert image.min() >= 0 and image.max() <= 1


@pytest.mark.parametrize("kind", MADE)
def test_edited_files_are_read_or_refused(folder, corpus, kind):
    @campaign(READERS.get(kind, "other images"), share=SHARES.get(kind, OTHERS))
    @given(edited_bytes(corpus[kind]))
    def target(data):
        path = folder / f"edited.{kind}"
        path.write_bytes(data)
        read_all(path)

    target()


@pytest.mark.parametrize("kind", ["png", "jpg", "tif", "bmp"])
def test_headers_that_lie_are_read_or_refused(folder, corpus, kind):
    @campaign(READERS.get(kind, "other images"), share=SHARES.get(kind, OTHERS))
    @given(st.sampled_from(corpus[kind]), st.integers(0, 400), LIES, st.sampled_from([2, 4]))
    def target(data, at, value, width):
        path = folder / f"lying.{kind}"
        path.write_bytes(numbers_changed(data, at, value % 256**width, width))
        read_all(path)

    target()


@campaign("other images", share=OTHERS)
@given(data=st.binary(max_size=600))
def test_any_bytes_are_read_or_refused(folder, data):
    path = folder / "any"
    path.write_bytes(data)
    read_all(path)
