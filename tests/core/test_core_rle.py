"""Run lengths against a reading of the contest's rule pixel by pixel."""

import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from masks_toys import small_masks
from pycocotools import mask as coco_mask

from handbone.core import rle
from handbone.core.errors import HandboneError, ShapeError


def pixel_by_pixel(mask: np.ndarray) -> str:
    pairs, length = [], 0
    flat = [*mask.reshape(-1).tolist(), False]
    for position, inside in enumerate(flat):
        if inside:
            length += 1
        elif length:
            pairs += [position - length + 1, length]
            length = 0
    return " ".join(map(str, pairs))


@given(small_masks())
def test_encode_agrees_with_a_walk_over_all_pixels(mask):
    assert rle.encode(mask) == pixel_by_pixel(mask)


@given(small_masks())
def test_decode_gives_the_mask_back(mask):
    assert np.array_equal(rle.decode(rle.encode(mask), mask.shape), mask)


@given(small_masks(), st.integers(0, 5), st.integers(0, 5), st.integers(0, 5), st.integers(0, 5))
def test_a_part_is_encoded_as_in_the_whole_image(part, left, top, right, bottom):
    rows, columns = part.shape
    whole = np.zeros((top + rows + bottom, left + columns + right), bool)
    whole[top : top + rows, left : left + columns] = part
    assert rle.encode(part, size_hw=whole.shape, offset_xy=(left, top)) == pixel_by_pixel(whole)


@given(small_masks())
def test_the_decoded_box_is_the_smallest(mask):
    (left, top, right, bottom), crop = rle.decode_to_box(rle.encode(mask), mask.shape)
    assert np.array_equal(crop, mask[top:bottom, left:right])
    assert crop.sum() == mask.sum()
    if mask.any():
        rows, columns = np.nonzero(mask)
        # A run over several rows reaches from edge to edge, hence rows are exact and columns enclose.
        assert (top, bottom) == (rows.min(), rows.max() + 1)
        assert (left, right) == (columns.min(), columns.max() + 1)


@given(small_masks())
def test_pycocotools_reads_the_same_mask(mask):
    """COCO counts down the columns, from background: the run lengths of the transposed mask, without their starts."""
    pairs = [int(number) for number in rle.encode(mask.T).split()]
    counts, position = [], 1
    for start, length in zip(pairs[::2], pairs[1::2], strict=True):
        counts += [start - position, length]
        position = start + length
    counts.append(mask.size + 1 - position)
    height, width = mask.shape
    coded = coco_mask.frPyObjects({"size": [height, width], "counts": counts}, height, width)
    assert coco_mask.decode(coded).astype(bool).tolist() == mask.tolist()
    assert coco_mask.area(coded) == mask.sum()


def test_a_written_example():
    mask = np.array([[0, 1, 1, 0], [0, 0, 0, 1], [1, 1, 0, 0]], bool)
    assert rle.encode(mask) == "2 2 8 3"
    assert rle.encode(np.zeros((3, 4), bool)) == ""
    assert rle.encode(np.ones((3, 4), bool)) == "1 12"


def test_pairs_may_come_in_any_order_and_touch():
    expected = np.array([[1, 1, 1, 0], [0, 1, 0, 0]], bool)
    assert np.array_equal(rle.decode(" 6 1 1 2\n3 1 ", (2, 4)), expected)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("1 2 3", "3 numbers"),
        ("1 x", "'x'"),
        ("1 2.5", "'2.5'"),
        ("1 99999999999999999999", "not a whole number"),
        ("0 3", "'0 3' extends beyond the image"),
        ("-4 3", "'-4 3' extends beyond the image"),
        ("11 3", "'11 3' extends beyond the image of 4 x 3"),
        ("1 9223372036854775807", "not a whole number"),
        ("1 0", "length 0"),
        ("1 -2", "length -2"),
        ("1 3 3 2", "'1 3' and '3 2' overlap"),
        ("1 3 1 3", "overlap"),
    ],
)
def test_malformed_text_says_what_is_wrong(text, words):
    with pytest.raises(HandboneError, match="run") as error:
        rle.decode(text, (3, 4))
    assert words in str(error.value)


def test_a_part_outside_the_image_is_refused():
    with pytest.raises(ShapeError, match="fits into it"):
        rle.encode(np.ones((2, 2), bool), size_hw=(4, 4), offset_xy=(3, 0))
    with pytest.raises(ShapeError, match=r"\(29, 2, 2\)"):
        rle.encode(np.ones((29, 2, 2), bool))


def test_a_text_longer_than_any_mask_is_refused_before_it_is_read():
    every_second = np.arange(60).reshape(6, 10) % 2 == 0
    assert np.array_equal(rle.decode(rle.encode(every_second), (6, 10)), every_second)
    begun = time.monotonic()
    with pytest.raises(HandboneError, match="of 20000000 letters are more than an image of 10 x 6 pixels can have"):
        rle.decode("1 1 " * 5_000_000, (6, 10))
    assert time.monotonic() - begun < 2
