"""PNG and JPEG files that were cut anywhere, of every kind that Pillow writes: whole ones are whole and no others."""

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from handbone.formats.jpeg_check import JpegLayout, is_complete, layout_of
from handbone.formats.png_chunks import exif_of_png, missing_of_png

RNG = np.random.default_rng(0)


def pixels(mode, size_hw=(37, 53)):
    if mode == "1":
        return Image.fromarray(RNG.random(size_hw) < 0.5)
    if mode == "I;16":
        return Image.fromarray(RNG.integers(0, 65535, size_hw, np.uint16))
    channels = {"L": 1, "P": 1, "LA": 2, "RGB": 3, "RGBA": 4}[mode]
    values = RNG.integers(0, 255, (*size_hw, channels), np.uint8).squeeze()
    return Image.fromarray(values, "L").convert("P") if mode == "P" else Image.fromarray(values, mode)


def chunk(kind, content):
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def png(mode="L", **options):
    file = io.BytesIO()
    pixels(mode).save(file, "PNG", **options)
    return file.getvalue()


def chunks_of(data):
    """(kind, content) of each chunk."""
    at, found = 8, []
    while at < len(data):
        length = int.from_bytes(data[at : at + 4], "big")
        found.append((data[at + 4 : at + 8], data[at + 8 : at + 8 + length]))
        at += 12 + length
    return found


def rebuilt(parts):
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(kind, content) for kind, content in parts)


MODES = ["1", "L", "P", "LA", "RGB", "RGBA", "I;16"]


@pytest.mark.parametrize("mode", MODES)
def test_a_whole_png_lacks_nothing_and_its_place_is_left(mode):
    file = io.BytesIO(png(mode))
    file.seek(5)
    assert missing_of_png(file) is None and file.tell() == 5


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("rows", [0, 1, 20, 36])
def test_a_png_with_fewer_rows_than_it_says_is_not_whole(mode, rows):
    """The values are complete as far as they go: no decoder's checksum fails."""
    parts = chunks_of(png(mode))
    raw = zlib.decompress(b"".join(content for kind, content in parts if kind == b"IDAT"))
    stride = len(raw) // 37
    kept = [part for part in parts if part[0] != b"IDAT"]
    kept.insert(-1, (b"IDAT", zlib.compress(raw[: rows * stride])))
    assert missing_of_png(io.BytesIO(rebuilt(kept))) == "its last rows are missing"
    kept[-2] = b"IDAT", zlib.compress(raw)
    assert missing_of_png(io.BytesIO(rebuilt(kept))) is None


@pytest.mark.parametrize("pieces", [1, 2, 7])
@pytest.mark.parametrize("lost", [0, 1])
def test_values_may_come_in_pieces_and_none_may_be_lost(pieces, lost):
    parts = chunks_of(png("RGB"))
    values = b"".join(content for kind, content in parts if kind == b"IDAT")
    step = -(-len(values) // pieces)
    split = [(b"IDAT", values[at : at + step]) for at in range(0, len(values), step)][: pieces - lost]
    kept = [part for part in parts if part[0] not in (b"IDAT", b"IEND")]
    found = missing_of_png(io.BytesIO(rebuilt([*kept, *split, (b"IEND", b"")])))
    assert (found is None) is (lost == 0)


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9, 0.99])
def test_a_png_that_was_cut_is_not_whole(share):
    data = png("L")
    assert missing_of_png(io.BytesIO(data[: int(share * len(data))])) == "its last rows are missing"


def test_a_palette_that_is_missing_is_said():
    parts = [part for part in chunks_of(png("P")) if part[0] != b"PLTE"]
    assert missing_of_png(io.BytesIO(rebuilt(parts))) == "its palette is missing"


#: Adam7: the pixels of each of the seven passes, as an array's slices.
PASSES = [(0, 8, 0, 8), (0, 8, 4, 8), (4, 8, 0, 4), (0, 4, 2, 4), (2, 4, 0, 2), (0, 2, 1, 2), (1, 2, 0, 1)]


