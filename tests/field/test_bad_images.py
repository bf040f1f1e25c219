"""Images that cannot be read, each beside a good one, through `handbone predict`."""
# ruff: noqa: E501 (a kind is read best in one line)

import io
import os
import struct
import zlib

import cv2
import numpy as np
import pytest
from bad_input import Bad
from cli_small import draw_image
from PIL import Image
from tiff_files import write_tiff

_PREDICT = "predict images -w {weights} -o out"


def _encoded(extension, *, size_hw=(150, 110), channels=1):
    grey = np.random.default_rng(1).integers(0, 255, (*size_hw, channels), np.uint8)
    return cv2.imencode(extension, grey)[1].tobytes()


def _chunk(kind, data, *, wrong_sum=False):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data) ^ wrong_sum)


def _png(*, width=60, height=80, depth=8, colour=0, rows=None, extra=b"", end=True, wrong_sum=False):
    rows = bytes((width + 1) * height) if rows is None else rows
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    parts = _chunk(b"IHDR", header, wrong_sum=wrong_sum) + extra + _chunk(b"IDAT", zlib.compress(rows))
    return b"\x89PNG\r\n\x1a\n" + parts + (_chunk(b"IEND", b"") if end else b"")


def _pillow(format, **options):
    file = io.BytesIO()
    Image.fromarray(np.random.default_rng(1).integers(0, 255, (150, 110), np.uint8)).save(file, format, **options)
    return file.getvalue()


def _tiff(folder, **tags):
    return write_tiff(folder / "images" / "bad.tif", np.full((40, 30), 7, np.uint8), **tags)


