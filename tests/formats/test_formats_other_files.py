"""What a file is from its first bytes or its name, and values of all kinds in memory as radiographs."""

import os

import numpy as np
import pytest
from data_toys import draw, toy_hand
from hypothesis import given
from hypothesis import strategies as st

from handbone.core.errors import HandboneError, ShapeError
from handbone.formats import other_files
from handbone.formats.arrays import radiograph_from_array
from handbone.formats.file_kinds import counted_as, kind_of
from handbone.formats.other_files import is_hidden
from handbone.formats.signatures import EXTENSIONS, is_image

# First bytes, and the kind by its name.
HEADS = [
    (b"%PDF-1.7", "a PDF document"),
    (b"PK\x03\x04rest", "a zip archive"),
    (b"PK\x05\x06" + bytes(18), "an empty zip archive"),
    (bytes(257) + b"ustar  \0", "a tar archive"),
    (b"\x5c\x01\x00\x00" + bytes(340), "a NIfTI file"),
    (bytes(344) + b"n+1\0", "a NIfTI file"),
    (bytes(344) + b"ni1\0", "a NIfTI file"),
    (bytes(128) + b"DICM" + bytes(20), "a DICOM file"),
    (bytes(128) + b"DICM" + bytes(20) + b"1.2.840.10008.1.3.10", "the directory of a DICOM disk, and no image"),
    (b"RIFF\0\0\0\0WEBPVP8 ", "a WebP file"),
    (b"RIFF\0\0\0\0AVI LIST", "a sound or a film"),
    (b"\0\0\0\x18ftypheic", "a HEIC image"),
    (b"\0\0\0\x18ftypmif1", "a HEIC image"),
    (b"\0\0\0\x18ftypavif", "an AVIF image"),
    (b"\0\0\0\x18ftypisom", "a film"),
    (b"version https://git-lfs.github.com/spec/v1\n", "a pointer to a file in Git LFS, not the file"),
    (b"/annex/objects/MD5-s1\n", "a pointer to a file in git-annex, not the file"),
    (b"../.git/annex/objects/x\n", "a pointer to a file in git-annex, not the file"),
    (b"  <!DOCTYPE HTML><html>", "a web page, not an image"),
    (b"\xef\xbb\xbf<html>", "a web page, not an image"),
    (b"<?xml version='1.0'?><svg>", "an SVG drawing"),
    (b"<?xml version='1.0'?><feed>", "a text file, and no image"),
    (b"hello", "a text file, and no image"),
    ("환자 목록".encode(), "a text file, and no image"),
    ("환자 목록".encode()[:-1], "a text file, and no image"),
    ("환자 목록".encode()[:-2], "a text file, and no image"),
    (b"hel", None),
    (b"hel\0lo", None),
    (b"hello\x01", None),
    (b"hello \xff\xff\xff\xff\xff", None),
    (b"", None),
]


@pytest.mark.parametrize(("head", "name"), HEADS)
def test_a_file_is_known_by_its_first_bytes(head, name):
    kind = kind_of(head)
    assert (kind and kind.name.removesuffix(", as phones take them")) == name
    assert kind is None or kind.name.startswith(("a ", "an ", "the ", "what "))


@given(st.binary(max_size=600))
def test_any_bytes_are_some_kind_or_none(head):
    kind = kind_of(head)
    assert kind is None or kind.name


@pytest.mark.parametrize(
    ("name", "one"),
    [
        ("a.nii.gz", "NIfTI, NRRD or MetaImage volume"),
        ("A.NII.GZ", "NIfTI, NRRD or MetaImage volume"),
        ("a.gz", "archive"),
        ("a.tar", "archive"),
        ("a.mp4", "film"),
        ("a.png", None),
        ("gz", None),
        ("a.gz.txt", None),
    ],
)
def test_a_file_is_counted_by_its_longest_extension(name, one):
    counted = counted_as(name, ())
    assert (counted is None) == (one is None)
    assert counted is None or one.split()[0].lower() in counted.one.lower() or "video" in counted.one.lower()


def test_an_extension_that_a_plugin_reads_is_counted_as_nothing_else():
    assert counted_as("a.nii", (".nii",)) is None
    assert counted_as("a.nii.gz", (".nii.gz",)).one == counted_as("a.gz", ()).one


HIDDEN = [".a", "~$a.xlsx", "Thumbs.db", "THUMBS.DB", "__MACOSX", "desktop.ini", "@eaDir", "Icon\r", "lost+found"]


@pytest.mark.parametrize("name", HIDDEN)
def test_what_systems_leave_is_hidden(name):
    assert is_hidden(name)


