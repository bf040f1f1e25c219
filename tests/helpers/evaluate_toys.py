"""Toy hands with labels, and masks of them that are off by known amounts, in every form that can be evaluated."""

import json
from pathlib import Path

import cv2
import numpy as np
from data_toys import SIZE, draw, toy_hand, write_hand
from pycocotools import mask as coco_mask

from handbone.anatomy import INDEX, NAMES
from handbone.core.bone_masks import BoneMasks
from handbone.formats.contest_csv import PredictionsWriter

#: Path below DCM to how the hand is drawn; the last one is bent.
HANDS = {
    "ID001/a_R.png": {},
    "ID001/a_L.png": {"mirrored": True},
    "ID002/b_R.png": {"size": 240},
    "ID003/c_R.png": {"bend": 55.0},
}


def write_hands(root: Path) -> Path:
    """A data set in the contest layout."""
    for key, hand in HANDS.items():
        patient, name = key.split("/")
        size = hand.get("size", SIZE)
        image = write_hand(root, "train", patient, name.removesuffix(".png"), **hand)
        cv2.imwrite(str(image), draw(toy_hand(**hand), size))
    return root


def masks_of(key: str, *, shift=(0, 0), without=()) -> BoneMasks:
    """The masks of a hand, moved by pixels (x, y)."""
    hand = HANDS[key]
    size = hand.get("size", SIZE)
    polygons = {INDEX[n]: [p + np.array(shift)] for n, p in toy_hand(**hand).items() if n not in without}
    return BoneMasks.from_polygons(polygons, (size, size))


def write_table(path: Path, masks: dict[str, BoneMasks]) -> Path:
    with PredictionsWriter(path) as table:
        for name, each in masks.items():
            table.write(name, each)
    return path


def shifted(shift, keys=HANDS, **more) -> dict[str, BoneMasks]:
    """By base name, as the contest's CSV has it."""
    return {key.split("/")[1]: masks_of(key, shift=shift, **more) for key in keys}


def write_coco(folder: Path, classes: dict[str, tuple[str, ...]], names=("0012_L.png", "0012_R.png", "0034_R.png")):
    """Toy hands with a COCO file whose classes hold bones by the map; gives image name to its polygons by bone."""
    folder.mkdir(parents=True)
    categories = [{"id": number, "name": name} for number, name in enumerate(classes, start=1)]
    images, annotations, hands = [], [], {}
    for number, name in enumerate(names):
        hands[name] = hand = toy_hand(mirrored="_L" in name)
        cv2.imwrite(str(folder / name), draw(hand))
        images.append({"id": number, "file_name": name, "width": SIZE, "height": SIZE})
        for category in categories:
            for bone in classes[category["name"]]:
                points = hand[bone] if bone in NAMES else np.array([(5, 5), (9, 5), (9, 9)])
                entry = {"id": len(annotations), "image_id": number, "category_id": category["id"]}
                annotations.append(entry | {"segmentation": _rle(points)})
    content = {"images": images, "annotations": annotations, "categories": categories}
    (folder / "annotations.json").write_text(json.dumps(content))
    return hands


def _rle(points) -> dict:
    """A polygon's mask as the contest fills it, in COCO's run lengths."""
    mask = cv2.fillPoly(np.zeros((SIZE, SIZE), np.uint8), [np.rint(points).astype(np.int32)], 1)
    rle = coco_mask.encode(np.asfortranarray(mask))
    return {"size": [SIZE, SIZE], "counts": rle["counts"].decode()}