_JPEG = _encoded(".jpg")
_TIFF_LOOP = b"II*\0\x08\0\0\0" + struct.pack("<HHHII", 1, 256, 4, 1, 30) + struct.pack("<I", 8)
#: Name of the file, its bytes, and what must be said of it.
FILES = {
    "an empty file": ("bad.png", b"", "empty"),
    "one byte": ("bad.png", b"\x89", "bad.png"),
    "zeros": ("bad.png", bytes(5000), "bad.png"),
    "random bytes": ("bad.jpg", np.random.default_rng(0).bytes(5000), "bad.jpg"),
    "a text": ("bad.png", b"the radiograph is in the other folder\n", "text file"),
    "a table": ("bad.png", b"image_name,class,rle\n", "text file"),
    "a web page": ("bad.jpg", b"<!DOCTYPE html><html><body>Please log in</body></html>", "web page"),
    "a JSON answer of a server": ("bad.png", b'{"error": "forbidden"}', "text file"),
    "a pointer of Git LFS": ("bad.png", b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n", "lfs pull"),
    "a pointer of git-annex": ("bad.png", b"/annex/objects/SHA256E-s1--0.png", "annex get"),
    "a PDF": ("bad.png", b"%PDF-1.7\n%...", "pdf"),
    "a zip archive": ("bad.png", b"PK\x03\x04" + bytes(100), "zip"),
    "a gzip archive": ("bad.tif", b"\x1f\x8b\x08" + bytes(100), "gunzip"),
    "a 7-Zip archive": ("bad.png", b"7z\xbc\xaf\x27\x1c" + bytes(100), "7-zip"),
    "a RAR archive": ("bad.png", b"Rar!\x1a\x07\x01\0" + bytes(100), "rar"),
    "a tar archive": ("bad.png", bytes(257) + b"ustar\0" + bytes(300), "tar"),
    "an HEIC photograph": ("bad.jpg", b"\0\0\0\x18ftypheic" + bytes(500), "heic"),
    "an AVIF image": ("bad.jpg", b"\0\0\0\x18ftypavif" + bytes(500), "avif"),
    "a film": ("bad.png", b"\0\0\0\x18ftypmp42" + bytes(500), "film"),
    "a sound": ("bad.png", b"RIFF\x10\0\0\0WAVEfmt " + bytes(100), "sound"),
    "a Photoshop file": ("bad.tif", b"8BPS\0\x01" + bytes(100), "photoshop"),
    "an SVG drawing": ("bad.png", b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"/>', "svg"),
    "a NumPy array": ("bad.png", b"\x93NUMPY\x01\0" + bytes(100), "numpy"),
    "an HDF5 file": ("bad.png", b"\x89HDF\r\n\x1a\n" + bytes(100), "hdf5"),
    "a NIfTI volume": ("bad.png", b"\x5c\x01\0\0" + bytes(340) + b"n+1\0", "nifti"),
    "an NRRD volume": ("bad.png", b"NRRD0004\ntype: uchar\n", "nrrd"),
    "a FITS image": ("bad.png", b"SIMPLE  =                    T", "fits"),
    "a JPEG XL image": ("bad.jpg", b"\xff\x0a" + bytes(100), "jpeg xl"),
    "a program": ("bad.png", b"\x7fELF" + bytes(100), "program"),
    "a bzip2 archive": ("bad.tif", b"BZh91AY&SY" + bytes(100), "bunzip2"),
    "a shortcut of Windows": ("bad.png", b"L\0\0\0\x01\x14\x02\0" + bytes(100), "leads to"),
    "a Python pickle": ("bad.png", b"\x80\x04\x95" + bytes(100), "never opened"),
    "an old Office document": ("bad.png", b"\xd0\xcf\x11\xe0" + bytes(600), "office"),
    "an Office document": ("bad.png", b"PK\x03\x04" + bytes(26) + b"[Content_Types].xml", "an office document"),
    "a document of LibreOffice": ("bad.png", b"PK\x03\x04" + bytes(26) + b"mimetypeapplication/vnd.oasis", "office"),
    "JPEG-LS": ("bad.jpg", b"\xff\xd8\xff\xf7\0\x0b\x08" + bytes(50), "jpeg-ls"),
    "a DICOM file without its plugin": ("bad.png", bytes(128) + b"DICM" + bytes(100), "dicom"),
    "a DICOM directory": ("bad.png", bytes(128) + b"DICM" + b"1.2.840.10008.1.3.10" + bytes(100), "directory"),
    "half a PNG": ("bad.png", _encoded(".png")[:4000], "bad.png"),
    "a PNG of its first line": ("bad.png", _png()[:33], "bad.png"),
    "a PNG without pixels": ("bad.png", _png(rows=b""), "bad.png"),
    "a PNG with too few rows": ("bad.png", _png(rows=bytes(61 * 20)), "bad.png"),
    "a PNG of no width": ("bad.png", _png(width=0), "bad.png"),
    "a PNG with an unknown filter": ("bad.png", _png(rows=bytes([9] * 61 * 80)), "bad.png"),
    "a PNG with a wrong sum": ("bad.png", _png(wrong_sum=True), "bad.png"),
    "a PNG of colour type 5": ("bad.png", _png(colour=5), "bad.png"),
    "a PNG with a palette that is missing": ("bad.png", _png(colour=3), "bad.png"),
    "a PNG of a billion pixels": ("bad.png", _png(width=60_000, height=60_000, rows=b"\0"), "pixels"),
    "a PNG just above the limit": ("bad.png", _png(width=20_000, height=10_001, rows=b"\0"), "--max-pixels"),
    "half a JPEG": ("bad.jpg", _JPEG[: len(_JPEG) // 2], "bad.jpg"),
    "a JPEG that is cut and ended": ("bad.jpg", _JPEG[: len(_JPEG) // 2] + b"\xff\xd9", "truncated"),
    "a JPEG that was copied as text": ("bad.jpg", _JPEG.replace(b"\n", b"\r\n"), "damaged"),
    "a JPEG of its start": ("bad.jpg", b"\xff\xd8\xff\xe0", "bad.jpg"),
    "a JPEG without its tables": ("bad.jpg", b"\xff\xd8" + _JPEG[_JPEG.index(b"\xff\xda") :], "bad.jpg"),
    "a JPEG of 12 bits": ("bad.jpg", _JPEG.replace(b"\xff\xc0\0\x0b\x08", b"\xff\xc1\0\x0b\x0c"), "12"),
    "half a GIF": ("bad.gif", _pillow("GIF")[:300], "bad.gif"),
    "half a WebP": ("bad.webp", _pillow("WEBP", lossless=True)[:300], "bad.webp"),
    "half a BMP": ("bad.bmp", _pillow("BMP")[:3000], "bad.bmp"),
    "a BMP of a negative width": ("bad.bmp", _pillow("BMP")[:18] + struct.pack("<i", -110) + _pillow("BMP")[22:], "bad"),
    "a BMP of four billion pixels": ("bad.bmp", _pillow("BMP")[:18] + struct.pack("<ii", 1 << 16, 1 << 16) + bytes(99), "bad"),
    "half a JPEG 2000": ("bad.jp2", _pillow("JPEG2000")[:300], "bad.jp2"),
    "a PGM without pixels": ("bad.pgm", b"P5 100 100 255\n", "bad.pgm"),
    "a PGM of letters": ("bad.pgm", b"P5 ten ten 255\n" + bytes(100), "bad.pgm"),
    "half a TIFF": ("bad.tif", _pillow("TIFF")[:4000], "bad.tif"),
    "a TIFF without a page": ("bad.tif", b"II*\0\0\0\0\0", "bad.tif"),
    "a TIFF that begins behind its end": ("bad.tif", b"II*\0\xff\xff\xff\x7f", "bad.tif"),
    "a TIFF whose pages go round": ("bad.tif", _TIFF_LOOP, "bad.tif"),
}  # fmt: skip
_TAGS = {
    "a TIFF of an unknown compression": ({"t259": 34712}, "34712"),
    "a TIFF whose strips lie outside": ({"t273": 10_000_000}, "bad.tif"),
    "a TIFF of four billion rows": ({"t257": 0xFFFFFFFF}, "bad.tif"),
    "a TIFF of 3 bits": ({"t258": 3}, "bad.tif"),
    "a TIFF without its strips": ({"t273": 0}, "strips are missing"),
    "a TIFF of no columns": ({"t256": 0}, "bad.tif"),
}


@pytest.mark.parametrize("kind", FILES)
def test_a_file_that_is_no_readable_image_costs_only_itself(kind, try_bad):
    name, content, says = FILES[kind]

    def make(folder):
        draw_image(folder / "images" / "good.png")
        (folder / "images" / name).write_bytes(content)

    try_bad(Bad(f"{_PREDICT} images/{name}", make, (name, says), survives="good.png"))


@pytest.mark.parametrize("kind", _TAGS)
def test_a_tiff_that_lies_costs_only_itself(kind, try_bad):
    tags, says = _TAGS[kind]

    def make(folder):
        draw_image(folder / "images" / "good.png")
        _tiff(folder, **tags)

    try_bad(Bad(f"{_PREDICT} images/bad.tif", make, ("bad.tif", says), survives="good.png"))


def test_an_image_without_a_number_costs_only_itself(try_bad):
    def make(folder):
        draw_image(folder / "images" / "good.png")
        write_tiff(folder / "images" / "bad.tif", np.full((40, 30), np.nan, np.float32))

    try_bad(Bad(_PREDICT, make, ("bad.tif",), survives="good.png"))


def _linked(folder):
    folder.joinpath("link.png").symlink_to("nowhere.png")


def _drawn(folder):
    draw_image(folder / "a.png")


#: Paths that are no images at all: nothing is made.
PATHS = {
    "no such file": Bad("predict none.png -w {weights} -o out", says=("none.png", "no such file")),
    "an address": Bad("predict https://example.org/a.png -w {weights} -o out", says=("a.png", "download https://example.org/a.png")),
    "no such folder": Bad("predict none/ -w {weights} -o out", says=("none", "no such file")),
    "an empty folder": Bad("predict e -w {weights} -o out", lambda f: (f / "e").mkdir(), ("no radiograph",)),
    "a link to nothing": Bad("predict link.png -w {weights} -o out", _linked, ("link.png",)),
    "a pipe": Bad("predict pipe -w {weights} -o out", lambda f: os.mkfifo(f / "pipe"), ("pipe", "neither")),
    "a device": Bad("predict /dev/null -w {weights} -o out", says=("/dev/null", "neither")),
    "only hidden files": Bad("predict . -w {weights} -o out", lambda f: draw_image(f / "._a.png"), ("hidden",)),
    "only a Mac's folder": Bad("predict . -w {weights} -o out", lambda f: draw_image(f / "__MACOSX/a.png"), ("hidden",)),
    "only texts": Bad("predict . -w {weights} -o out", lambda f: (f / "a.txt").write_text("x"), (".txt",)),
    "only archives": Bad("predict . -w {weights} -o out", lambda f: (f / "a.zip").write_bytes(b"x"), ("unpack",)),
    "only DICOM without its plugin": Bad("predict . -w {weights} -o out", lambda f: (f / "a").write_bytes(bytes(128) + b"DICM"), ("handbone-dicom",)),
    "a frame that is not there": Bad("predict a.png#3 -w {weights} -o out", _drawn, ("a.png#3",)),
    "an impossible threshold": Bad("predict a.png -w {weights} -o out --threshold 2", _drawn, ("threshold", "0.99"), 2),
    "a threshold in words": Bad("predict a.png -w {weights} -o out --threshold half", _drawn, ("--threshold", "number"), 2),
    "an unknown view": Bad("predict a.png -w {weights} -o out --views sideways", _drawn, ("sideways",)),
    "an unknown polarity": Bad("predict a.png -w {weights} -o out --invert maybe", _drawn, ("maybe",), 2),
    "three hands": Bad("predict a.png -w {weights} -o out --hands three", _drawn, ("three",), 2),
    "no pixel allowed": Bad("predict a.png -w {weights} -o out --max-pixels 0", _drawn, ("max-pixels",), 2),
    "an unknown format": Bad("predict a.png -w {weights} -o out --write docx", _drawn, ("docx",)),
    "an unknown key of a format": Bad("predict a.png -w {weights} -o out --write coco --set coco.colour=red", _drawn, ("colour",)),
    "a wrong value of a format": Bad("predict a.png -w {weights} -o out --write coco --set coco.segmentation=7", _drawn, ("segmentation",)),
    "a setting of a format that is not written": Bad("predict a.png -w {weights} -o out --set coco.segmentation=rle", _drawn, ("coco",)),
    "a setting without a value": Bad("predict a.png -w {weights} -o out --write coco --set coco.segmentation", _drawn, ("coco.segmentation",)),
    "no path": Bad("predict -w {weights} -o out", says=("path",), code=2),
    "an unknown option": Bad("predict a.png --colour red", _drawn, ("--colour",), 2),
}  # fmt: skip


@pytest.mark.parametrize("kind", PATHS)
def test_a_call_that_cannot_be_met_makes_nothing(kind, try_bad):
    try_bad(PATHS[kind])