@pytest.mark.parametrize("name", ["a", "~a", "$a", "thumbs.db.png", "icon", "a.", "macosx", "-a"])
def test_what_people_name_is_not_hidden(name):
    assert not is_hidden(name)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no pipes")
def test_pipes_and_files_that_are_gone_are_no_images(tmp_path):
    os.mkfifo(tmp_path / "pipe.png")
    assert other_files.kind_of(tmp_path / "pipe.png") is other_files.SPECIAL
    assert other_files.kind_of(tmp_path / "gone.png") is other_files.UNREADABLE


@pytest.mark.parametrize("name", ["a.bin", "a.dcm", "a.ima", "a.DICOM"])
def test_a_dicom_file_is_known_by_bytes_or_name_and_other_files_are_other(tmp_path, name):
    (tmp_path / name).write_bytes(bytes(128) + b"DICM" if name == "a.bin" else b"\x01\x02\x03")
    assert other_files.kind_of(tmp_path / name) in (other_files.DICOM, other_files.NO_IMAGE, None)
    (tmp_path / "b.bin").write_bytes(b"\x01\x02\x03")
    assert other_files.kind_of(tmp_path / "b.bin") is other_files.OTHER


@pytest.mark.parametrize("extension", EXTENSIONS)
def test_extensions_are_lower_case_with_their_dot(extension):
    assert extension == extension.lower() and extension.startswith(".")


@pytest.mark.parametrize(
    ("head", "image"),
    [
        (b"\xff\xd8\xff\xe0", True),
        (b"\xff\xd8", False),
        (b"GIF87a", True),
        (b"RIFF\0\0\0\0WEBP", True),
        (b"RIFF\0\0\0\0WAVE", False),
        (b"BM" + bytes(12) + b"\x28\0\0\0", True),
        (b"BM" + bytes(12) + b"\x29\0\0\0", False),
        (b"BM" + bytes(12) + b"\x28\0\0", False),
        (b"", False),
    ],
)
def test_images_are_told_by_as_many_bytes_as_it_takes(head, image):
    assert is_image(head) is image


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.uint16, np.int32, np.float32, np.float64])
def test_the_same_values_of_any_type_are_the_same_radiograph(dtype):
    values = np.random.default_rng(0).integers(0, 100, (40, 30))
    read = radiograph_from_array(values.astype(dtype))
    assert np.allclose(read.image, radiograph_from_array(values.astype(np.float64)).image, atol=1e-4)
    assert read.bits == 8 * np.dtype(dtype).itemsize and read.image.dtype == np.float32


@pytest.mark.parametrize("shape", [(1, 1), (1, 7), (7, 1), (2, 2)])
def test_the_smallest_arrays_are_radiographs(shape):
    read = radiograph_from_array(np.arange(np.prod(shape)).reshape(shape))
    assert read.image.shape == shape and 0 <= read.image.min() <= read.image.max() <= 1


def test_equal_channels_are_the_grey_that_they_show():
    grey = np.random.default_rng(0).integers(0, 255, (20, 30), np.uint8)
    assert np.array_equal(radiograph_from_array(np.dstack([grey] * 3)).image, radiograph_from_array(grey).image)


@pytest.mark.parametrize("shape", [(), (3,), (0, 3), (3, 0), (2, 3, 4), (2, 3, 1), (0, 0, 3), (1, 2, 3, 3)])
def test_other_shapes_are_quoted(shape):
    with pytest.raises(
        ShapeError, match=r"a radiograph must have the shape \(H, W\), or \(H, W, 3\) as uint8"
    ) as error:
        radiograph_from_array(np.zeros(shape, np.uint8))
    assert str(shape) in str(error.value)


@pytest.mark.parametrize("values", [np.zeros((2, 3), bool), np.zeros((2, 3), complex), np.full((2, 3), "a")])
def test_other_values_are_named_by_their_type(values):
    with pytest.raises(HandboneError, match=r"values of the type .*; give integers or floating-point numbers") as error:
        radiograph_from_array(values)
    assert str(values.dtype) in str(error.value)


def test_colours_of_more_than_8_bits_are_no_radiograph():
    with pytest.raises(ShapeError):
        radiograph_from_array(np.zeros((2, 3, 3), np.uint16))


@pytest.mark.parametrize("inverted", [False, True])
def test_an_inverted_array_is_turned_round(inverted):
    image = draw(toy_hand())
    read = radiograph_from_array(255 - image if inverted else image)
    assert bool(read.inverted) is inverted
    assert np.allclose(read.image, radiograph_from_array(image).image, atol=0.005)
