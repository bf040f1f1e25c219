"""Anyone's run lengths: every way of counting against pycocotools and plain arrays."""

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from masks_toys import dense_masks, small_masks
from pycocotools import mask as coco_mask

from handbone.anatomy import COUNT
from handbone.core.bone_masks import BoneMasks
from handbone.core.errors import HandboneError
from handbone.core.rle_reading import RleReading

WAYS = st.builds(RleReading, st.booleans(), st.booleans(), st.none())


def runs_of(flat, first):
    """Pairs of start and length by a walk over all pixels."""
    pairs, position = [], 0
    while position < len(flat):
        if flat[position]:
            end = position
            while end < len(flat) and flat[end]:
                end += 1
            pairs += [position + first, end - position]
            position = end
        position += 1
    return " ".join(map(str, pairs))


def written(dense, way):
    order = "F" if way.column_major else "C"
    return [runs_of(mask.ravel(order=order), 0 if way.zero_based else 1) for mask in dense]


@given(dense_masks(), WAYS)
def test_masks_are_read_as_they_were_counted(dense, way):
    size_hw = dense.shape[1:]
    cells = written(dense, way)
    assert np.array_equal(way.masks(cells, size_hw).dense(), dense)
    assert list(way.standard(cells, size_hw)) == written(dense, RleReading())


@settings(max_examples=40)
@given(small_masks())
def test_column_major_from_zero_is_what_coco_counts(mask):
    """COCO's uncompressed counts begin with background at pixel 0 and go down the columns."""
    way = RleReading(column_major=True, zero_based=True)
    numbers = [int(n) for n in written([mask], way)[0].split()]
    counts, at = [], 0
    for start, length in zip(numbers[::2], numbers[1::2], strict=True):
        counts += [start - at, length]
        at = start + length
    counts.append(mask.size - at)
    height, width = mask.shape
    decoded = coco_mask.decode(coco_mask.frPyObjects({"size": [height, width], "counts": counts}, height, width))
    cells = [" ".join(map(str, numbers)), *[None] * (COUNT - 1)]
    assert np.array_equal(way.masks(cells, mask.shape).mask(0), decoded.astype(bool))


def scaled_by_pixels(mask, size_hw):
    """Each pixel of the image asks the four around its centre in the frame, which goes on as it ends."""
    (rows, columns), (height, width) = mask.shape, size_hw
    padded = np.pad(mask.astype(float), 1, mode="edge")
    out = np.zeros(size_hw)
    for y in range(height):
        for x in range(width):
            v, u = (y + 0.5) * rows / height + 0.5, (x + 0.5) * columns / width + 0.5
            top, left = int(np.floor(v)), int(np.floor(u))
            dv, du = v - top, u - left
            corners = padded[top : top + 2, left : left + 2]
            out[y, x] = (corners * np.outer([1 - dv, dv], [1 - du, du])).sum()
    return out


@pytest.mark.parametrize("factors", [(2, 2), (3, 2), (1, 4), (5, 3)])
@pytest.mark.parametrize("seed", range(3))
def test_a_smaller_frame_is_enlarged_about_pixel_centres(factors, seed):
    """Not square, and touching every edge. OpenCV interpolates in steps of 1/32, so that values near a half may go
    either way."""
    mask = np.random.default_rng(seed).random((7, 9)) < 0.5
    size_hw = mask.shape[0] * factors[0], mask.shape[1] * factors[1]
    way = RleReading(frame_hw=mask.shape)
    got = way.masks([runs_of(mask.ravel(), 1), *[None] * (COUNT - 1)], size_hw).mask(0)
    share = scaled_by_pixels(mask, size_hw)
    sure = np.abs(share - 0.5) > 0.04
    assert np.array_equal(got[sure], share[sure] > 0.5) and sure.mean() > 0.5


@pytest.mark.parametrize("size_hw", [(12, 20), (13, 11), (60, 44)])
def test_a_frame_of_another_shape_keeps_relative_places(size_hw):
    """A rectangle of the frame is, to within a pixel, the rectangle at the same shares of the image."""
    frame = np.zeros((40, 30), bool)
    frame[10:30, 6:24] = True
    way = RleReading(frame_hw=frame.shape)
    masks = way.masks([runs_of(frame.ravel(), 1), *[None] * (COUNT - 1)], size_hw)
    left, top, right, bottom = masks.boxes_xyxy[0]
    assert abs(left - 6 / 30 * size_hw[1]) <= 1 and abs(right - 24 / 30 * size_hw[1]) <= 1
    assert abs(top - 10 / 40 * size_hw[0]) <= 1 and abs(bottom - 30 / 40 * size_hw[0]) <= 1


