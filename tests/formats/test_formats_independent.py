"""What handbone writes, decoded by others or straight from each format's definition, pixel by pixel."""

import csv
import json
import tempfile
from pathlib import Path
from xml.etree import ElementTree

import cv2
import numpy as np
import pytest
from annotation_toys import HARD, TALL, needs, read, write, write_radiograph
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageDraw
from pycocotools import mask as coco_mask
from writers_toys import ragged_masks, without_holes

from handbone.anatomy import COUNT, INDEX, NAMES
from handbone.core.bone_masks import BoneMasks
from handbone.core.rle import encode
from handbone.formats.coco_masks import mask_of as coco_mask_of
from handbone.formats.contest_csv import PredictionsWriter
from handbone.formats.cvat import mask_of, runs_of
from handbone.formats.label_studio_brush import decode_brush, encode_brush

SMALL = (23, 17)
masks = st.integers(0, 10**6).map(lambda seed: ragged_masks(seed, SMALL, share=0.4))
few = settings(max_examples=15, deadline=None)


def contest_decode(text, height, width):
    """As the contest's own notebook decodes a row: pairs of start and length, from 1, along the rows."""
    numbers = [int(word) for word in text.split()]
    flat = [0] * (height * width)
    for start, length in zip(numbers[::2], numbers[1::2], strict=True):
        for pixel in range(start - 1, start - 1 + length):
            flat[pixel] += 1
    return np.array(flat).reshape(height, width)


