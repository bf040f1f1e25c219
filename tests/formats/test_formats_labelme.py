"""labelme's files as people save them: what is read, and what is said of the rest."""

import base64
import json

import cv2
import numpy as np
import pytest
from annotation_toys import TALL, read, write, write_radiograph

from handbone.anatomy import INDEX
from handbone.core.bone_masks import BoneMasks
from handbone.data.dataset import open_dataset
from handbone.recipe.schema import Data


@pytest.fixture
def drawn(tmp_path):
    """A labelme folder of one image with an ellipse for a Capitate, and its file's path."""
    size = (200, 150)
    mask = cv2.ellipse(np.zeros(size, np.uint8), (70, 90), (40, 25), 20, 0, 360, 1, -1).astype(bool)
    masks = BoneMasks.from_crops({INDEX["Capitate"]: (mask, (0, 0))}, size)
    write(tmp_path, "labelme", write_radiograph(tmp_path / "in.png", size), masks, "a.png")
    (tmp_path / "in.png").unlink()
    return tmp_path / "a.json", masks


def change(path, **changes):
    content = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps(content | changes), encoding="utf-8")


def shape(path):
    return json.loads(path.read_text(encoding="utf-8"))["shapes"][0]


def test_labelme_outlines_have_few_vertices_and_hold_once_one_is_moved(drawn):
    path, masks = drawn
    before = shape(path)
    assert 6 <= len(before["points"]) <= 40 and before["handbone"]["rle"]
    moved = [[x + 30, y] if number == 0 else [x, y] for number, (x, y) in enumerate(before["points"])]
    change(path, shapes=[before | {"points": moved}])
    [found] = read(path.parent)[1].values()
    expected = BoneMasks.from_polygons({INDEX["Capitate"]: [np.array(moved)]}, masks.size_hw)
    assert found == expected != masks


def test_a_renamed_outline_keeps_its_exact_mask(drawn):
    path, masks = drawn
    change(path, shapes=[shape(path) | {"label": "Hamate"}])
    [found] = read(path.parent)[1].values()
    assert np.array_equal(found.mask(INDEX["Hamate"]), masks.mask(INDEX["Capitate"]))


def test_labelme_s_other_shapes_are_read(drawn):
    path, _ = drawn
    patch = np.zeros((4, 3), np.uint8)
    patch[1:, :] = 1
    text = base64.b64encode(cv2.imencode(".png", patch)[1].tobytes()).decode()
    # Corners as older versions wrote them: fractions, and beyond the edge.
    shapes = [
        {"label": "Radius", "shape_type": "rectangle", "points": [[10, 10], [20, 14]]},
        {"label": "Ulna", "shape_type": "circle", "points": [[50, 50], [50, 60]]},
        {"label": "Lunate", "shape_type": "mask", "points": [[-1.2, 5.4], [1.8, 8.4]], "mask": text},
    ]
    change(path, shapes=shapes)
    [found] = read(path.parent)[1].values()
    assert found.areas()[INDEX["Radius"]] == 11 * 5
    assert found.areas()[INDEX["Ulna"]] == pytest.approx(np.pi * 10.5**2, rel=0.05)
    assert found.boxes_xyxy[INDEX["Lunate"]].tolist() == [0, 6, 2, 9]


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        ({"label": "Lunate", "shape_type": "mask", "points": [[0, 0], [3, 3]], "mask": "no base64!"}, "no PNG"),
        ({"label": "Lunate", "shape_type": "line", "points": [[0, 0], [3, 3]]}, "is a line"),
        ({"label": "Lunate", "shape_type": "polygon", "points": [[0, "x"], [3, 3]]}, "not numbers"),
        ({"shape_type": "polygon", "points": [[0, 0], [3, 3]]}, "has no label"),
        ({"label": "lunatum", "shape_type": "polygon", "points": [[0, 0], [3, 3], [0, 3]]}, "unknown label"),
        ("x", "has no label"),
    ],
)
def test_what_cannot_be_read_of_labelme_is_said(drawn, entry, words):
    path, _ = drawn
    change(path, shapes=[shape(path), entry])
    dataset = open_dataset(Data(path=str(path.parent)))
    labels = dataset.labels(dataset.samples[0])
    assert any(words in problem.message for problem in labels.problems if problem.severity == "error")
    assert list(labels.polygons) == [INDEX["Capitate"]]


def test_sizes_are_compared_and_foreign_names_mapped(drawn):
    path, masks = drawn
    change(path, imageHeight=150, imageWidth=200)
    dataset = open_dataset(Data(path=str(path.parent)))
    [problem] = [p for p in dataset.read_labels(dataset.samples[0]).problems if p.severity == "error"]
    assert problem.rule == "other-size" and "turned by 90 degrees" in problem.message
    change(path, imageHeight=200, imageWidth=150, shapes=[shape(path) | {"label": "os capitatum"}])
    assert list(read(path.parent, class_map={"os capitatum": "Capitate"})[1].values()) == [masks]


def test_a_labelme_file_without_its_image_and_an_image_without_its_file_are_said(drawn):
    path, _ = drawn
    write_radiograph(path.with_name("b.png"), TALL)
    change(path, imagePath="../../etc/c.png")
    problems = {p.rule: p.file for p in open_dataset(Data(path=str(path.parent), layout="labelme")).problems}
    assert problems == {"no-image": "a.json", "no-annotation": "b.png"}
