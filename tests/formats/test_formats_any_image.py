"""One image in every kind of file: the same grey comes out, as viewers show it; what cannot be read is named."""

import struct
import zlib

import cv2
import numpy as np
import pytest
from data_toys import draw, toy_hand
from PIL import Image
from PIL.PngImagePlugin import PngInfo
from tiff_files import write_tiff

from handbone.core.errors import HandboneError
from handbone.core.orientation import to_shown, to_stored
from handbone.formats import raster_pages
from handbone.formats.brightness import stretched
from handbone.formats.image_files import check_pixels, frames_of, read_image, size_of, split_frame, stem_of
from handbone.formats.inversion import is_inverted

GREY = draw(toy_hand())[:240]
REFERENCE = GREY / np.float32(255)
P = Image.fromarray(GREY)
ORIENTATIONS = range(1, 9)


def pillow(image, **options):
    return lambda path: image.save(path, **options)


def tiff(values, **tags):
    return lambda path: write_tiff(path, values, **tags)


def opencv(values):
    return lambda path: cv2.imwrite(str(path), values)


DEEP = GREY.astype(np.uint16)
KINDS = {
    "grey.png": (pillow(P), 8),
    "rgb.png": (pillow(P.convert("RGB")), 8),
    "palette.png": (pillow(P.convert("P")), 8),
    "rgba.png": (pillow(P.convert("RGBA")), 8),
    "la.png": (pillow(P.convert("LA")), 8),
    "interlaced16.png": (opencv(DEEP * 100), 16),
    "rgb16.png": (opencv(np.dstack([DEEP] * 3)), 16),
    "rgba16.png": (opencv(np.dstack([DEEP * 9] * 3 + [np.full_like(DEEP, 65535)])), 16),
    "grey.bmp": (pillow(P), 8),
    "rgb.bmp": (pillow(P.convert("RGB")), 8),
    "grey.gif": (pillow(P), 8),
    "lossless.webp": (pillow(P, lossless=True), 8),
    "lossless.jp2": (pillow(P), 8),
    "grey.pgm": (pillow(P), 8),
    "grey.jfif": (pillow(P, format="JPEG", quality=99), 8),
    "progressive.jpg": (pillow(P, quality=99, progressive=True), 8),
    "cmyk.jpg": (pillow(P.convert("CMYK"), quality=99), 8),
    "cmyk.tif": (pillow(P.convert("CMYK")), 8),
    "lzw.tif": (pillow(P, compression="tiff_lzw"), 8),
    "deflated.tif": (pillow(P, compression="tiff_adobe_deflate"), 8),
    "packbits.tif": (pillow(P, compression="packbits"), 8),
    "signed8.tif": (tiff((GREY.astype(np.int16) - 128).astype(np.int8)), 8),
    "signed16.tif": (tiff(GREY.astype(np.int16) * 100 - 12800), 16),
    "signed32.tif": (tiff(GREY.astype(np.int32) * 10**6 - 10**8), 32),
    "unsigned32.tif": (tiff(GREY.astype(np.uint32) * 16_000_000), 32),
    "float32.tif": (tiff(GREY.astype(np.float32) / 7 - 3), 32),
    "float64.tif": (tiff(GREY.astype(np.float64) * 1e-6), 64),
    "rgb_float.tif": (tiff(np.dstack([GREY.astype(np.float32)] * 3)), 32),
    "rgb16.tif": (tiff(np.dstack([DEEP * 7] * 3)), 16),
    "rgba16.tif": (tiff(np.dstack([DEEP] * 3 + [np.full_like(DEEP, 65535)]), t338=2), 16),
    "white_is_zero.tif": (tiff(4095 - DEEP * 16, t262=0), 16),
    "white_is_zero8.tif": (tiff(255 - GREY, t262=0), 8),
}


@pytest.mark.parametrize("name", KINDS)
def test_an_image_is_the_same_in_every_kind_of_file(tmp_path, name):
    write, bits = KINDS[name]
    write(tmp_path / name)
    radiograph = read_image(tmp_path / name)
    assert radiograph.bits == bits and not radiograph.inverted and size_of(tmp_path / name) == GREY.shape
    loss = 0.03 if name.endswith((".jpg", ".jfif")) else 1e-4
    np.testing.assert_allclose(radiograph.image, REFERENCE, atol=loss)
    assert radiograph.image.dtype == np.float32


