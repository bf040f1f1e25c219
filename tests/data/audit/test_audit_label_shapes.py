"""Labels that outline no bone although each bone has one: boxes that a tool exported, and numbers in percent."""

import json
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
from data_toys import SIZE, draw, toy_hand

from handbone.anatomy import NAMES
from handbone.data.audit.check import check_dataset
from handbone.data.audit.label_shapes import boxes, is_rectangle
from handbone.data.dataset import open_dataset
from handbone.recipe.schema import Data, Split
from handbone.runs.steps.prepare import read_images
from handbone.synthetic import draw_hand

HAND = toy_hand()


def box_of(points, degrees=0.0):
    """The box around some points, turned about its middle."""
    low, high = points.min(0), points.max(0)
    angle = np.deg2rad(degrees)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    corners = np.array([low, [high[0], low[1]], high, [low[0], high[1]]])
    return (corners - (low + high) / 2) @ turn.T + (low + high) / 2


def opened(root, polygons):
    """A COCO set of two images with these contours."""
    images = [{"id": n, "file_name": f"{n}.png"} for n in range(2)]
    for image in images:
        cv2.imwrite(str(root / image["file_name"]), draw(HAND))
    annotations = [
        {"image_id": n, "category_id": bone, "segmentation": [points.ravel().tolist()]}
        for n in range(2)
        for bone, points in enumerate(polygons)
    ]
    categories = [{"id": bone, "name": name} for bone, name in enumerate(NAMES)]
    content = {"images": images, "annotations": annotations, "categories": categories}
    (root / "labels.json").write_text(json.dumps(content))
    return open_dataset(Data(path=str(root)))


def found(dataset, rule="boxes"):
    return [f for f in check_dataset(dataset) if f.rule == rule]


@pytest.mark.parametrize(("rectangles", "said"), [(29, "58 of 58 labels"), (15, "30 of 58 labels"), (14, None)])
def test_boxes_in_place_of_contours_are_a_warning(tmp_path, rectangles, said):
    polygons = [box_of(p) if n < rectangles else p for n, p in enumerate(HAND.values())]
    told = found(opened(tmp_path, polygons))
    assert [f.severity for f in told] == ["warning"] * bool(said)
    assert not said or (told[0].message.startswith(f"{said} are rectangles") and "networks" in told[0].remedy)


@pytest.mark.parametrize(("scale", "named"), [(100 / SIZE, True), (1.0, False), (40 / SIZE, False), (0.5, False)])
def test_labels_in_percent_are_a_warning(tmp_path, scale, named):
    told = found(opened(tmp_path, [p * scale for p in HAND.values()]), "percent")
    assert [f.severity for f in told] == ["warning"] * named
    assert not named or "100 x 100 pixels" in told[0].message


def test_small_images_may_have_small_labels(tmp_path):
    dataset = opened(tmp_path, [p * 100 / SIZE for p in HAND.values()])
    for name in ("0.png", "1.png"):
        cv2.imwrite(str(tmp_path / name), draw(HAND)[:120, :120])
    assert found(open_dataset(Data(path=str(dataset.root))), "percent") == []


def test_a_few_labels_tell_nothing(tmp_path):
    assert found(opened(tmp_path, [box_of(p) for p in HAND.values()][:2])) == []


@pytest.mark.parametrize(("count", "looked_at"), [(0, 0), (1, 1), (64, 64), (65, 33), (800, 62)])
def test_a_large_data_set_costs_no_more_than_a_small_one(count, looked_at):
    samples, read = [SimpleNamespace(annotation=n, n=n) for n in range(count)], []

    def labels(sample):
        read.append(sample.n)
        return SimpleNamespace(polygons={bone: [box_of(HAND["Radius"])] for bone in range(6)})

    told = boxes(SimpleNamespace(read_labels=labels), samples)
    assert len(read) == looked_at and (told is not None) == (count > 0)
    assert not read or max(read) >= 0.98 * (count - 1), "from all of it"


def test_a_run_says_so_before_it_trains(tmp_path, capsys):
    context = SimpleNamespace(
        dataset=opened(tmp_path, [box_of(p) for p in HAND.values()]),
        cache=SimpleNamespace(open=lambda image: None),
        stream=None,
        recipe=SimpleNamespace(split=Split(folds=2)),
    )
    read_images(context, tmp_path)
    assert "58 of 58 labels are rectangles" in " ".join(capsys.readouterr().err.split())


@pytest.mark.parametrize("size", [96, 512])
def test_no_bone_of_a_synthetic_hand_is_a_rectangle(size):
    polygons = draw_hand(5, size=size).masks.polygons()
    assert len(polygons) > 25 and not any(map(is_rectangle, polygons.values()))


def test_a_box_may_be_turned():
    bone = HAND["Radius"]
    assert is_rectangle([box_of(bone, 17)]) and not is_rectangle([bone])


def test_a_mask_that_is_a_box_is_one():
    mask = np.zeros((SIZE, SIZE), np.uint8)
    mask[20:60, 30:50] = 1
    contours, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    square = [contours[0][:, 0]]
    assert is_rectangle(square) and not is_rectangle(square * 2) and not is_rectangle([square[0] / 20])