@pytest.mark.parametrize("size_hw", [(1, 1), (2, 3), (5, 9), (8, 8), (37, 53)])
@pytest.mark.parametrize("short", [0, 1])
def test_an_interlaced_png_has_the_rows_of_seven_passes(size_hw, short):
    values = RNG.integers(0, 255, size_hw, np.uint8)
    raw = bytearray()
    for top, down, left, right in PASSES:
        part = values[top::down, left::right]
        if part.size:
            for row in part:
                raw += b"\0" + row.tobytes()
    header = struct.pack(">IIBBBBB", size_hw[1], size_hw[0], 8, 0, 0, 0, 1)
    content = zlib.compress(bytes(raw[: len(raw) - short]))
    data = rebuilt([(b"IHDR", header), (b"IDAT", content), (b"IEND", b"")])
    assert (missing_of_png(io.BytesIO(data)) is None) is (short == 0)
    if not short:
        assert np.array_equal(np.asarray(Image.open(io.BytesIO(data))), values), "Pillow reads it so, too"


@pytest.mark.parametrize("behind", [False, True])
def test_an_orientation_is_found_before_and_behind_the_values(behind):
    exif = Image.Exif()
    exif[0x0112] = 6
    parts = chunks_of(png("L"))
    told = b"eXIf", exif.tobytes().removeprefix(b"Exif\0\0")
    parts.insert(-1 if behind else 1, told)
    file = io.BytesIO(rebuilt(parts))
    file.seek(3)
    assert exif_of_png(file)[0x0112] == 6 and file.tell() == 3
    assert not dict(exif_of_png(io.BytesIO(png("L"))))


def jpeg(mode="L", size_hw=(61, 83), **options):
    file = io.BytesIO()
    rng = np.random.default_rng(1)
    values = rng.normal(120, 40, (*size_hw, 3 if mode == "RGB" else 1)).clip(0, 255).astype(np.uint8).squeeze()
    Image.fromarray(values, mode).save(file, "JPEG", **options)
    return file.getvalue()


KINDS = {
    "grey": {},
    "colour": {"mode": "RGB"},
    "progressive": {"progressive": True},
    "subsampled": {"mode": "RGB", "subsampling": 2},
    "restarts": {"restart_marker_blocks": 3},
    "comment": {"comment": b"\xff\xd9 is no end here"},
    "fine": {"quality": 100},
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_whole_jpeg_is_whole_also_with_something_behind_it(kind):
    data = jpeg(**KINDS[kind])
    for tail in (b"", b"\0" * 100, b"\xff\xd9", jpeg()):
        layout = layout_of(data + tail)
        values = data.rfind(b"\xff\xda") + 2
        assert values < layout.scan < values + 20 and layout.progressive is (kind == "progressive")
        assert layout == JpegLayout(bits=8, progressive=layout.progressive, scan=layout.scan, end=len(data) - 2)
    assert is_complete(data, layout_of(data))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("share", [0.3, 0.6, 0.9])
def test_a_jpeg_that_was_cut_has_no_end_or_not_all_values(kind, share):
    data = jpeg(**KINDS[kind])
    scan = data.rfind(b"\xff\xda")  # a progressive file without its last scans is a whole one of less detail
    cut = scan + 14 + int(share * (len(data) - scan - 16))
    assert layout_of(data[:cut]).end is None
    # Whoever repairs such a file by adding the end marker deceives decoders, and not this.
    mended = data[:cut].rstrip(b"\xff") + b"\xff\xd9"
    layout = layout_of(mended)
    assert layout.end is not None and not is_complete(mended, layout)
    assert not is_complete(data[:cut], layout_of(data[:cut]))


@pytest.mark.parametrize(
    "data", [b"", b"\xff", b"\xff\xd8", b"\xff\xd8\xff", b"\xff\xd8\xff\xe0\xff\xff", b"\xff" * 50]
)
def test_a_file_of_nothing_but_a_beginning_has_no_end(data):
    assert layout_of(data).end is None