@pytest.mark.parametrize("mode", ["png", "tif"])
def test_one_bit_is_black_and_white(tmp_path, mode):
    P.convert("1").save(tmp_path / f"a.{mode}")
    radiograph = read_image(tmp_path / f"a.{mode}")
    assert radiograph.bits == 1 and set(np.unique(radiograph.image)) == {0.0, 1.0}


@pytest.mark.parametrize("orientation", ORIENTATIONS)
@pytest.mark.parametrize("name", ["a.jpg", "a.png", "a.tif", "a.webp", "deep.tif", "colour.tif", "float.tif"])
def test_a_turned_image_is_read_as_viewers_show_it(tmp_path, name, orientation):
    stored, path = np.ascontiguousarray(to_stored(GREY, orientation)), tmp_path / name
    if name == "deep.tif":
        write_tiff(path, stored.astype(np.uint16), t274=orientation)
    elif name == "colour.tif":
        write_tiff(path, np.dstack([stored.astype(np.uint16)] * 3), t274=orientation)
    elif name == "float.tif":
        write_tiff(path, stored.astype(np.float64), t274=orientation)
    else:
        exif = Image.Exif()
        exif[274] = orientation
        options = {"a.jpg": {"quality": 99}, "a.webp": {"lossless": True}}.get(name, {})
        Image.fromarray(stored).save(path, exif=exif, **options)
    radiograph = read_image(path)
    np.testing.assert_allclose(radiograph.image, REFERENCE, atol=0.03)
    assert radiograph.orientation == orientation and radiograph.stored_size_hw == stored.shape
    assert size_of(path) == radiograph.size_hw == GREY.shape


@pytest.mark.parametrize("orientation", ORIENTATIONS)
def test_masks_are_turned_back_to_the_stored_frame(orientation):
    masks = np.random.default_rng(0).random((29, 5, 7)) > 0.5
    shown = to_shown(masks, orientation)
    assert np.array_equal(to_stored(shown, orientation), masks)
    # EXIF 6 is what a phone writes that was held upright: the first row is the right side.
    if orientation == 6:
        assert np.array_equal(shown[:, :, -1], masks[:, 0, :])


@pytest.mark.parametrize("name", ["a.tif", "a.gif", "a.webp"])
def test_several_images_of_a_file_have_a_number_each(tmp_path, name):
    others = [P.transpose(Image.Transpose.FLIP_TOP_BOTTOM), P.transpose(Image.Transpose.FLIP_LEFT_RIGHT)]
    options = {"lossless": True} if name == "a.webp" else {}
    P.save(tmp_path / name, save_all=True, append_images=others, **options)
    frames = list(frames_of(tmp_path / name))
    assert [path.name for path in frames] == [f"{name}#1", f"{name}#2", f"{name}#3"]
    for path, expected in zip(frames, (GREY, GREY[::-1], GREY[:, ::-1]), strict=True):
        np.testing.assert_allclose(read_image(path).image, expected / 255, atol=0.01)
        assert size_of(path) == GREY.shape and stem_of(path) == f"a{path.name[-2:]}"
    with pytest.raises(HandboneError, match="it holds 3 images, and no image 4"):
        read_image(tmp_path / f"{name}#4")


def test_each_image_of_a_file_is_held_to_the_limit(tmp_path):
    path = tmp_path / "a.tif"
    P.resize((20, 10)).save(path, save_all=True, append_images=[P])
    small, large = frames_of(path)
    assert (size_of(small), size_of(large)) == ((10, 20), GREY.shape)
    assert read_image(small, max_pixels=200).size_hw == (10, 20)
    with pytest.raises(HandboneError, match=r"a\.tif#2: it has 256 x 240 pixels"):
        read_image(large, max_pixels=200)


def test_a_file_with_one_image_is_its_own_frame(tmp_path):
    P.save(tmp_path / "a.png")
    assert list(frames_of(tmp_path / "a.png")) == [tmp_path / "a.png"]
    P.save(tmp_path / "hand#2.png")
    (tmp_path / "hand#2.png").rename(tmp_path / "hand#2")
    assert split_frame(tmp_path / "hand#2") == (tmp_path / "hand#2", 1)
    assert read_image(tmp_path / "hand#2").size_hw == GREY.shape


def test_reduced_copies_in_a_tiff_are_no_images_of_their_own(tmp_path):
    small = P.resize((64, 60))
    P.save(tmp_path / "a.tif", save_all=True, append_images=[small], tiffinfo={254: 1})
    # Pillow writes the tag to all pages: then nothing tells which is the image, and the first one is.
    assert [path.name for path in frames_of(tmp_path / "a.tif")] == ["a.tif"]
    assert read_image(tmp_path / "a.tif").size_hw == GREY.shape


