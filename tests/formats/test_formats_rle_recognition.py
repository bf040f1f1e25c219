"""Run lengths that were counted another way are told by how they lie, and those of the contest's way never are."""

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from data_toys import draw, toy_hand
from hypothesis import given, settings
from hypothesis import strategies as st

from handbone.anatomy import COUNT, INDEX
from handbone.core import rle
from handbone.core.bone_masks import BoneMasks
from handbone.core.errors import HandboneError
from handbone.core.rle_reading import RleReading
from handbone.formats import rle_offset
from handbone.formats.rle_recognition import refuse_if_suspected, suspected

STANDARD, DOWN = RleReading(), RleReading(column_major=True)


def hand(size_hw=(256, 256)):
    """Masks of a toy hand in an image of any size, and the image."""
    contours = toy_hand()
    scale = np.array(size_hw[::-1]) / 256
    masks = BoneMasks.from_polygons({INDEX[name]: [points * scale] for name, points in contours.items()}, size_hw)
    return masks, cv2.resize(draw(contours), size_hw[::-1]) / np.float32(255)


def apart():
    """29 ellipses that do not touch, in an image that is higher than wide, and the image."""
    dense, rng = np.zeros((COUNT, 360, 300), np.uint8), np.random.default_rng(0)
    for bone, plane in enumerate(dense):
        centre = 30 + 48 * (bone % 6), 35 + 65 * (bone // 6)
        cv2.ellipse(plane, centre, rng.integers(10, 18, 2).tolist(), 0, 0, 360, 1, -1)
    masks = BoneMasks.from_dense(dense)
    return masks, cv2.GaussianBlur(dense.max(0).astype(np.float32), (0, 0), 1.0)


def counted(masks, reading):
    """The 29 texts of masks, counted another way."""
    height, width = masks.size_hw
    if reading.frame_hw:
        height, width = reading.frame_hw
        dense = np.stack([cv2.resize(m.astype(np.uint8), (width, height)) for m in masks.dense()]).astype(bool)
    else:
        dense = masks.dense()
    texts = []
    for mask in dense:
        text = rle.encode(mask.T if reading.column_major else mask)
        numbers = [int(each) for each in text.split()]
        numbers[::2] = [start - reading.zero_based for start in numbers[::2]]
        texts.append(" ".join(map(str, numbers)))
    return texts


@pytest.fixture(scope="module")
def square():
    return hand()


@pytest.mark.parametrize("size_hw", [(256, 256), (300, 200), (200, 300), (512, 512)])
def test_the_contest_s_own_way_is_never_suspected(size_hw):
    masks, image = hand(size_hw)
    for seen in (None, image):
        assert suspected(counted(masks, STANDARD), size_hw, seen) is None
        refuse_if_suspected(Path("p.csv"), [("a.png", counted(masks, STANDARD), size_hw, seen)] * 3)


@pytest.mark.parametrize("with_image", [False, True])
@pytest.mark.parametrize("size_hw", [(256, 256), (300, 200), (200, 300)])
def test_columns_are_told_by_their_distance_or_by_the_hand(size_hw, with_image):
    masks, image = hand(size_hw)
    assert suspected(counted(masks, DOWN), size_hw, image if with_image else None) == DOWN


@pytest.mark.parametrize("with_image", [False, True])
@pytest.mark.parametrize(("side", "down"), [(512, False), (512, True), (384, False), (224, True)])
def test_a_frame_that_is_not_the_image_s_is_told_by_its_side(square, side, down, with_image):
    masks, image = square
    meant = RleReading(column_major=down, frame_hw=(side, side))
    assert suspected(counted(masks, meant), masks.size_hw, image if with_image else None) == meant


def test_runs_that_begin_at_0_count_from_0(square):
    masks, _ = square
    full = masks.replace({0: np.pad(np.ones((8, 8), bool), ((0, 248), (0, 248)))})
    cells = counted(full, RleReading(zero_based=True))
    assert cells[0].startswith("0 8 ")
    assert suspected(cells, full.size_hw) == RleReading(zero_based=True)
    assert suspected(counted(full, STANDARD), full.size_hw) is None


@pytest.mark.parametrize("rows", [3, 4])
def test_bones_at_the_frame_s_edge_tell_0_from_1_from_four_runs_on(rows):
    tall = np.zeros((100, 100), bool)
    tall[20:80, 40:50] = True
    edge = np.zeros((100, 100), bool)
    edge[50 : 50 + rows, 0:6] = True
    masks = BoneMasks.from_dense(np.stack([tall, edge, *[np.zeros_like(tall)] * (COUNT - 2)]))
    meant = RleReading(zero_based=True)
    assert suspected(counted(masks, meant), (100, 100)) == (meant if rows == 4 else None)
    assert suspected(counted(masks, STANDARD), (100, 100)) is None


@pytest.mark.parametrize("runs", [20, 40, 41, 45])
def test_few_runs_tell_nothing(runs):
    mask = np.zeros((300, 200), bool)
    mask[10 : 10 + runs, 20:30] = True
    masks = BoneMasks.from_dense(np.stack([mask.T.copy(), *[np.zeros((200, 300), bool)] * (COUNT - 1)]))
    cells = [rle.encode(mask), *[""] * (COUNT - 1)]
    assert (suspected(cells, masks.size_hw) is None) is (runs < 41), "40 distances between 41 runs"


@pytest.mark.parametrize("text", ["one two", "1", "1 2 3", "１ ２", "-1 5", "1e3 4", "9" * 25 + " 1", None, ""])
def test_texts_that_are_no_numbers_are_no_matter_of_order(text):
    assert suspected([text] * COUNT, (64, 64)) is None


def test_nothing_is_told_of_no_image():
    refuse_if_suspected(Path("p.csv"), [])


@pytest.mark.parametrize(
    ("meant", "words"),
    [
        (DOWN, "seem to go down the columns; give --rle column-major, or"),
        (
            RleReading(column_major=True, frame_hw=(512, 512)),
            "seem to go down the columns and to count in a frame 512 pixels wide, not in 256 x 256; "
            "give --rle column-major,frame=512 (frame=WIDTHxHEIGHT where it is not square), or",
        ),
        (
            RleReading(frame_hw=(512, 512)),
            "seem to count in a frame 512 pixels wide, not in 256 x 256; give --rle frame",
        ),
    ],
)
def test_the_refusal_says_how_they_seem_meant_and_what_reads_them(square, meant, words):
    masks, image = square
    with pytest.raises(HandboneError) as error:
        refuse_if_suspected(Path("p.csv"), [("a.png", counted(masks, meant), masks.size_hw, image)])
    assert str(error.value).startswith("p.csv: the run lengths of 'a.png' seem to")
    assert words in str(error.value) and str(error.value).endswith("or --rle standard to insist")


def test_one_image_of_the_contest_s_way_among_the_first_clears_the_file(square):
    masks, image = square
    wrong = ("a.png", counted(masks, DOWN), masks.size_hw, image)
    right = ("b.png", counted(masks, STANDARD), masks.size_hw, image)
    refuse_if_suspected(None, [wrong, right])
    refuse_if_suspected(None, [wrong, wrong, right])
    with pytest.raises(HandboneError):
        refuse_if_suspected(None, [wrong, wrong, wrong, right])


@pytest.mark.parametrize("base", [STANDARD, DOWN])
def test_runs_from_0_are_told_by_the_edges_of_the_image(base):
    masks, image = apart()
    meant = replace(base, zero_based=True)
    with pytest.raises(HandboneError, match=f"give --rle {meant}, or"):
        refuse_if_suspected(Path("p.csv"), [("a.png", counted(masks, meant), masks.size_hw, image)])
    refuse_if_suspected(Path("p.csv"), [("a.png", counted(masks, STANDARD), masks.size_hw, image)])


def test_the_image_is_asked_only_where_one_is_at_hand(square):
    masks, _ = square
    refuse_if_suspected(None, [("a.png", counted(masks, RleReading(zero_based=True)), masks.size_hw, None)])


@pytest.mark.parametrize(
    ("found", "told"),
    [
        ([1.0] * 10, True),
        ([1.0] * 9, False),
        ([0.5] * 20, False),
        ([0.51] * 20, True),
        ([1.6] * 20, False),
        ([1.59] * 20, True),
        ([0.0] * 20, False),
        ([1.0, -1.0, 3.0] * 5, False),
        ([], False),
    ],
)
def test_a_pixel_is_told_beyond_doubt_or_not_at_all(found, told):
    assert rle_offset.is_one_pixel(found) is told


@settings(max_examples=8)
@given(st.integers(-3, 3), st.integers(-3, 3))
def test_a_shift_of_masks_is_found_along_the_runs_less_across_them(right, down):
    masks, image = apart()
    moved = BoneMasks.from_dense(np.roll(masks.dense(), (-down, -right), (1, 2)))
    found = rle_offset.offsets(moved, image)
    assert len(found) == COUNT and np.abs(rle_offset.offsets(masks, image)).max() < 0.3
    assert found == pytest.approx([right - down] * COUNT, abs=0.4)
    assert rle_offset.offsets(moved, image, down=True) == pytest.approx([-each for each in found])


def test_a_flat_image_and_bones_at_its_edge_have_no_offset():
    masks, image = hand((64, 64))
    assert rle_offset.offsets(masks, np.zeros_like(image)) == []
    assert rle_offset.offsets(BoneMasks.from_dense(np.ones((COUNT, 64, 64), bool)), image) == []