def test_a_full_frame_is_the_full_image_and_an_empty_one_is_empty():
    """A bone that the edges cut, as they do the forearm's, loses nothing there, its corners included."""
    way = RleReading(frame_hw=(4, 4))
    masks = way.masks(["1 16", "", *[None] * (COUNT - 2)], (12, 8))
    assert masks.areas()[:3].tolist() == [12 * 8, 0, 0]
    below = way.masks(["10 2 14 2", *[None] * (COUNT - 1)], (40, 40)).mask(0)
    assert below[20:, 10:30].sum() >= 400 - 40 and below[-1].sum() == 20 and not below[:18].any()


@pytest.mark.parametrize("size_hw", [(21, 18), (14, 45), (40, 40)])
@pytest.mark.parametrize("seed", range(3))
def test_a_frame_is_enlarged_as_opencv_resizes_it(size_hw, seed):
    mask = cv2.GaussianBlur(np.random.default_rng(seed).random((14, 15)).astype(np.float32), (5, 5), 0) > 0.5
    masks = RleReading(frame_hw=mask.shape).masks([runs_of(mask.ravel(), 1), *[None] * (COUNT - 1)], size_hw)
    share = cv2.resize(mask.astype(np.float32), size_hw[::-1], interpolation=cv2.INTER_LINEAR)
    sure = np.abs(share - 0.5) > 0.04
    assert np.array_equal(masks.mask(0)[sure], share[sure] > 0.5)


def test_empty_and_missing_texts_stay_apart():
    cells = ["0 2", "", *[None] * (COUNT - 2)]
    way = RleReading(zero_based=True)
    assert list(way.standard(cells, (2, 3))) == ["1 2", "", *[None] * (COUNT - 2)]
    assert RleReading().standard(cells, (2, 3)) is cells


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ([], None),
        (["standard"], RleReading()),
        (["column-major"], RleReading(column_major=True)),
        (["zero-based", "column-major"], RleReading(True, True)),
        ([" zero-based , column-major "], RleReading(True, True)),
        (["frame=512"], RleReading(frame_hw=(512, 512))),
        (["frame=640x480"], RleReading(frame_hw=(480, 640))),
        (["frame=512", "frame=7x9"], RleReading(frame_hw=(9, 7))),
        (["standard,frame=999999"], RleReading(frame_hw=(999999, 999999))),
    ],
)
def test_words_say_how_they_are_meant_and_are_said_again(words, expected):
    found = RleReading.parse(words)
    assert found == expected
    if found is not None:
        assert RleReading.parse([str(found)]) == found
        assert found.is_standard == (str(found) == "standard")


@pytest.mark.parametrize(
    "word",
    ["row-major", "", "frame=", "frame=0", "frame=-3", "frame=1e3", "frame=5x", "frame=1000000", "frame=٥", "x" * 99],
)
def test_any_other_word_is_named_with_what_there_is(word):
    with pytest.raises(HandboneError, match="unknown word") as error:
        RleReading.parse([word])
    assert error.value.where == "--rle" and "frame=WIDTHxHEIGHT" in error.value.remedy and len(str(error.value)) < 160


@pytest.mark.parametrize("way", [RleReading(), RleReading(True), RleReading(False, True), RleReading(True, True)])
@pytest.mark.parametrize("text", ["1", "1 0", "99 1", "x 1", "1 2 2 2", "-1 1"])
def test_malformed_run_lengths_name_the_bone_whatever_the_way(way, text):
    cells = [None] * COUNT
    cells[21] = text
    with pytest.raises(HandboneError) as error:
        way.masks(cells, (3, 4))
    assert error.value.where == "Capitate"


def test_the_first_pixel_is_one_or_zero():
    assert RleReading(zero_based=True).masks(["0 1", *[None] * 28], (2, 2)) == BoneMasks.from_rle(
        ["1 1", *[None] * 28], (2, 2)
    )
    with pytest.raises(HandboneError, match="'0 1' extends beyond"):
        RleReading().masks(["0 1", *[None] * 28], (2, 2))
    with pytest.raises(HandboneError, match="'4 1' extends beyond"):
        RleReading(zero_based=True).masks(["4 1", *[None] * 28], (2, 2))
