"""The contest layout, COCO files and plain folders, with the traps that real data sets."""

import json

import cv2
import numpy as np
import pytest
from data_toys import SIZE, draw, toy_hand, write_hand
from pycocotools import mask as coco_mask

from handbone import anatomy
from handbone.core.errors import HandboneError
from handbone.data.dataset import open_dataset
from handbone.recipe.schema import Data


def opened(path, **settings):
    return open_dataset(Data(path=str(path), **settings))


def rules(labels):
    return {p.rule for p in labels.problems}


def test_contest_samples_know_their_patient_side_and_part(contest):
    dataset = opened(contest)
    assert dataset.layout == "contest"
    assert len(dataset.subset("train")) == 8 and len(dataset.subset("test")) == 1
    first = dataset.samples[0]
    assert (first.name, first.patient_id, first.side) == ("image_1661130828110_R.png", "ID001", "R")
    assert {s.side for s in dataset.samples if s.patient_id != "ID001"} == {None}
    assert [s.patient_id for s in dataset.subset("train")].count("ID003") == 2
    assert dataset.labelled("test") == () and dataset.problems == ()


def test_points_are_read_in_the_images_pixels_whatever_the_metadata_says(contest):
    dataset = opened(contest)
    labels = dataset.labels(dataset.samples[0])
    assert labels.size_hw == (SIZE, SIZE)
    assert sorted(labels.polygons) == list(range(29))
    ground_truth = toy_hand(bend=2)
    for index, name in enumerate(anatomy.NAMES):
        np.testing.assert_allclose(labels.polygons[index][0], ground_truth[name], atol=1e-3)
    assert rules(labels) == {"metadata-size", "filename-extension", "unordered"}
    np.testing.assert_allclose(labels.masks().centroids_xy()[21], labels.centroids_xy()[21], atol=1)


def test_a_part_alone_is_a_training_set(contest):
    assert len(opened(contest / "train").subset("train")) == 8


def test_several_annotations_of_one_label_are_one_mask(tmp_path):
    hand = toy_hand()
    polygon = hand["Capitate"]
    halves = [("Capitate", polygon[:21]), ("Capitate", np.concatenate([polygon[20:], polygon[:1]]))]
    write_hand(tmp_path, "train", "ID001", "one", [*((n, p) for n, p in hand.items() if n != "Capitate"), *halves])
    dataset = opened(tmp_path)
    labels = dataset.labels(dataset.samples[0])
    assert len(labels.polygons[21]) == 2 and "several-contours" in rules(labels)
    whole = np.zeros((SIZE, SIZE), np.uint8)
    cv2.fillPoly(whole, [np.rint(polygon).astype(np.int32)], 1)
    assert np.abs(int(labels.masks().areas()[21]) - int(whole.sum())) <= 4


def test_unknown_labels_are_named_with_a_suggestion_and_left_out(tmp_path):
    hand = list(toy_hand().items())
    hand[20] = ("Trapezoyd", hand[20][1])
    write_hand(tmp_path, "train", "ID001", "one", hand)
    dataset = opened(tmp_path)
    labels = dataset.labels(dataset.samples[0])
    [found] = [p for p in labels.problems if p.rule == "unknown-label"]
    assert "'Trapezoyd'" in found.message and "did you mean 'Trapezoid'?" in found.remedy
    assert found.file == "train/outputs_json/ID001/one.json"
    assert 20 not in labels.polygons and "missing-bones" in rules(labels)
    mapped = opened(tmp_path, class_map={"Trapezoyd": "Trapezoid"})
    assert 20 in mapped.labels(mapped.samples[0]).polygons


def test_points_outside_the_image_are_kept_and_clipped(tmp_path):
    hand = toy_hand()
    hand["Radius"] = hand["Radius"] + (0, 40)
    write_hand(tmp_path, "train", "ID001", "one", list(hand.items()))
    dataset = opened(tmp_path)
    labels = dataset.labels(dataset.samples[0])
    assert labels.polygons[27][0][:, 1].max() > SIZE and "points-outside" in rules(labels)
    assert labels.masks().mask(27)[-1].any()


