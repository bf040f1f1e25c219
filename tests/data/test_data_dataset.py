"""A folder becomes a data set: which layout it has, what samples are called, and what is said where nothing fits."""

import json

import cv2
import numpy as np
import pytest
from data_toys import annotation, draw, toy_hand, write_hand

from handbone.core.errors import HandboneError
from handbone.data.audit.check import check_dataset
from handbone.data.cache import ImageCache, as_image
from handbone.data.dataset import open_dataset
from handbone.recipe.schema import Data

BOX = [{"id": 1, "image_id": 1, "category_id": 1, "segmentation": [[1, 1, 8, 1, 8, 8]]}]


def image(path, seed=0, size_hw=(40, 30)):
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), np.random.default_rng(seed).integers(0, 255, size_hw, np.uint8))
    return path


def coco(path, names, annotations=BOX):
    images = [{"id": number, "file_name": name} for number, name in enumerate(names, 1)]
    categories = [{"id": 1, "name": "Radius"}]
    path.write_text(json.dumps({"images": images, "annotations": annotations, "categories": categories}))


def opened(path, **settings):
    return open_dataset(Data(path=str(path), **settings))


@pytest.mark.parametrize("name", ["missing", "a.png", "x" * 300])
def test_what_is_no_folder_is_said_with_a_way_to_get_one(tmp_path, name):
    if name == "a.png":
        image(tmp_path / name)
    with pytest.raises(HandboneError, match="no such folder; give the folder of the images, or draw a synthetic set"):
        opened(tmp_path / name)


@pytest.mark.parametrize(("layout", "name"), [("auto", "folder"), ("coco", "coco"), ("folder", "folder")])
def test_a_folder_without_an_image_says_in_which_layout_it_looked(tmp_path, layout, name):
    with pytest.raises(HandboneError, match=f"found no image in the layout '{name}'") as error:
        opened(tmp_path, layout=layout)
    assert error.value.remedy == "put images there as docs/pages/own-data.md describes"


def test_base_names_are_names_until_they_repeat(tmp_path):
    for name in ("p1/wrist.png", "p2/wrist.png", "p2/other.png"):
        image(tmp_path / name, seed=len(name))
    dataset = opened(tmp_path)
    assert [sample.name for sample in dataset.samples] == ["other.png", "p1/wrist.png", "p2/wrist.png"]
    (note,) = [problem for problem in dataset.problems if problem.rule == "repeated-name"]
    assert note.file == "p2/wrist.png" and note.message.startswith("p1/wrist.png has the same base name")


def test_samples_come_by_part_and_then_by_name(contest):
    dataset = opened(contest)
    assert [sample.split for sample in dataset.samples] == ["train"] * 8 + ["test"]
    assert [s.name for s in dataset.subset("train")] == sorted(s.name for s in dataset.subset("train"))
    assert len(dataset) == 9 and len(dataset.labelled()) == 8 == len(dataset.labelled("train"))
    assert dataset.labelled("test") == () and len(dataset.subset("test")) == 1


FILES = {
    "a.csv": ("image_name,class,rle\n", "csv"),
    "A.CSV.GZ": (None, "csv"),
    "a.tsv": ("image_name\tclass\trle\n", "csv"),
    "a.xml": ("<annotations/>", "cvat"),
    "a.json": (json.dumps([{"id": 1, "data": {"image": "a.png"}, "annotations": [{"result": []}]}]), "label_studio"),
    "b.json": (json.dumps({"images": [], "annotations": [], "categories": []}), "coco"),
}


@pytest.mark.parametrize("name", [name for name in FILES if FILES[name][0]])
def test_the_file_of_all_labels_says_the_layout(tmp_path, name):
    image(tmp_path / "a.png")
    content, layout = FILES[name]
    (tmp_path / name).write_text(content)
    assert opened(tmp_path, annotations=name).layout == layout


@pytest.mark.parametrize(
    ("record", "layout"),
    [
        ({"schema": "handbone.export/1", "format": "labelme"}, "labelme"),
        ({"schema": "handbone.export/1", "format": "unknown"}, "folder"),
        ({"schema": "other/1", "format": "labelme"}, "folder"),
        ({"format": "labelme"}, "folder"),
        (["labelme"], "folder"),
        ({"schema": "handbone.export/1"}, "folder"),
    ],
)
def test_an_exported_folder_is_read_as_it_was_written(tmp_path, record, layout):
    image(tmp_path / "a.png")
    (tmp_path / "export.json").write_text(json.dumps(record))
    assert opened(tmp_path).layout == layout


