"""COCO segmentations of anyone become pycocotools' masks, and no number in them is trusted before it is checked."""

import json

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from masks_toys import small_masks
from pycocotools import mask as coco_mask

from handbone.core.errors import HandboneError
from handbone.formats.coco import Coco
from handbone.formats.coco_file import CocoFile, declared_size, id_of, is_coco
from handbone.formats.coco_masks import declared_size as rle_size
from handbone.formats.coco_masks import mask_of

SQUARE = [1, 1, 8, 1, 8, 8, 1, 8]


def whole(segmentation, size_hw):
    """A segmentation's mask in its image."""
    mask, (left, top) = mask_of(segmentation, size_hw)
    full = np.zeros(size_hw, np.uint8)
    full[top : top + mask.shape[0], left : left + mask.shape[1]] = mask
    return full


def runs_of(mask):
    """The runs down the columns, which begin with background."""
    flat = np.concatenate([[0], mask.T.ravel(), [2]])
    edges = np.flatnonzero(np.diff(flat.astype(int)))
    return np.diff(np.concatenate([[0], edges])).tolist()


@settings(max_examples=40)
@given(small_masks())
def test_run_lengths_of_either_kind_are_the_mask(mask):
    size_hw = mask.shape
    plain = {"size": list(size_hw), "counts": runs_of(mask)}
    assert (whole(plain, size_hw) == mask).all()
    packed = coco_mask.encode(np.asfortranarray(mask.astype(np.uint8)))
    assert (whole({"size": list(size_hw), "counts": packed["counts"].decode()}, size_hw) == mask).all()


@settings(max_examples=40)
@given(st.lists(st.tuples(st.integers(-5, 45), st.integers(-5, 35)), min_size=3, max_size=8))
def test_polygons_fill_as_pycocotools_fills_them(points):
    polygon = [float(value) for point in points for value in point]
    expected = coco_mask.decode(coco_mask.merge(coco_mask.frPyObjects([polygon], 30, 40)))
    assert (whole([polygon], (30, 40)) == expected).all()


def test_several_polygons_are_joined():
    both = whole([SQUARE, [20, 2, 28, 2, 28, 8]], (30, 40))
    assert (both == np.maximum(whole([SQUARE], (30, 40)), whole([[20, 2, 28, 2, 28, 8]], (30, 40)))).all()


def rle(counts, size=(4, 4)):
    return {"size": list(size), "counts": counts}


BROKEN = [
    ([], "there are neither polygons nor run lengths"),
    (None, "there are neither polygons nor run lengths"),
    ("text", "there are neither polygons nor run lengths"),
    (5, "there are neither polygons nor run lengths"),
    ([[1, 2, 3, 4]], "a polygon needs three or more points"),
    ([SQUARE, [1, 2]], "a polygon needs three or more points"),
    ([[1, 2, 3, 4, 5, 6, 7]], "a polygon needs three or more points"),
    ([[1, 2, "3", 4, 5, 6]], "a polygon needs three or more points"),
    ([[1, 2, None, 4, 5, 6]], "a polygon needs three or more points"),
    ([[1, 2, 1e9, 4, 5, 6]], "has a point at 1e+09, far from the image of 4 x 4"),
    ([[1, 2, float("nan"), 4, 5, 6]], "has a point that is not a number"),
    (rle([16], (4, 5)), "its size [4, 5] differs from the image's [4, 4]"),
    ({"counts": [16]}, "its size None differs from the image's [4, 4]"),
    (rle([]), "its runs are not whole numbers from 0"),
    (rle([1.5, 14.5]), "its runs are not whole numbers from 0"),
    (rle([-1, 17]), "its runs are not whole numbers from 0"),
    (rle([[16]]), "its runs are not whole numbers from 0"),
    (rle(None), "its runs are not whole numbers from 0"),
    (rle([15]), "its runs add up to 15, not to 16"),
    (rle([16, 1]), "its runs add up to 17, not to 16"),
    (rle([2**40, 2**40]), "not to 16"),
    (rle(""), "its compressed runs are truncated or damaged"),
    (rle("\u20ac"), "its compressed runs are truncated or damaged"),
    (rle(" "), "its compressed runs are truncated or damaged"),
    (rle("P"), "its compressed runs are truncated or damaged"),
    (rle("oooooooo0"), "its compressed runs contain a number of more than 32 bits"),
    (rle("1"), "its runs add up to 1, not to 16"),
]


@pytest.mark.parametrize(("segmentation", "words"), BROKEN)
def test_what_pycocotools_would_trust_is_refused_with_its_reason(segmentation, words):
    with pytest.raises(HandboneError) as error:
        mask_of(segmentation, (4, 4))
    assert words in str(error.value)


@pytest.mark.parametrize("side", [1 << 14, (1 << 14) + 1])
def test_an_image_of_more_pixels_than_any_radiograph_is_not_unpacked(side):
    if side == 1 << 14:
        assert mask_of([SQUARE], (side, side))[0].shape == (7, 7)
        return
    with pytest.raises(HandboneError, match=f"it was drawn on {side} x 16384 pixels, more than any radiograph has"):
        mask_of([SQUARE], (1 << 14, side))


@pytest.mark.parametrize(
    ("segmentation", "size"),
    [
        ({"size": [4, 5]}, (4, 5)),
        ({"size": [4.0, 5]}, None),
        ({"size": [0, 5]}, None),
        ({"size": [1 << 20, 5]}, None),
        ({"size": [True, 5]}, None),
        ({"size": [4, 5, 1]}, None),
        ({"size": "45"}, None),
        ({}, None),
        ([SQUARE], None),
    ],
)
def test_run_lengths_state_a_size_in_two_whole_numbers(segmentation, size):
    assert rle_size(segmentation) == size