@pytest.mark.parametrize("points", [[], [[1, 2]], [[1, 2], [3], [4, 5]], "none", None, [[1, 2], [3, 4], ["a", 5]]])
def test_broken_contours_are_named_not_fatal(tmp_path, points):
    image = write_hand(tmp_path, "train", "ID001", "one")
    path = tmp_path / "train/outputs_json/ID001/one.json"
    content = json.loads(path.read_text())
    content["annotations"][3]["points"] = points
    path.write_text(json.dumps(content))
    labels = opened(tmp_path).labels(opened(tmp_path).samples[0])
    assert "broken-outline" in rules(labels) and len(labels.polygons) == 28, image


def test_missing_files_are_found_while_listing(contest):
    (contest / "train/outputs_json/ID002/image_1661130828120.json").unlink()
    (contest / "train/DCM/ID004/image_1661130828141.png").unlink()
    dataset = opened(contest)
    assert {(p.rule, p.file) for p in dataset.problems} == {
        ("no-annotation", "train/DCM/ID002/image_1661130828120.png"),
        ("no-image", "train/outputs_json/ID004/image_1661130828141.json"),
    }
    assert len(dataset.labelled("train")) == 6


def test_broken_json_names_the_file_and_the_line(contest):
    path = contest / "train/outputs_json/ID001/image_1661130828110_R.json"
    path.write_text(path.read_text()[:200])
    dataset = opened(contest)
    with pytest.raises(HandboneError, match=r"image_1661130828110_R\.json: not valid JSON.*line 1"):
        dataset.labels(dataset.samples[0])


def test_equal_base_names_are_found(tmp_path):
    for patient_id in ("ID001", "ID002"):
        write_hand(tmp_path, "train", patient_id, "one")
    dataset = opened(tmp_path)
    [found] = dataset.problems
    assert found.rule == "repeated-name" and found.severity == "note"
    assert [s.name for s in dataset.samples] == ["train/DCM/ID001/one.png", "train/DCM/ID002/one.png"]


def test_a_missing_or_empty_folder_says_what_to_do(tmp_path):
    with pytest.raises(HandboneError, match="no such folder; give the folder"):
        opened(tmp_path / "nowhere")
    with pytest.raises(HandboneError, match="found no image"):
        opened(tmp_path)


