"""Labels that cannot be used, through `handbone data check`, which names each, and through `handbone run`."""
# ruff: noqa: E501 (a kind is read best in one line)

import copy
import json

import cv2
import pytest
from bad_input import Bad
from data_toys import SIZE, annotation, draw, toy_hand, write_hand

from handbone.anatomy import NAMES

_HAND = toy_hand()
_CHECK = "data check data"


def _coco():
    """A COCO file of two hands."""
    annotations = [
        {"id": 29 * n + i, "image_id": n, "category_id": i, "segmentation": [points.ravel().tolist()]}
        for n in (1, 2)
        for i, points in enumerate(_HAND.values())
    ]
    images = [{"id": n, "file_name": name, "width": SIZE, "height": SIZE} for n, name in ((1, "a.png"), (2, "b.png"))]
    return {
        "images": images,
        "annotations": annotations,
        "categories": [{"id": i, "name": name} for i, name in enumerate(NAMES)],
    }


def _set_of(content, *, file="labels.json"):
    """Two images beside a file of this content."""

    def make(folder):
        (folder / "data").mkdir()
        for name in ("a.png", "b.png"):
            cv2.imwrite(str(folder / "data" / name), draw(_HAND))
        raw = content if isinstance(content, bytes) else content.encode()
        (folder / "data" / file).write_bytes(raw)

    return make


def _changed(change):
    content = copy.deepcopy(_coco())
    change(content)
    return _set_of(json.dumps(content))


def _put(*path, to):
    """Sets one value of a COCO file."""

    def change(content):
        for key in path[:-1]:
            content = content[key]
        content[path[-1]] = to

    return change


def _points(to):
    return _put("annotations", 40, "segmentation", to=to)


_SQUARE = [10.0, 10.0, 30.0, 10.0, 30.0, 30.0]
# Findings name the image, as many share a file.
_BONE = ("b.png", NAMES[11])
#: What is changed in a COCO file, and what is said of it.
COCO = {
    "not a number": (_points([[float("nan"), *_SQUARE[1:]]]), _BONE),
    "infinity": (_points([[float("inf"), *_SQUARE[1:]]]), _BONE),
    "a point a billion pixels away": (_points([[1e9, *_SQUARE[1:]]]), _BONE),
    "a point just too far away": (_points([[13.0 * SIZE, *_SQUARE[1:]]]), _BONE),
    "a point in words": (_points([["10", *_SQUARE[1:]]]), _BONE),
    "two points": (_points([_SQUARE[:4]]), _BONE),
    "half a point": (_points([_SQUARE[:5]]), _BONE),
    "no polygon": (_points([]), _BONE),
    "an empty polygon": (_points([[]]), _BONE),
    "null for a polygon": (_points(None), _BONE),
    "a text for a polygon": (_points("polygon"), _BONE),
    "nested once too often": (_points([[[10, 10], [30, 10]], [[30, 30]]]), _BONE),
    "a contour outside the image": (_points([[v + 3 * SIZE for v in _SQUARE]]), _BONE),
    "a contour without end": (_points([[0.0, 0.0, SIZE, SIZE] * 5000]), _BONE),
    "run lengths of another size": (_points({"size": [10, 10], "counts": [100]}), _BONE),
    "run lengths too short": (_points({"size": [SIZE, SIZE], "counts": [5, 5]}), _BONE),
    "negative run lengths": (_points({"size": [SIZE, SIZE], "counts": [-5, SIZE**2 + 5]}), _BONE),
    "huge run lengths": (_points({"size": [SIZE, SIZE], "counts": [2**40, 1]}), _BONE),
    "run lengths of letters": (_points({"size": [SIZE, SIZE], "counts": "~~~~~~~~"}), _BONE),
    "empty run lengths": (_points({"size": [SIZE, SIZE], "counts": []}), _BONE),
    "run lengths of nothing": (_points({"size": [SIZE, SIZE], "counts": [SIZE**2]}), _BONE),
    "no counts": (_points({"size": [SIZE, SIZE]}), _BONE),
    "an unknown category": (_put("annotations", 40, "category_id", to=77), ("b.png", "77")),
    "no category": (_put("annotations", 40, "category_id", to=None), ("b.png", "category None")),
    "an annotation of no image": (_put("annotations", 40, "image_id", to=9), ("labels.json", "9")),
    "an annotation that is a number": (_put("annotations", 40, to=7), ("labels.json",)),
    "an image that is not there": (_put("images", 1, "file_name", to="c.png"), ("c.png",)),
    "an image outside the folder": (_put("images", 1, "file_name", to="../secret.png"), ("secret.png",)),
    "an image without a name": (_put("images", 1, "file_name", to=None), ("labels.json",)),
    "an image of another size": (_put("images", 1, "width", to=SIZE * 2), ("b.png", "512 x 256")),
    "a category of no bone": (_put("categories", 11, "name", to="skull"), ("a.png", "skull")),
    "a category twice": (_put("categories", 11, "id", to=10), ("finger-11", "finger-12", "share the id")),
    "an image id twice": (_put("images", 1, "id", to=1), ("labels.json", "b.png", "id of its own")),
}  # fmt: skip


@pytest.mark.parametrize("kind", COCO)
def test_a_mistake_in_a_coco_file_is_named(kind, try_bad):
    change, says = COCO[kind]
    try_bad(Bad(_CHECK, _changed(change), says))