@few
@given(masks)
def test_the_contest_s_table_is_what_its_notebook_decodes(found):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "predictions.csv"
        with PredictionsWriter(path) as table:
            table.write("a.png", found)
        with path.open(newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
    assert [row["class"] for row in rows] == list(NAMES) and {row["image_name"] for row in rows} == {"a.png"}
    for bone, row in enumerate(rows):
        decoded = contest_decode(row["rle"], *SMALL)
        assert decoded.max() <= 1, "no pixel stands in two runs"
        assert np.array_equal(decoded == 1, found.mask(bone))


@pytest.mark.parametrize("mask", [np.ones((2, 3), bool), np.eye(3, dtype=bool), np.zeros((2, 2), bool)])
def test_runs_are_as_long_as_they_can_be(mask):
    pairs = np.array(encode(mask).split(), int).reshape(-1, 2)
    assert (pairs[1:, 0] > pairs[:-1].sum(axis=1)).all(), "two runs that touch are one"


def coco_counts(text):
    """COCO's compressed runs, letter by letter as maskApi.c reads them."""
    counts, place = [], 0
    while place < len(text):
        number = shift = 0
        more = True
        while more:
            letter = ord(text[place]) - 48
            number |= (letter & 31) << (5 * shift)
            more = bool(letter & 32)
            place, shift = place + 1, shift + 1
            if not more and letter & 16:
                number |= -1 << (5 * shift)
        counts.append(number + (counts[-2] if len(counts) > 2 else 0))
    return counts


def columns_of(counts, height, width):
    values = [value for number, count in enumerate(counts) for value in [number % 2] * count]
    return np.array(values, bool).reshape(width, height).T


@few
@given(masks)
def test_coco_s_runs_are_decoded_letter_by_letter(found):
    with tempfile.TemporaryDirectory() as folder:
        write(Path(folder), "coco", None, found, "a.png")
        content = json.loads((Path(folder) / "annotations.json").read_text(encoding="utf-8"))
    assert [entry["category_id"] - 1 for entry in content["annotations"]] == np.flatnonzero(found.present()).tolist()
    for entry in content["annotations"]:
        counts, mask = coco_counts(entry["segmentation"]["counts"]), found.mask(entry["category_id"] - 1)
        assert np.array_equal(columns_of(counts, *SMALL), mask) and entry["area"] == mask.sum()
        # And read as uncompressed runs, which other tools write.
        crop, (left, top) = coco_mask_of({"size": list(SMALL), "counts": counts}, SMALL)
        assert np.array_equal(crop.astype(bool), mask[top : top + crop.shape[0], left : left + crop.shape[1]])
        assert crop.sum() == mask.sum()
        rows, columns = np.nonzero(mask)
        assert entry["bbox"] == [columns.min(), rows.min(), np.ptp(columns) + 1, np.ptp(rows) + 1]


@few
@given(masks)
def test_coco_s_polygons_run_a_quarter_of_a_pixel_inside_the_border(found):
    """By the shoelace formula they enclose the mask's area less a quarter of a pixel along its border."""
    with tempfile.TemporaryDirectory() as folder:
        write(Path(folder), "coco", None, found, "a.png", segmentation="polygon")
        content = json.loads((Path(folder) / "annotations.json").read_text(encoding="utf-8"))
    filled = without_holes(found)
    for entry in content["annotations"]:
        mask = filled.mask(entry["category_id"] - 1)
        inside = 0.0
        for polygon in entry["segmentation"]:
            x, y = np.array(polygon).reshape(-1, 2).T
            inside += abs(np.dot(x, np.roll(y, 1)) - np.dot(y, np.roll(x, 1))) / 2
        runs = coco_mask.merge(coco_mask.frPyObjects(entry["segmentation"], *SMALL))
        assert np.array_equal(coco_mask.decode(runs).astype(bool), mask)
        padded = np.pad(mask, 1).astype(int)
        border = sum(np.abs(np.diff(padded, axis=axis)).sum() for axis in (0, 1))
        # Inner corners are cut, outer ones counted twice, by an eighth of a pixel at most.
        corners = sum(len(polygon) for polygon in entry["segmentation"]) / 2
        assert mask.sum() - border / 4 - corners / 8 <= inside <= mask.sum() - border / 4 + corners / 8


def cvat_mask(element, height, width):
    """A mask of CVAT as its documentation says: runs along the rows of its box, zeros first."""
    left, top, across, down = (int(element.get(name)) for name in ("left", "top", "width", "height"))
    values = [v for n, run in enumerate(element.get("rle").split(",")) for v in [n % 2] * int(run)]
    canvas = np.zeros((height, width), bool)
    canvas[top : top + down, left : left + across] = np.array(values, bool).reshape(down, across)
    return canvas


def test_cvat_s_file_is_decoded_from_its_documentation(tmp_path):
    write(tmp_path / "out", "cvat", write_radiograph(tmp_path / "a.png", TALL), HARD)
    root = ElementTree.parse(tmp_path / "out" / "annotations.xml").getroot()
    (image,) = root.findall("image")
    assert (image.get("width"), image.get("height")) == (str(TALL[1]), str(TALL[0]))
    drawn = {element.get("label"): cvat_mask(element, *TALL) for element in image.findall("mask")}
    assert set(drawn) == {NAMES[bone] for bone in np.flatnonzero(HARD.present())}
    assert all(np.array_equal(mask, HARD.mask(INDEX[name])) for name, mask in drawn.items())
    labels = [label.findtext("name") for label in root.iter("label")]
    assert labels == list(NAMES), "a task made of the file has all bones, found or not"


@pytest.mark.parametrize(
    ("runs", "words"),
    [([0, 5], "add up to 5"), ([4, 1], "add up to 5"), ([-1, 5], "add up to 4"), ([], "add up to 0")],
)
def test_runs_that_do_not_fill_their_box_are_refused_with_both_numbers(runs, words):
    from handbone.core.errors import HandboneError

    with pytest.raises(HandboneError, match=f"{words}, not to 2 x 2"):
        mask_of(runs, (2, 2))
    assert runs_of(np.ones((2, 2), bool)) == [0, 4] and runs_of(np.zeros((2, 2), bool)) == [4]


def unpacked(data):
    """The values of a stream of @thi.ng/rle-pack, bit by bit as its documentation has it."""
    bits = "".join(f"{byte:08b}" for byte in data)
    place = 0

    def take(count):
        nonlocal place
        place += count
        return int(bits[place - count : place], 2)

    total, word = take(32), take(5) + 1
    widths = [take(4) + 1 for _ in range(4)]
    values = []
    while len(values) < total:
        repeated, width = take(1), widths[take(2)]
        count = take(width) + 1
        values += [take(word)] * count if repeated else [take(word) for _ in range(count)]
    return values


def packed(values, *, widths=(3, 4, 8, 16), word=8):
    """The same written, with runs of single values wherever two neighbours differ."""
    bits = [f"{len(values):032b}{word - 1:05b}", *(f"{width - 1:04b}" for width in widths)]
    place = 0
    while place < len(values):
        same = place
        while same < len(values) and values[same] == values[place] and same - place < 1 << widths[1]:
            same += 1
        if same - place > 1:
            bits.append(f"101{same - place - 1:0{widths[1]}b}{values[place]:0{word}b}")
            place = same
            continue
        single = place + 1
        while (
            single + 1 < len(values) and values[single] != values[single + 1] and single - place < (1 << widths[0]) - 1
        ):
            single += 1
        bits.append(f"000{single - place - 1:0{widths[0]}b}")
        bits += [f"{value:0{word}b}" for value in values[place:single]]
        place = single
    text = "".join(bits)
    text += "0" * (-len(text) % 8)
    return [int(text[at : at + 8], 2) for at in range(0, len(text), 8)]


@few
@given(masks)
def test_label_studio_s_brush_is_unpacked_bit_by_bit(found):
    mask = found.mask(0)
    values = np.array(unpacked(encode_brush(mask))).reshape(*SMALL, 4)
    assert np.array_equal(values[..., 3] == 255, mask) and set(np.unique(values)) <= {0, 255}


@pytest.mark.parametrize("widths", [(3, 4, 8, 16), (1, 2, 3, 4), (4, 9, 12, 15)])
@pytest.mark.parametrize("word", [1, 4, 8])
@settings(max_examples=6, deadline=None)
@given(seed=st.integers(0, 10**6))
def test_brushes_with_single_values_and_any_widths_are_read(widths, word, seed):
    random = np.random.default_rng(seed)
    alpha = random.integers(0, 1 << word, SMALL) * (random.random(SMALL) < 0.5)
    values = np.stack([*random.integers(0, 1 << word, (3, *SMALL)), alpha], axis=-1)
    stream = packed(values.ravel().tolist(), widths=widths, word=word)
    assert unpacked(stream) == values.ravel().tolist()
    assert np.array_equal(decode_brush(stream, SMALL), alpha != 0), "the last of four values is the mask"


def test_labelme_s_outlines_are_near_the_mask_as_pillow_fills_them(tmp_path):
    masks = without_holes(ragged_masks(4, TALL, share=1))
    write(tmp_path / "out", "labelme", write_radiograph(tmp_path / "a.png", TALL), masks, tolerance=0.0)
    content = json.loads((tmp_path / "out" / "a.json").read_text(encoding="utf-8"))
    drawn = np.zeros((COUNT, *TALL), bool)
    for shape in content["shapes"]:
        canvas = Image.new("1", TALL[::-1])
        points = [tuple(point) for point in shape["points"]]
        ImageDraw.Draw(canvas).polygon(points if len(points) > 1 else points * 2, outline=1, fill=1)
        drawn[INDEX[shape["label"]]] |= np.asarray(canvas)
    assert BoneMasks.from_dense(drawn) == masks


@pytest.mark.parametrize("tolerance", [0.5, 2.0, 5.0])
def test_labelme_s_outlines_leave_the_mask_by_no_more_than_the_tolerance(tmp_path, tolerance):
    mask = np.zeros((120, 90), np.uint8)
    cv2.ellipse(mask, (45, 60), (30, 45), 20, 0, 360, 1, -1)
    masks = BoneMasks.from_crops({INDEX["Radius"]: (mask.astype(bool), (0, 0))}, mask.shape)
    path = write_radiograph(tmp_path / "a.png", mask.shape)
    write(tmp_path / "out", "labelme", path, masks, tolerance=tolerance)
    (shape,) = json.loads((tmp_path / "out" / "a.json").read_text(encoding="utf-8"))["shapes"]
    outline = np.array(shape["points"], np.float32)
    border = np.argwhere(
        mask.astype(bool) & (cv2.erode(mask, cv2.getStructuringElement(cv2.MORPH_CROSS, (3, 3))) == 0)
    )[:, ::-1]
    far = max(abs(cv2.pointPolygonTest(outline, (float(x), float(y)), True)) for x, y in border)
    assert far <= tolerance + 1e-3 and len(outline) < len(border) / 3


def test_a_nrrd_file_is_layers_that_pynrrd_reads(tmp_path):
    needs("seg_nrrd")
    import nrrd

    write(tmp_path / "out", "seg_nrrd", write_radiograph(tmp_path / "a.png", TALL), HARD)
    voxels, header = nrrd.read(str(tmp_path / "out" / "a.seg.nrrd"))
    voxels = voxels[None] if voxels.ndim == 3 else voxels
    found = {}
    for number in range(int(HARD.present().sum())):
        layer, value = int(header[f"Segment{number}_Layer"]), int(header[f"Segment{number}_LabelValue"])
        found[header[f"Segment{number}_Name"]] = np.equal(voxels[layer, :, :, 0].T, value)
    assert set(found) == {NAMES[bone] for bone in np.flatnonzero(HARD.present())}
    assert all(np.array_equal(mask, HARD.mask(INDEX[name])) for name, mask in found.items())
    assert header["space"] == "left-posterior-superior"


def test_a_folder_of_one_format_is_read_as_every_other_is(tmp_path):
    """The same masks through every format are the same masks: no tool sees another hand."""
    path, masks = write_radiograph(tmp_path / "a.png", TALL), without_holes(ragged_masks(8, TALL))
    found = []
    for format in ("labelme", "cvat", "label_studio", "seg_nrrd", "nifti"):
        needs(format)
        write(tmp_path / format, format, path, masks)
        found += read(tmp_path / format)[1].values()
    assert found == [masks] * 5