def test_a_folder_of_images_has_no_labels(tmp_path):
    for name in ("b_1_R.png", "b_1_L.jpg", "deep/c.tiff", ".hidden.png"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        cv2.imwrite(str(path), draw(toy_hand()))
    (tmp_path / "notes.txt").write_text("x")
    dataset = opened(tmp_path)
    assert [(s.name, s.side, s.patient_id) for s in dataset.samples] == [
        ("b_1_L.jpg", "L", "b_1"),
        ("b_1_R.png", "R", "b_1"),
        ("c.tiff", None, "deep/c"),
    ]
    with pytest.raises(HandboneError, match="no annotation"):
        dataset.labels(dataset.samples[0])


def coco_folder(root, kind):
    """One image whose bones are polygons, compressed or uncompressed RLE, under foreign names; and its masks."""
    hand = toy_hand()
    (root / "images").mkdir(parents=True)
    cv2.imwrite(str(root / "images/hand_1.png"), draw(hand))
    annotations, masks = [], []
    for index, points in enumerate(hand.values()):
        rle = coco_mask.merge(coco_mask.frPyObjects([points.ravel().tolist()], SIZE, SIZE))
        mask = coco_mask.decode(rle)
        masks.append(mask.astype(bool))
        if kind == "polygon":
            segmentation = [points.ravel().tolist()]
        elif kind == "compressed":
            segmentation = {"size": [SIZE, SIZE], "counts": rle["counts"].decode()}
        else:
            flat = mask.ravel(order="F")
            edges = np.flatnonzero(np.diff(flat)) + 1
            runs = np.diff(np.r_[0, edges, flat.size]).tolist()
            segmentation = {"size": [SIZE, SIZE], "counts": ([0] if flat[0] else []) + runs}
        entry = {"id": index, "image_id": 5, "category_id": 100 + index, "segmentation": segmentation, "iscrowd": 0}
        annotations.append(entry)
    categories = [{"id": 100 + i, "name": f"bone {i}"} for i in range(29)]
    images = [{"id": 5, "file_name": "hand_1.png", "width": SIZE, "height": SIZE}]
    content = {"images": images, "annotations": annotations, "categories": categories}
    (root / "labels.json").write_text(json.dumps(content))
    return np.stack(masks)


# pycocotools 2.0.11 speaks of a coming change in numpy.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

CLASS_MAP = {f"bone {i}": name for i, name in enumerate(anatomy.NAMES)}


@pytest.mark.parametrize("kind", ["polygon", "compressed", "uncompressed"])
def test_coco_labels_fill_to_the_masks_of_pycocotools(tmp_path, kind):
    ground_truth = coco_folder(tmp_path, kind)
    dataset = opened(tmp_path, class_map=CLASS_MAP)
    assert dataset.layout == "coco"
    labels = dataset.labels(dataset.samples[0])
    np.testing.assert_array_equal(labels.masks().dense(), ground_truth)
    assert labels.problems == ()


def test_coco_categories_without_a_bone_are_named_each(tmp_path):
    coco_folder(tmp_path, "polygon")
    dataset = opened(tmp_path, class_map={k: v for k, v in CLASS_MAP.items() if k != "bone 3"})
    labels = dataset.labels(dataset.samples[0])
    assert [p.message for p in labels.problems if p.rule == "unknown-label"] == ["unknown label 'bone 3'"]


def test_coco_rle_of_another_size_or_length_is_named(tmp_path):
    coco_folder(tmp_path, "uncompressed")
    path = tmp_path / "labels.json"
    content = json.loads(path.read_text())
    content["annotations"][0]["segmentation"]["size"] = [3060, 3060]
    content["annotations"][1]["segmentation"]["counts"][0] += 7
    content["annotations"][2]["segmentation"] = [[1, 2, 3]]
    path.write_text(json.dumps(content))
    dataset = opened(tmp_path, class_map=CLASS_MAP)
    labels = dataset.labels(dataset.samples[0])
    found = [p.message for p in labels.problems if p.rule == "broken-outline"]
    assert len(found) == 3 and "[3060, 3060]" in found[0] and "add up" in found[1] and "three or more" in found[2]
    assert len(labels.polygons) == 26


@pytest.mark.parametrize("category", [99, None, [1], "x"])
def test_a_broken_outline_of_a_category_that_the_file_does_not_list_is_named(tmp_path, category):
    coco_folder(tmp_path, "polygon")
    path = tmp_path / "labels.json"
    content = json.loads(path.read_text())
    content["annotations"][0] |= {"category_id": category, "segmentation": [[1, 2, 3]]}
    path.write_text(json.dumps(content))
    class_map = CLASS_MAP | {f"category {category}": anatomy.NAMES[0]}
    labels = opened(tmp_path, class_map=class_map).labels(opened(tmp_path).samples[0])
    [found] = [p for p in labels.problems if p.rule == "broken-outline"]
    assert found.message.startswith(f"a segmentation of category {category} cannot be read")
    unmapped = opened(tmp_path, class_map=CLASS_MAP).labels(opened(tmp_path).samples[0])
    assert f"unknown label 'category {category}'" in [p.message for p in unmapped.problems]


def test_coco_images_and_entries_without_each_other_are_found(tmp_path):
    coco_folder(tmp_path, "polygon")
    cv2.imwrite(str(tmp_path / "images/alone.png"), draw(toy_hand()))
    content = json.loads((tmp_path / "labels.json").read_text())
    content["images"].append({"id": 6, "file_name": "gone.png"})
    (tmp_path / "labels.json").write_text(json.dumps(content))
    dataset = opened(tmp_path)
    assert {p.rule for p in dataset.problems} == {"no-image", "no-annotation"}
    assert len(dataset.labelled()) == 1 and len(dataset) == 2


def test_a_file_that_is_not_coco_is_refused_by_name(tmp_path):
    (tmp_path / "labels.json").write_text('{"images": []}')
    with pytest.raises(HandboneError, match=r"labels\.json: not a COCO file"):
        opened(tmp_path, annotations="labels.json")
    with pytest.raises(HandboneError, match=r"other\.json: cannot be read"):
        opened(tmp_path, annotations="other.json")