#: Whole files that are no COCO file.
FILES = {
    "an empty file": (b"", "labels.json"),
    "half a file": (json.dumps(_coco())[:500], "labels.json"),
    "a list of lists": ("[" * 100_000, "labels.json"),
    "a number of 5000 digits": ("9" * 5000, "labels.json"),
    "bytes that are no text": (b"\xff\xff\xff\xff{", "labels.json"),
    "VIA": ('{"a.png1": {"regions": [{"shape_attributes": {}}]}}', "VIA"),
    "Supervisely": ('{"objects": [{"classTitle": "x"}]}', "Supervisely"),
    "no annotations": ('{"images": [], "categories": [], "annotations": 5}', "labels.json"),
}  # fmt: skip


@pytest.mark.parametrize("kind", FILES)
def test_a_file_that_is_no_coco_file_is_named(kind, try_bad):
    content, says = FILES[kind]
    try_bad(Bad(_CHECK, _set_of(content), ("labels.json", says)))


def _contest(change):
    """A contest folder of two patients; the file of the second one is changed."""

    def make(folder):
        write_hand(folder / "data", "train", "ID001", "good")
        write_hand(folder / "data", "train", "ID002", "bad")
        path = folder / "data/train/outputs_json/ID002/bad.json"
        content = annotation(list(_HAND.items()), filename="bad.jpg", shuffle=None)
        path.write_text(json.dumps(change(content) or content))

    return make


def _labelled(label):
    return _put("annotations", 11, "label", to=label)


def _placed(points):
    return _put("annotations", 11, "points", to=points)


#: What is changed in a file of the contest's tool.
CONTEST = {
    "a label with a blank": (_labelled("finger 12"), ("bad.json", "finger 12")),
    "an unknown label": (_labelled("skull"), ("bad.json", "skull")),
    "no label": (lambda c: c["annotations"][11].pop("label") and None, ("bad.json", "label")),
    "a box": (_put("annotations", 11, "type", to="bbox"), ("bad.json", "bbox")),
    "no points": (_placed([]), ("bad.json", NAMES[11])),
    "points that are no numbers": (_placed([["a", "b"]] * 4), ("bad.json", NAMES[11])),
    "points of three numbers": (_placed([[1, 2, 3]] * 4), ("bad.json", NAMES[11])),
    "an infinite point": (_placed([[float("inf"), 1], [2, 2], [3, 1]]), ("bad.json", NAMES[11])),
    "no annotations": (lambda c: {"annotations": None}, ("bad.json", "annotations")),
    "an empty list": (_put("annotations", to=[]), ("bad.json",)),
    "a list": (lambda c: [1, 2], ("bad.json",)),
}  # fmt: skip


@pytest.mark.parametrize("kind", CONTEST)
def test_a_mistake_in_a_contest_file_is_named(kind, try_bad):
    change, says = CONTEST[kind]
    try_bad(Bad(_CHECK, _contest(change), says))


def _without(part):
    def make(folder):
        _contest(lambda content: None)(folder)
        (folder / part).unlink()

    return make


#: Sets and calls.
SETS = {
    "an image without a file": Bad(_CHECK, _without("data/train/outputs_json/ID002/bad.json"), ("bad.png", "no annotation")),
    "a file without an image": Bad(_CHECK, _without("data/train/DCM/ID002/bad.png"), ("bad.json", "no image")),
    "no folder": Bad("data check none", says=("none",)),
    "a file for a folder": Bad("data check a.txt", lambda f: (f / "a.txt").write_text("x"), ("a.txt",)),
    "an empty folder": Bad("data check e", lambda f: (f / "e").mkdir(), ("e",)),
    "an unknown layout": Bad("data check data --layout yolo", _set_of("{}"), ("yolo",), 2),
    "a layout that is not there": Bad("data check data --layout contest", _set_of("{}"), ("contest",)),
    "annotations that are not there": Bad("data check data --layout coco --annotations none.json", _set_of("{}"), ("none.json",)),
    "annotations outside the folder": Bad("data check data --layout coco --annotations ../x.json", _set_of("{}"), ("../x.json",)),
    "a class map to no bone": Bad("data check data --map skull=Skull", _set_of(json.dumps(_coco())), ("skull",), 2),
    "a class map that there is not": Bad("data check data --map skull", _set_of(json.dumps(_coco())), ("class map", "ram_h1200"), 2),
    "a page without labels": Bad("data check data -o out", _set_of(json.dumps(_coco())), ("--labels",), 2),
    "--rle in words": Bad("data check data --layout csv --rle diagonal", _set_of("{}"), ("diagonal",), 2),
    "two tables": Bad("data check data --layout csv", _set_of("{}"), ("0 tables",)),
    "an empty summary": Bad("data summary e -o out", lambda f: (f / "e").mkdir(), ("e",)),
    "a summary over a file": Bad("data summary data -o data/labels.json", _set_of(json.dumps(_coco())), ("labels.json",)),
    "hands of no size": Bad("data draw -o out --count 1 --size 3", says=("--size",), code=2),
    "no hands": Bad("data draw -o out --count 0", says=("--count",), code=2),
    "an unknown variety": Bad("data draw -o out --variety cats", says=("cats",), code=2),
    "hands where something lies": Bad("data draw -o data --count 1 --size 64", _set_of("{}"), ("data",)),
    "weights that are not there": Bad("data check data --labels -w nobody", _set_of(json.dumps(_coco())), ("nobody",)),
}  # fmt: skip


@pytest.mark.parametrize("kind", SETS)
def test_a_set_that_cannot_be_used_is_said(kind, try_bad):
    try_bad(SETS[kind])
