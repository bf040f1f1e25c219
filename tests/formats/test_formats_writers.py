"""What the built-in writers leave, read back by other tools and by handbone itself."""

import json
import tempfile
from pathlib import Path

import cv2
import numpy as np
import pytest
from annotation_toys import HARD, NAMES_OF_FILES, TALL, write_radiograph
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pycocotools.coco import COCO
from writers_toys import ragged_masks, without_holes

from handbone.anatomy import NAMES
from handbone.core.bone_masks import BoneMasks
from handbone.core.errors import HandboneError
from handbone.data.dataset import open_dataset
from handbone.formats.contest_csv import read_predictions
from handbone.formats.contest_csv_index import PredictionsIndex
from handbone.plugins import PredictedImage, registry
from handbone.recipe.schema import Choice, Data
from handbone.workflows.evaluate import evaluate

IMAGES = {"a.png": ragged_masks(1), "b 손.png": ragged_masks(2, (31, 80)), "c.png": ragged_masks(3, share=0.0)}


def write(folder, format, images, **settings):
    spec, checked = registry().get("writer", Choice(name=format, **settings))
    folder.mkdir(parents=True, exist_ok=True)
    writer = spec.build(checked, folder=folder)
    for name, masks in images.items():
        stem = Path(name).with_suffix("")
        (folder / stem).parent.mkdir(parents=True, exist_ok=True)
        writer.write(PredictedImage(name, None, masks, {"Lunate": 0.75}, stem.as_posix()))
    writer.close()


def coco_masks(path):
    """Masks of a COCO file by image, as pycocotools decodes them."""
    coco = COCO(str(path))
    found = {}
    for number, image in coco.imgs.items():
        dense = np.zeros((29, image["height"], image["width"]), bool)
        for annotation in coco.loadAnns(coco.getAnnIds(number)):
            dense[NAMES.index(coco.cats[annotation["category_id"]]["name"])] |= coco.annToMask(annotation).astype(bool)
        found[image["file_name"]] = BoneMasks.from_dense(dense)
    return found


def test_coco_run_lengths_are_the_same_masks_for_pycocotools(tmp_path):
    write(tmp_path, "coco", IMAGES)
    assert coco_masks(tmp_path / "annotations.json") == IMAGES


def test_coco_polygons_fill_to_the_same_masks_but_for_holes(tmp_path):
    write(tmp_path, "coco", IMAGES, segmentation="polygon")
    assert coco_masks(tmp_path / "annotations.json") == {n: without_holes(m) for n, m in IMAGES.items()}


@settings(deadline=None)
@given(st.integers(0, 10**9), st.integers(1, 40), st.integers(1, 40), st.sampled_from(["rle", "polygon"]))
def test_coco_holds_masks_of_any_shape(seed, height, width, segmentation):
    masks = ragged_masks(seed, (height, width), share=0.3)
    with tempfile.TemporaryDirectory() as folder:
        write(Path(folder), "coco", {"a.png": masks}, segmentation=segmentation)
        [read] = coco_masks(Path(folder) / "annotations.json").values()
    assert read == (masks if segmentation == "rle" else without_holes(masks))


def test_coco_says_what_its_format_wants(tmp_path):
    write(tmp_path, "coco", IMAGES)
    content = json.loads((tmp_path / "annotations.json").read_text(encoding="utf-8"))
    assert [c["name"] for c in content["categories"]] == list(NAMES)
    assert [c["id"] for c in content["categories"]] == list(range(1, 30))
    ids = [a["id"] for a in content["annotations"]]
    assert ids == list(range(1, 1 + sum(int(m.present().sum()) for m in IMAGES.values())))
    for annotation in content["annotations"]:
        masks = IMAGES[content["images"][annotation["image_id"] - 1]["file_name"]]
        bone = annotation["category_id"] - 1
        left, top, width, height = annotation["bbox"]
        assert annotation["area"] == masks.areas()[bone] and not annotation["iscrowd"]
        assert [left, top, left + width, top + height] == masks.boxes_xyxy[bone].tolist()
        assert annotation.get("score") == (0.75 if NAMES[bone] == "Lunate" else None)