@pytest.mark.parametrize(
    ("value", "text"),
    [(1, "1"), (1.0, "1"), ("1", "1"), (" 1 ", "1"), ("a", "a"), (1.5, None), (True, None), (None, None), ([1], None)],
)
def test_ids_of_different_tools_are_compared_as_texts(value, text):
    assert id_of(value) == text


@pytest.mark.parametrize(
    ("height", "width", "size"),
    [
        *[(4, 5, (4, 5)), (4.0, 5.0, (4, 5)), ((1 << 20) - 1, 1, ((1 << 20) - 1, 1))],
        *[(side, 5, None) for side in (4.5, 0, -1, True, "4", None, 1 << 20)],
    ],
)
def test_an_image_states_a_size_in_whole_pixels(height, width, size):
    assert declared_size({"height": height, "width": width}) == size
    assert declared_size({}) is None


@pytest.fixture
def folder(tmp_path):
    cv2.imwrite(str(tmp_path / "a.png"), np.random.default_rng(0).integers(0, 255, (30, 40), np.uint8))
    return tmp_path


def write(folder, name="c.json", **changes):
    content = {
        "images": [{"id": 1, "file_name": "a.png", "height": 30, "width": 40}],
        "annotations": [{"id": 1, "image_id": 1, "category_id": 7, "segmentation": [SQUARE]}],
        "categories": [{"id": 7, "name": "Radius"}],
    }
    (folder / name).write_text(json.dumps(content | changes))
    return folder / name


@pytest.mark.parametrize(
    ("changes", "rule", "words"),
    [
        ({"images": [5, {"id": 1, "file_name": "a.png"}]}, "broken-entry", "1 entries of 'images' are no objects"),
        ({"images": [{"id": 1}]}, "broken-image-entry", "an image has no id or no file_name: {'id': 1}"),
        ({"images": [{"id": None, "file_name": "a.png"}]}, "broken-image-entry", "an image has no id or no file_name"),
        (
            {"images": [{"id": 1, "file_name": "a.png"}, {"id": "1", "file_name": "b.png"}]},
            "repeated-image-id",
            "'a.png' shares the id 1 with another image",
        ),
        (
            {"categories": [{"id": 7, "name": "Ulna"}, {"id": 7.0, "name": "Radius"}]},
            "repeated-category-id",
            "the categories 'Radius', 'Ulna' share the id 7",
        ),
        (
            {"annotations": [{"image_id": number} for number in range(3, 11)]},
            "annotation-of-no-image",
            "8 annotations belong to no image of the file (image_id 3, 4, 5, 6, 7)",
        ),
        ({"annotations": [None]}, "broken-entry", "1 entries of 'annotations' are no objects"),
    ],
)
def test_entries_that_cannot_be_used_are_said_and_the_rest_is_read(folder, changes, rule, words):
    problems = CocoFile(write(folder, **changes), "c.json").problems
    found = next(problem for problem in problems if problem.rule == rule)
    assert found.message.startswith(words) and found.file == "c.json" and found.remedy


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("[]", "no list 'images' or 'annotations'"),
        ('{"images": {}, "annotations": [], "categories": []}', "no list 'im"),
    ],
)
def test_a_file_without_the_three_lists_is_no_coco_file(folder, content, words):
    (folder / "c.json").write_text(content)
    with pytest.raises(HandboneError, match="not a COCO file") as error:
        CocoFile(folder / "c.json", "c.json")
    assert words in str(error.value) and error.value.remedy == "name the file by data.annotations"


@pytest.mark.parametrize(
    ("text", "coco"), [(b'  {"images": 1, "annotations": 2, "categories": 3', True), (b"[]", False), (b"\xff{", False)]
)
def test_a_coco_file_is_known_by_its_keys_before_it_is_parsed(tmp_path, text, coco):
    (tmp_path / "c.json").write_bytes(text)
    assert is_coco(tmp_path / "c.json") is coco and not is_coco(tmp_path / "missing.json")


def test_an_image_in_two_files_keeps_its_first_labels(folder):
    write(folder, "a.json")
    write(folder, "b.json", annotations=[{"image_id": 1, "category_id": 7, "segmentation": [[20, 2, 28, 2, 28, 8]]}])
    layout = Coco(folder)
    (sample,), problems = layout.list_samples()
    assert [(p.rule, p.message) for p in problems] == [("repeated-image", "lists a.png again, after a.json")]
    assert layout.read_labels(sample).masks().mask(27)[4, 4]


@pytest.mark.parametrize("segmentation", [rle([1200], (30, 40)), [[50, 50, 60, 50, 60, 60]]])
def test_a_segmentation_without_a_pixel_is_said(folder, segmentation):
    write(folder, annotations=[{"image_id": 1, "category_id": 7, "segmentation": segmentation}])
    layout = Coco(folder)
    (sample,), _ = layout.list_samples()
    problems = layout.read_labels(sample).problems
    assert problems[0].severity == "error" and "Radius" in problems[0].message


def test_a_file_that_is_broken_costs_no_other(folder):
    write(folder)
    (folder / "broken.json").write_text('{"images": [], "annotations": [], "categories": {}}')
    layout = Coco(folder)
    (sample,), _ = layout.list_samples()
    assert layout.label_files == {folder / "c.json"} and layout.read_labels(sample).polygons