@pytest.mark.parametrize("name", ["a.tif", "a.gif"])
def test_a_file_of_very_many_images_is_refused(tmp_path, name, monkeypatch):
    monkeypatch.setattr(raster_pages, "MAX_FRAMES", 3)
    for count in (3, 4):
        pages = [Image.fromarray(np.full((4, 4), 10 * n, np.uint8)) for n in range(count)]
        pages[0].save(tmp_path / name, save_all=True, append_images=pages[1:])
        if count == 3:
            assert len(list(frames_of(tmp_path / name))) == 3
    with pytest.raises(HandboneError, match=rf"{name}: it holds more than 3 images; split it"):
        list(frames_of(tmp_path / name))


@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_values_that_are_no_numbers_are_black_and_have_no_say(tmp_path, kind):
    values = GREY.astype(kind) / 7 - 3
    values[:20, :20], values[:20, 20:40], values[:20, 40:60] = np.nan, np.inf, -np.inf
    values[:20, 60:80] = -3.4e38  # "no data"
    image = read_image(write_tiff(tmp_path / "a.tif", values)).image
    assert not image[:20, :80].any()
    np.testing.assert_allclose(image[20:], REFERENCE[20:], atol=1e-4)


def test_a_transparent_grey_value_is_black(tmp_path):
    values = np.where(GREY < 10, 60000, GREY.astype(np.uint16) * 200).astype(np.uint16)
    Image.fromarray(values).save(tmp_path / "a.png", transparency=60000)
    image = read_image(tmp_path / "a.png").image
    assert not image[GREY < 10].any() and image.max() == 1


@pytest.mark.parametrize("name", ["a.png", "a.tif", "a.jpg", "a.webp", "a.bmp"])
def test_images_of_too_many_pixels_are_refused_by_their_header(tmp_path, name):
    P.save(tmp_path / name)
    for refuse in (check_pixels, lambda path, limit: read_image(path, max_pixels=limit)):
        with pytest.raises(HandboneError, match=rf"{name}: it has 256 x 240 pixels, and at most .* --max-pixels"):
            refuse(tmp_path / name, 60_000)
    check_pixels(tmp_path / name, GREY.size)


def png_that_claims(width, height, colour=6, bits=16):
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"\0\0\0")) + chunk(b"IEND", b"")


@pytest.mark.parametrize("side", [14_000, 16_000, 100_000])
def test_a_tiny_file_that_claims_gigabytes_is_refused_without_taking_them(tmp_path, side, monkeypatch):
    (tmp_path / "a.png").write_bytes(png_that_claims(side, side))
    assert size_of(tmp_path / "a.png") == (side, side) or side == 100_000
    monkeypatch.setattr(Image.Image, "load", None)  # nothing is decoded
    with pytest.raises(HandboneError, match=r"a\.png: it (claims|has) \d+ x \d+ pixels"):
        read_image(tmp_path / "a.png")


def test_the_limit_of_pillow_does_not_count_and_is_put_back(tmp_path, monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)
    P.save(tmp_path / "a.png")
    assert read_image(tmp_path / "a.png").size_hw == GREY.shape
    assert Image.MAX_IMAGE_PIXELS == 1000


