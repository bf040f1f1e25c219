"""PNG and JPEG files that were cut anywhere, of every kind that Pillow writes: whole ones are whole and no others."""

import io
import struct
import zlib

import cv2
import numpy as np
import pytest
from PIL import Image

from handbone.formats.jpeg_check import is_complete, layout_of
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
        assert (layout.bits, layout.lossless, layout.end) == (8, False, len(data) - 2)
    assert is_complete(data, layout_of(data))


def drawn(**options):
    """A JPEG of a radiograph's smooth parts and black background, in whose values decoders find their place again."""
    file = io.BytesIO()
    across, down = np.meshgrid(np.linspace(0, 9, 300), np.linspace(0, 7, 260))
    grey = (
        (np.sin(across) * np.cos(down) * 120 + np.random.default_rng(2).normal(60, 3, across.shape)).clip(0, 255)
    ) // 1
    image = Image.fromarray(grey.astype(np.uint8))
    mode = options.pop("mode", "L")
    image.convert("RGB").convert(mode).save(file, "JPEG", **options)
    return file.getvalue()


WHOLE = [{"quality": q, "optimize": o, "progressive": p} for q in (3, 50, 90, 100) for o in (0, 1) for p in (0, 1)]
WHOLE += [one | {"mode": "RGB", "subsampling": s} for one in WHOLE[::2] for s in (0, 1, 2)]
WHOLE += [{"mode": "CMYK"}, {"mode": "CMYK", "progressive": True}, {"mode": "RGB", "keep_rgb": True}]
WHOLE += [{"restart_marker_blocks": n, "progressive": p} for n in (1, 7) for p in (0, 1)]
WHOLE += [{"exif": b"Exif\0\0MM\0*\0\0\0\x08\0\0\0\0\0\0" + drawn()[:9000]}, {"comment": b"\xff\xd9"}]


def test_nothing_is_missed_in_whole_jpegs_of_any_kind():
    samplings = [cv2.IMWRITE_JPEG_SAMPLING_FACTOR_411, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_440]
    colour = np.random.default_rng(0).integers(0, 255, (50, 70, 3), np.uint8)
    files = [cv2.imencode(".jpg", colour, [cv2.IMWRITE_JPEG_SAMPLING_FACTOR, s])[1].tobytes() for s in samplings]
    files += [drawn(**options) for options in WHOLE]
    plain = drawn()
    several = io.BytesIO()
    Image.open(io.BytesIO(plain)).save(several, "MPO", save_all=True, append_images=[Image.new("L", (9, 9))])
    files += [several.getvalue(), plain + plain, plain[:-2] + b"\x11\x22" + plain[-2:], plain[:2] + b"\0\0" + plain[2:]]
    files.append(plain.replace(b"JFIF\0\x01\x01", b"JFIF\0\x02\x01"))
    assert [n for n, data in enumerate(files) if not is_complete(data, layout_of(data))] == []


DAMAGE = {
    "a stretch is missing": lambda data, at: data[:at] + data[at + 100 :],
    "a stretch is there twice": lambda data, at: data[:at] + data[at - 150 :],
    "other values": lambda data, at: data[:at] + b"\x5a\xa5\x3c" * 40 + data[at + 120 :],
    "zeros": lambda data, at: data[:at] + bytes(512) + data[at + 512 :],
}


@pytest.mark.parametrize("damage", DAMAGE)
@pytest.mark.parametrize("options", [{}, {"optimize": True}, {"progressive": True}, {"restart_marker_rows": 1}])
def test_damage_in_the_middle_of_a_jpeg_is_noticed(options, damage):
    data = drawn(quality=95, **options)
    begin = data.index(b"\xff\xda") + 40
    places = [begin + (len(data) - begin) * n // 10 for n in range(2, 9)]
    damaged = [DAMAGE[damage](data, at) for at in places]
    missed = [n for n, each in enumerate(damaged) if is_complete(each, layout_of(each))]
    # Codes may make sense again, and give as many blocks as there should be.
    assert len(missed) <= 2, missed


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
