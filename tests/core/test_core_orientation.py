"""Turned files against Pillow's own reading of the tag."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageOps

from handbone.core.orientation import shown_size_hw, to_shown, to_stored
from handbone.core.radiograph import Radiograph

ORIENTATIONS = st.integers(1, 8)
SIZES = st.tuples(st.integers(1, 9), st.integers(1, 9))


def as_pillow_shows(stored, orientation):
    image = Image.fromarray(stored)
    exif = image.getexif()
    exif[0x0112] = orientation
    image.info["exif"] = exif.tobytes()
    return np.asarray(ImageOps.exif_transpose(image))


@given(ORIENTATIONS, SIZES)
def test_every_orientation_is_shown_as_pillow_shows_it(orientation, size_hw):
    stored = np.arange(np.prod(size_hw), dtype=np.uint8).reshape(size_hw)
    shown = to_shown(stored, orientation)
    assert np.array_equal(shown, as_pillow_shows(stored, orientation))
    assert shown.shape == shown_size_hw(size_hw, orientation)


@given(ORIENTATIONS, SIZES, st.integers(1, 3))
def test_planes_come_back_as_they_were_stored(orientation, size_hw, planes):
    stored = np.arange(planes * size_hw[0] * size_hw[1]).reshape(planes, *size_hw)
    shown = to_shown(stored, orientation)
    assert np.array_equal(to_stored(shown, orientation), stored)
    assert np.array_equal(to_shown(to_stored(stored, orientation), orientation), stored)
    for plane, one in zip(stored, shown, strict=True):
        assert np.array_equal(to_shown(plane, orientation), one)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_radiograph_knows_its_size_in_the_file(orientation):
    stored = np.zeros((3, 5), np.float32)
    radiograph = Radiograph(to_shown(stored, orientation), inverted=False, bits=8, orientation=orientation)
    assert radiograph.size_hw == shown_size_hw((3, 5), orientation)
    assert radiograph.stored_size_hw == (3, 5)


@pytest.mark.parametrize("orientation", [0, 9, -1])
def test_there_is_no_other_orientation(orientation):
    for turn in (to_shown, to_stored):
        with pytest.raises(KeyError):
            turn(np.zeros((2, 2)), orientation)


def test_a_radiograph_is_read_as_inverted_or_not_and_back():
    image = np.array([[0.0, 0.25, 1.0]], np.float32)
    read = Radiograph(image, inverted=False, bits=8)
    assert read.as_inverted(False) is read
    other = read.as_inverted(True)
    assert other.inverted and other.image.tolist() == [[1.0, 0.75, 0.0]] and other.bits == 8
    assert np.array_equal(other.as_inverted(False).image, image) and not other.as_inverted(False).inverted
