"""Files of annotation tools: what handbone writes for them comes back the same."""

import json
import tempfile
from pathlib import Path

import numpy as np
import pytest
from annotation_toys import FORMATS, HARD, NAMES_OF_FILES, TALL, WIDE, needs, read, write, write_radiograph
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from PIL import Image
from writers_toys import ragged_masks

from handbone.anatomy import NAMES
from handbone.core.errors import HandboneError
from handbone.core.radiograph import Radiograph
from handbone.formats.cvat import mask_of, runs_of
from handbone.formats.label_studio_brush import decode_brush, encode_brush
from handbone.formats.working_copies import name_before, numbered
from handbone.plugins import PredictedImage, registry
from handbone.recipe.schema import Choice


@pytest.mark.parametrize(("format", "choices"), FORMATS)
@settings(deadline=None, max_examples=12)
@given(st.integers(0, 10**9), st.tuples(st.integers(1, 40), st.integers(1, 40)), NAMES_OF_FILES)
@example(-1, TALL, "a.png")
def test_masks_of_any_shape_come_back_the_same(format, choices, seed, size_hw, name):
    needs(format)
    masks = HARD if seed < 0 else ragged_masks(seed, size_hw, share=0.3)
    if format == "nifti":  # has no file of an image without any bone
        assume(masks.present().any())
    with tempfile.TemporaryDirectory() as root:
        source = write_radiograph(Path(root) / "in" / name, size_hw)
        write(Path(root) / "out", format, source, masks, name, **choices)
        dataset, found = read(Path(root) / "out", format)
    place = f"images/{name}" if format in ("cvat", "label_studio") else name
    assert found == {place: masks} and dataset.layout == format


@pytest.mark.parametrize(("format", "choices"), FORMATS)
def test_the_layout_is_recognised(format, choices, tmp_path):
    needs(format)
    write(tmp_path / "out", format, write_radiograph(tmp_path / "a.png", WIDE), ragged_masks(2, WIDE), **choices)
    assert read(tmp_path / "out")[0].layout == format


@pytest.mark.parametrize("format", ["labelme", "cvat", "label_studio", "seg_nrrd", "nifti"])
@pytest.mark.parametrize("kind", ["16 bits", "tiff", "turned"])
def test_tools_get_a_copy_that_they_can_open(format, kind, tmp_path):
    needs(format)
    masks, shown = ragged_masks(5, WIDE), WIDE
    if kind == "turned":  # stored with its sides exchanged
        path = write_radiograph(tmp_path / "in" / "a.jpg", WIDE[::-1], exif=6)
    elif kind == "tiff":
        path = write_radiograph(tmp_path / "in" / "a.tif", WIDE)
    else:
        path = write_radiograph(tmp_path / "in" / "a.png", WIDE, dtype=np.uint16)
    write(tmp_path / "out", format, path, masks)
    [copy] = [path for path in (tmp_path / "out").rglob("*.png")]
    with Image.open(copy) as image:
        assert image.mode == "L" and image.size == shown[::-1] and not image.getexif()
    assert list(read(tmp_path / "out")[1].values()) == [masks]


def test_a_copy_of_what_tools_open_is_the_same_file(tmp_path):
    path = write_radiograph(tmp_path / "in" / "a.png", TALL)
    write(tmp_path / "out", "labelme", path, HARD)
    assert (tmp_path / "out" / "a.png").read_bytes() == path.read_bytes()


def test_a_missing_radiograph_and_another_size_are_refused(tmp_path):
    with pytest.raises(HandboneError, match="give its folder with --images"):
        write(tmp_path / "out", "cvat", None, HARD, "a.png")
    with pytest.raises(HandboneError, match="it has 80 x 31 pixels, but its masks have 47 x 60"):
        write(tmp_path / "out", "cvat", write_radiograph(tmp_path / "a.png", WIDE), HARD)


@given(st.integers(1, 9), st.integers(1, 9), st.data())
def test_run_lengths_of_both_servers_are_inverted(height, width, data):
    bits = data.draw(st.lists(st.booleans(), min_size=height * width, max_size=height * width))
    mask = np.array(bits).reshape(height, width)
    assert np.array_equal(mask_of(runs_of(mask), mask.shape), mask)
    assert np.array_equal(decode_brush(encode_brush(mask), mask.shape), mask)


def test_what_is_known_of_masks_travels_with_them(tmp_path):
    path, masks = write_radiograph(tmp_path / "a.png", TALL), ragged_masks(3, TALL, share=1)
    for format in ("labelme", "cvat", "label_studio"):
        write(tmp_path / format, format, path, masks)
    shapes = json.loads((tmp_path / "labelme" / "a.json").read_text(encoding="utf-8"))
    assert shapes["handbone"]["model"] == "zero_shot" and shapes["handbone"]["name"] == "a.png"
    lunate = next(s for s in shapes["shapes"] if s["label"] == "Lunate")
    assert lunate["confidence"] == 0.4 and lunate["description"] == "the probability is only 0.40"
    text = (tmp_path / "cvat" / "annotations.xml").read_text(encoding="utf-8")
    assert '<attribute name="confidence">0.4000</attribute>' in text
    assert [
        label["name"] for label in json.loads((tmp_path / "cvat" / "labels.json").read_text(encoding="utf-8"))
    ] == list(NAMES)
    [task] = json.loads((tmp_path / "label_studio" / "tasks.json").read_text(encoding="utf-8"))
    assert task["predictions"][0]["score"] == 0.4 and "zero_shot" in task["predictions"][0]["model_version"]
    assert task["data"]["handbone"]["flags"][0]["rule"] == "unsure"


def test_numbers_come_off_again():
    assert name_before(numbered("p1/a.png", 12)) == "p1/a.png" == name_before("p1/a.png")
    assert numbered("a", 12) < numbered("a", 101) < numbered("a", 9999)


def test_a_radiograph_in_memory_is_copied_as_it_is_seen(tmp_path):
    spec, checked = registry().get("writer", Choice(name="labelme"))
    writer = spec.build(checked, folder=tmp_path)
    shown = np.linspace(0, 1, TALL[0] * TALL[1], dtype=np.float32).reshape(TALL)
    writer.write(PredictedImage("a", None, HARD, radiograph=Radiograph(shown, False, 16)))
    assert list(read(tmp_path)[1].values()) == [HARD]
    with Image.open(tmp_path / "a.png") as copy:
        assert np.array_equal(np.asarray(copy), np.rint(shown * 255).astype(np.uint8))