def test_labels_are_read_once(tmp_path):
    image(tmp_path / "a.png")
    coco(tmp_path / "c.json", ["a.png"])
    dataset = opened(tmp_path)
    (sample,) = dataset.samples
    assert dataset.labels(sample) is dataset.labels(sample)


def test_an_image_without_an_annotation_has_no_labels(tmp_path):
    image(tmp_path / "a.png")
    dataset = opened(tmp_path)
    for read in (dataset.labels, dataset.read_labels):
        with pytest.raises(HandboneError, match=r"a\.png: this image has no annotation; add its annotation, or use it"):
            read(dataset.samples[0])


@pytest.mark.parametrize("empty", ["refuse", "use"])
def test_an_annotation_without_an_outline_is_refused_unless_it_shows_none(tmp_path, empty):
    image(tmp_path / "a.png")
    coco(tmp_path / "c.json", ["a.png"], annotations=[])
    dataset = opened(tmp_path, empty_labels=empty)
    findings = [finding.rule for finding in check_dataset(dataset)]
    if empty == "use":
        assert dataset.labels(dataset.samples[0]).polygons == {} and "no-outline" not in findings
        return
    with pytest.raises(HandboneError, match=r"a\.png has no outlined bone; outline its bones, or set data"):
        dataset.labels(dataset.samples[0])
    assert "no-outline" in findings


def test_a_broken_outline_is_the_reason_that_is_given(tmp_path):
    image(tmp_path / "a.png")
    coco(tmp_path / "c.json", ["a.png"], annotations=[BOX[0] | {"segmentation": [[1, 1]]}])
    dataset = opened(tmp_path)
    with pytest.raises(HandboneError, match=r"has no outlined bone: .*a polygon needs three or more points"):
        dataset.labels(dataset.samples[0])


@pytest.mark.parametrize(("others", "told"), [(8, False), (9, True), (10, True)])
def test_a_size_is_unusual_where_nine_of_ten_have_another(tmp_path, others, told):
    for number in range(others):
        image(tmp_path / f"a{number}.png", seed=number)
    image(tmp_path / "odd.png", size_hw=(50, 60))
    found = [f for f in check_dataset(opened(tmp_path)) if f.rule == "unusual-size"]
    assert [f.message for f in found] == (["60 x 50 where nearly all others have 30 x 40"] if told else [])


def test_a_patient_in_both_parts_is_an_error(tmp_path):
    for split in ("train", "test"):
        write_hand(tmp_path, split, "ID001", f"image_{split}", labelled=split == "train")
    found = {f.rule: f for f in check_dataset(opened(tmp_path))}
    assert found["patient-in-both-splits"].file == "ID001" and found["patient-in-both-splits"].severity == "error"


def test_two_hands_with_their_thumb_on_one_side_are_doubted(tmp_path):
    for number in range(2):
        write_hand(tmp_path, "train", "ID001", f"image{number}", bend=10.0 * number)
    found = {f.rule: f.message for f in check_dataset(opened(tmp_path))}
    assert found["same-side-twice"] == "both images show a hand with its thumb on the left"


def test_findings_come_by_severity_rule_and_file(contest):
    (contest / "train/outputs_json/ID002/image_1661130828120.json").write_text("{")
    found = check_dataset(opened(contest))
    order = {"error": 0, "warning": 1, "note": 2}
    keys = [(order[f.severity], f.rule, f.file) for f in found]
    assert keys == sorted(keys) and found[0].severity == "error"


@pytest.mark.parametrize("invert", ["auto", "yes", "no"])
def test_the_cache_keeps_each_way_of_reading_apart(tmp_path, invert):
    path = tmp_path / "a.png"
    cv2.imwrite(str(path), draw(toy_hand()))
    plain = ImageCache(tmp_path / "cache").image(path)
    cache = ImageCache(tmp_path / "cache", invert=invert)
    for _ in range(2):
        expected = 1 - plain if invert == "yes" else plain
        assert np.abs(cache.image(path) - expected).max() < 0.005
    assert as_image(cache.open(path)).dtype == np.float32


def test_an_image_that_is_gone_is_named(tmp_path):
    with pytest.raises(HandboneError, match=r"gone\.png"):
        ImageCache(tmp_path / "cache").image(tmp_path / "gone.png")


def test_the_contest_s_annotation_may_be_of_a_larger_copy(tmp_path):
    path = write_hand(tmp_path, "train", "ID001", "image1")
    assert annotation([], filename="a")["metadata"]["width"] == 3060
    dataset = opened(tmp_path)
    assert dataset.labels(dataset.samples[0]).size_hw == draw(toy_hand()).shape and path.exists()