@pytest.mark.parametrize("segmentation", ["rle", "polygon"])
@settings(deadline=None, max_examples=12)
@given(st.integers(0, 10**9), st.tuples(st.integers(1, 40), st.integers(1, 40)), NAMES_OF_FILES)
@example(-1, TALL, "a.png")
def test_handbone_reads_its_own_coco_files_with_their_holes(segmentation, seed, size_hw, name):
    masks = HARD if seed < 0 else ragged_masks(seed, size_hw, share=0.3)
    with tempfile.TemporaryDirectory() as root:
        folder = Path(root)
        write(folder, "coco", {name: masks}, segmentation=segmentation)
        write_radiograph(folder / name, size_hw)
        dataset = open_dataset(Data(path=root, empty_labels="use"))
        assert dataset.layout == "coco" and not dataset.problems
        [labels] = [dataset.labels(sample) for sample in dataset.labelled()]
    assert labels.masks() == (masks if segmentation == "rle" else without_holes(masks))
    assert (labels.exact is None) == (segmentation == "polygon" or masks == without_holes(masks))


@settings(deadline=None, max_examples=12)
@given(st.integers(0, 10**9), st.tuples(st.integers(1, 40), st.integers(1, 40)), NAMES_OF_FILES)
@example(-1, TALL, "a.png")
def test_masks_of_any_shape_come_back_from_files_without_radiographs(seed, size_hw, name):
    masks = HARD if seed < 0 else ragged_masks(seed, size_hw, share=0.3)
    with tempfile.TemporaryDirectory() as root:
        for format in ("contest_csv", "png", "coco"):
            write(Path(root) / format, format, {name: masks})
        table = Path(root) / "contest_csv" / "predictions.csv"
        assert list(read_predictions(table)) == [(name.rsplit("/", 1)[-1], masks.to_rle())]
        for format in ("png", "coco"):
            found = evaluate(Path(root) / format, table)
            # Dice is 1 only of masks that agree in every pixel.
            assert not found.failed and (found.rows["dice"] == 1).all()
            assert found.rows["area"].tolist() == masks.areas().tolist()


def test_png_holds_a_black_and_white_image_a_bone(tmp_path):
    write(tmp_path, "png", IMAGES)
    for name, masks in IMAGES.items():
        files = {path.stem: path for path in (tmp_path / Path(name).stem).iterdir()}
        assert set(files) == set(NAMES)
        read = {bone: cv2.imdecode(np.fromfile(path, np.uint8), cv2.IMREAD_UNCHANGED) for bone, path in files.items()}
        assert all(values.dtype == np.uint8 and set(np.unique(values)) <= {0, 255} for values in read.values())
        assert BoneMasks.from_dense(np.stack([read[bone] > 0 for bone in NAMES])) == masks


def test_the_contests_file_has_its_three_columns(tmp_path):
    write(tmp_path, "contest_csv", {"a.png": BoneMasks.from_crops({3: (np.ones((5, 4), bool), (7, 9))}, (2048, 2048))})
    assert (tmp_path / "predictions.csv").read_text(encoding="utf-8").splitlines()[0] == "image_name,class,rle"


def test_the_contests_file_has_sizes_where_they_are_not_the_contests(tmp_path):
    write(tmp_path, "contest_csv", dict(reversed(IMAGES.items())))
    path = tmp_path / "predictions.csv"
    index = PredictionsIndex(path)
    assert {name: index.size_hw(name) for name in index.names} == {n: m.size_hw for n, m in IMAGES.items()}
    assert list(read_predictions(path)) == [(name, IMAGES[name].to_rle()) for name in sorted(IMAGES)]


def test_unknown_writers_and_settings_get_a_suggestion():
    with pytest.raises(HandboneError, match="unknown writer 'cocoo'; did you mean 'coco'"):
        registry().get("writer", "cocoo")
    with pytest.raises(HandboneError, match="did you mean 'segmentation'"):
        registry().get("writer", Choice(name="coco", segmentations="rle"))