@pytest.mark.parametrize(
    "options", [{}, {"progressive": True}, {"restart_marker_blocks": 8}, {"restart_marker_rows": 2}, {"subsampling": 2}]
)
def test_a_jpeg_that_is_cut_and_ended_again_is_refused(tmp_path, options):
    noise = cv2.GaussianBlur(np.random.default_rng(0).integers(0, 255, (300, 300, 3), np.uint8), (0, 0), 3)
    path = tmp_path / "a.jpg"
    Image.fromarray(noise).save(path, quality=90, **options)
    assert read_image(path).size_hw == (300, 300)
    data = path.read_bytes()
    path.write_bytes(data + b"trailing bytes, as cameras leave them")
    assert read_image(path).size_hw == (300, 300)
    start = data.rfind(b"\xff\xda") + 20
    for cut in range(start, len(data) - 8, (len(data) - start) // 25):
        path.write_bytes(data[:cut].rstrip(b"\xff") + b"\xff\xd9")
        with pytest.raises(HandboneError, match=r"a\.jpg: "):
            read_image(path)


@pytest.mark.parametrize("name", ["lzw.tif", "deflated.tif", "grey.png"])
def test_what_a_decoder_complains_of_is_refused(tmp_path, name):
    noise = np.random.default_rng(0).integers(0, 255, (200, 200), np.uint8)
    options = {"lzw.tif": "tiff_lzw", "deflated.tif": "tiff_adobe_deflate"}
    Image.fromarray(noise).save(tmp_path / name, **({"compression": options[name]} if name in options else {}))
    data = bytearray((tmp_path / name).read_bytes())
    for place in range(len(data) // 2, len(data) // 2 + 200):
        data[place] ^= 0x5A
    (tmp_path / name).write_bytes(data)
    with pytest.raises(HandboneError, match=rf"{name}: its pixels cannot be decoded"):
        read_image(tmp_path / name)


@pytest.mark.parametrize("compression", [34712, 65000, 7777])
def test_a_coding_that_nothing_knows_is_named_and_not_read_as_black(tmp_path, compression):
    path = write_tiff(tmp_path / "a.tif", GREY, t259=compression)
    with pytest.raises(HandboneError, match=rf"a\.tif: this is a TIFF file .* compression {compression} "):
        read_image(path)


HEADS = {
    "a HEIC image": b"\0\0\0\x18ftypheic\0\0\0\0mif1heic",
    "an AVIF image": b"\0\0\0\x18ftypavif\0\0\0\0",
    "a web page": b"\n<!DOCTYPE html>\n<html><body>Please log in</body></html>",
    "a pointer to a file in Git LFS": b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n",
    "a PDF document": b"%PDF-1.7\n%\xe2\xe3\xcf\xd3",
    "a zip archive": b"PK\x03\x04" + bytes(60),
    "a gzip archive": b"\x1f\x8b\x08" + bytes(60),
    "the directory of a DICOM disk": bytes(128)
    + b"DICM\x02\0\0\0UL\4\0\x90\0\0\0\x02\0\x02\0UI\x16\x001.2.840.10008.1.3.10",
    "a text file": "Bericht über die rechte Hand".encode(),
    "what a Mac keeps beside a file": b"\0\x05\x16\x07\0\x02\0\0Mac OS X        " + bytes(50),
    "an SVG drawing": b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"/>',
    "a film": b"\0\0\0\x18ftypisom\0\0\x02\0",
    "a bzip2 archive": b"BZh91AY&SY" + bytes(90),
    "an xz archive": b"\xfd7zXZ\0" + bytes(90),
    "a shortcut of Windows": b"L\0\0\0\x01\x14\x02\0" + bytes(90),
    "an alias of a Mac": b"book\0\0\0\0mark" + bytes(90),
    "a Python pickle": b"\x80\x04\x95" + bytes(90),
    "a camera's raw file": b"FUJIFILMCCD-RAW " + bytes(90),
}


@pytest.mark.parametrize("kind", HEADS)
def test_what_is_no_image_is_told_by_its_first_bytes_whatever_its_name(tmp_path, kind):
    for name in ("a.png", "b.jpg", "c.tif", "d"):
        (tmp_path / name).write_bytes(HEADS[kind])
        for read in (read_image, size_of):
            with pytest.raises(HandboneError, match=rf"{name}: this is {kind}.*; \w+"):
                read(tmp_path / name)


def test_a_jpeg_of_12_bits_says_what_reads_it(tmp_path):
    P.save(tmp_path / "a.jpg")
    data = bytearray((tmp_path / "a.jpg").read_bytes())
    data[data.find(b"\xff\xc0") + 4] = 12
    (tmp_path / "a.jpg").write_bytes(data)
    with pytest.raises(HandboneError, match=r"a\.jpg: this is JPEG of 12 bits.*handbone-dicom\[compressed\]"):
        read_image(tmp_path / "a.jpg")


def test_an_empty_file_a_folder_and_nothing_are_told_apart(tmp_path):
    (tmp_path / "empty.png").touch()
    (tmp_path / "folder.png").mkdir()
    for name, words in (("empty.png", "is empty"), ("folder.png", "cannot be read"), ("none.png", "No such file")):
        with pytest.raises(HandboneError, match=rf"{name}: .*{words}"):
            read_image(tmp_path / name)


AFFINE = [(1, 0), (0.5, 0), (0.5, 100), (1 / 16, 0), (200, 0), (13, 5000), (256, 0)]


@pytest.mark.parametrize(("scale", "offset"), AFFINE)
def test_brightness_is_the_images_own_and_not_its_files(scale, offset):
    base = GREY.astype(np.float64) * scale + offset
    np.testing.assert_allclose(stretched(base), REFERENCE, atol=1e-5)
    np.testing.assert_allclose(stretched(-base), 1 - REFERENCE, atol=1e-5)
    for kind in (np.uint8, np.uint16):
        if base.max() <= np.iinfo(kind).max:
            np.testing.assert_allclose(stretched(np.rint(base).astype(kind)), REFERENCE, atol=1.1 / (255 * scale))


def test_an_image_that_fills_its_range_keeps_its_values():
    np.testing.assert_array_equal(stretched(GREY), GREY / np.float32(255))


@pytest.mark.parametrize("outside", [None, np.arange(GREY.size).reshape(GREY.shape) % 7 == 0])
def test_values_of_8_bits_become_the_grey_of_the_same_values_in_16(outside):
    faint = (GREY // 3 + 20).astype(np.uint8)
    np.testing.assert_array_equal(stretched(faint, outside), stretched(faint.astype(np.uint16), outside))


@pytest.mark.parametrize("stray", [65535, 4000])
def test_a_few_stray_pixels_do_not_set_the_range(stray):
    values = GREY.astype(np.uint16)
    values[3:5, 3:5] = stray
    image = stretched(values)
    assert np.abs(image - REFERENCE)[10:].max() < 0.35 and image[10:].max() > 0.7
    flat = stretched(np.full((9, 9), 7, np.uint8))
    assert not flat.any()


def bordered(grey, level, share, *, all_round):
    side = int(share * grey.shape[1])
    top = side if all_round else 0
    return cv2.copyMakeBorder(grey, top, top, side, side, cv2.BORDER_CONSTANT, value=level)


@pytest.mark.parametrize("share", [0.12, 0.25])
@pytest.mark.parametrize("level", [0, 160, 255])
@pytest.mark.parametrize("all_round", [False, True])
@pytest.mark.parametrize("negative", [False, True])
def test_a_frame_round_an_image_does_not_decide_its_polarity(share, level, all_round, negative):
    grey = draw(toy_hand())
    image = bordered(255 - grey if negative else grey, level, share, all_round=all_round)
    assert is_inverted(image / np.float32(255)) is negative


def _interlaced(width, height, *, without=0):
    """A grey PNG of 4 bits in the seven passes of Adam7, all black, without its last bytes."""
    rows = b""
    for x, y, step_x, step_y in ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2)):
        columns = len(range(x, width, step_x))
        rows += bytes(1 + (columns + 1) // 2) * len(range(y, height, step_y)) if columns else b""
    rows += bytes(1 + (width + 1) // 2) * len(range(1, height, 2))
    header = struct.pack(">IIBBBBB", width, height, 4, 0, 0, 0, 1)
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(rows[: len(rows) - without])), (b"IEND", b"")]
    parts = [struct.pack(">I", len(d)) + kind + d + struct.pack(">I", zlib.crc32(kind + d)) for kind, d in chunks]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


@pytest.mark.parametrize("size", [(1, 1), (3, 5), (5, 3), (9, 17), (64, 40)])
def test_an_interlaced_png_is_whole_to_its_last_byte(tmp_path, size):
    (tmp_path / "a.png").write_bytes(_interlaced(*size))
    assert read_image(tmp_path / "a.png").size_hw == size[::-1]
    (tmp_path / "a.png").write_bytes(_interlaced(*size, without=1))
    with pytest.raises(HandboneError, match="last rows are missing"):
        read_image(tmp_path / "a.png")


_XMP = (
    b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    b'<rdf:Description xmlns:tiff="http://ns.adobe.com/tiff/1.0/" tiff:Orientation="6"/></rdf:RDF></x:xmpmeta>'
)


@pytest.mark.parametrize("name", ["a.png", "a.jpg", "a.tif", "a.webp"])
def test_only_exif_turns_an_image_as_in_viewers(tmp_path, name):
    """Editors leave the orientation that an image had once in XMP, too."""
    info = PngInfo()
    info.add_itxt("XML:com.adobe.xmp", _XMP.decode())
    options = {"a.png": {"pnginfo": info}, "a.tif": {"tiffinfo": {700: _XMP}}, "a.webp": {"lossless": True}}
    P.save(tmp_path / name, quality=99, **{"xmp": _XMP} | options.get(name, {}))
    assert size_of(tmp_path / name) == GREY.shape
    np.testing.assert_allclose(read_image(tmp_path / name).image, REFERENCE, atol=0.03)


def test_a_further_channel_of_a_tiff_is_no_transparency(tmp_path):
    """As Photoshop saves a selection."""
    values = np.dstack([DEEP] * 3 + [np.zeros_like(DEEP)])
    np.testing.assert_allclose(read_image(write_tiff(tmp_path / "a.tif", values, t338=0)).image, REFERENCE, atol=1e-4)
    clear = read_image(write_tiff(tmp_path / "b.tif", values, t338=2)).image
    assert not clear.any()


def test_a_mask_in_a_tiff_is_no_image_of_its_own(tmp_path):
    P.save(tmp_path / "a.tif", save_all=True, append_images=[P])
    data = bytearray((tmp_path / "a.tif").read_bytes())
    # The second page gets the tag NewSubfileType in place of its first one, which says its width a second time.
    first = struct.unpack_from("<I", data, 4)[0]
    (count,) = struct.unpack_from("<H", data, first)
    (second,) = struct.unpack_from("<I", data, first + 2 + 12 * count)
    (entries,) = struct.unpack_from("<H", data, second)
    pages = [struct.unpack_from("<HHII", data, second + 2 + 12 * n) for n in range(entries)]
    at = len(data)
    data += struct.pack("<H", entries + 1) + struct.pack("<HHII", 254, 4, 1, 4)
    data += b"".join(struct.pack("<HHII", *page) for page in pages) + bytes(4)
    struct.pack_into("<I", data, first + 2 + 12 * count, at)
    (tmp_path / "a.tif").write_bytes(data)
    assert [path.name for path in frames_of(tmp_path / "a.tif")] == ["a.tif"]


@pytest.mark.parametrize("values", [GREY, DEEP, GREY.astype(np.float64)], ids=["8", "16", "float"])
def test_a_strip_that_is_not_there_is_no_black_or_rubbish(tmp_path, values):
    with pytest.raises(HandboneError, match=r"a\.tif: .*(strips are missing|damaged)"):
        read_image(write_tiff(tmp_path / "a.tif", values, t273=0))


@pytest.mark.parametrize("kind", [np.uint16, np.float64])
def test_planes_of_deep_colour_that_decoders_mix_up_are_refused(tmp_path, kind):
    path = write_tiff(tmp_path / "a.tif", np.dstack([GREY.astype(kind)] * 3), t284=2)
    with pytest.raises(HandboneError, match=r"a\.tif: .*(planes of their own|damaged, or coded)"):
        read_image(path)


JPEGS = [{}, {"optimize": True}, {"progressive": True}, {"restart_marker_rows": 1}, {"quality": 99}]


@pytest.mark.parametrize("options", JPEGS)
@pytest.mark.parametrize("filled", [b"\xff" * 9, bytes(700)], ids=["ones", "zeros"])
def test_what_fills_up_a_jpeg_before_its_end_is_no_damage(tmp_path, options, filled):
    P.save(tmp_path / "a.jpg", **({"quality": 90} | options))
    data = (tmp_path / "a.jpg").read_bytes()
    (tmp_path / "b.jpg").write_bytes(data[:-2] + filled + data[-2:])
    np.testing.assert_array_equal(read_image(tmp_path / "b.jpg").image, read_image(tmp_path / "a.jpg").image)


def test_a_jpeg_whose_decoder_loses_its_place_is_refused(tmp_path):
    """As a transfer as text makes it: every line feed becomes two bytes."""
    noise = cv2.GaussianBlur(np.random.default_rng(0).integers(0, 255, (300, 300), np.uint8), (0, 0), 3)
    Image.fromarray(noise).save(tmp_path / "a.jpg", quality=90)
    data = (tmp_path / "a.jpg").read_bytes()
    for damaged in (data.replace(b"\n", b"\r\n"), data[:6000] + data[6700:]):
        (tmp_path / "a.jpg").write_bytes(damaged)
        with pytest.raises(HandboneError, match=r"a\.jpg: the JPEG file is truncated or damaged"):
            read_image(tmp_path / "a.jpg")


def test_a_plain_pgm_is_no_text(tmp_path):
    text = "P2\n# a comment\n256 240\n255\n" + "\n".join(" ".join(map(str, row)) for row in GREY)
    (tmp_path / "a.pgm").write_text(text)
    np.testing.assert_allclose(read_image(tmp_path / "a.pgm").image, REFERENCE, atol=1e-4)
