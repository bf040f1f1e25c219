"""A COCO file: https://cocodataset.org/#format-data, with overlapping bones as annotations of their own."""

import json
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import cv2
import numpy as np
from pycocotools import mask as coco_mask

from handbone import __version__, anatomy
from handbone.core.bone_masks import BoneMasks
from handbone.plugins.writing import PredictedImage, SplitWriter

FILE = "annotations.json"
_CATEGORIES = [{"id": bone.index + 1, "name": bone.name, "supercategory": "hand"} for bone in anatomy.BONES]
_INFO = {"description": "Bones of the hand, outlined by handbone; not a medical device", "version": __version__}


class CocoWriter(SplitWriter):
    """Writes `annotations.json` to a folder: categories 1 to 29 in anatomy order, one annotation per bone found.

    Parameters
    ----------
    folder: gets the file.
    polygons: contours a quarter of a pixel inside the masks' borders, which pycocotools fills to the same masks again,
        holes apart; otherwise compressed run lengths, which are exact.
    """

    def __init__(self, folder: Path, *, polygons: bool = False):
        self._path, self._polygons = folder / FILE, polygons
        # The two lists of the file grow side by side; entries wait on disk, so that memory does not grow with them.
        self._images, self._annotations = _Entries(), _Entries()

    def part(self, image: PredictedImage) -> tuple[dict[str, Any], list[dict[str, Any]]]:
        """The entries of an image and of its bones, without their numbers."""
        height, width = image.masks.size_hw
        segmentations = _polygons if self._polygons else _run_lengths
        areas = image.masks.areas()
        annotations = []
        for bone, segmentation in segmentations(image.masks):
            left, top, right, bottom = image.masks.boxes_xyxy[bone].tolist()
            entry: dict[str, Any] = {
                "category_id": bone + 1,
                "segmentation": segmentation,
                "area": int(areas[bone]),
                "bbox": [left, top, right - left, bottom - top],
                "iscrowd": 0,
            }
            name = anatomy.NAMES[bone]
            if name in image.confidence:
                entry["score"] = image.confidence[name]
            annotations.append(entry)
        return {"file_name": image.name, "height": height, "width": width}, annotations

    def add(self, part: tuple[dict[str, Any], list[dict[str, Any]]]) -> None:
        """Append an image and its bones."""
        image, annotations = part
        number = self._images.count + 1
        self._images.add({"id": number, **image})
        for annotation in annotations:
            self._annotations.add({"id": self._annotations.count + 1, "image_id": number, **annotation})

    def close(self) -> None:
        """Put the file together."""
        with open(self._path, "wb") as file:
            head = json.dumps({"info": _INFO, "licenses": [], "categories": _CATEGORIES}, ensure_ascii=False)
            file.write(head[:-1].encode())
            for name, entries in (("images", self._images), ("annotations", self._annotations)):
                file.write(f',\n"{name}": ['.encode())
                entries.move_to(file)
                file.write(b"]")
            file.write(b"}\n")


class _Entries:
    """JSON entries of a list, on disk until they are wanted."""

    def __init__(self) -> None:
        self.count = 0
        self._file = tempfile.TemporaryFile()  # noqa: SIM115, closed where it is read

    def add(self, entry: dict[str, Any]) -> None:
        self._file.write(b",\n" if self.count else b"\n")
        self._file.write(json.dumps(entry, ensure_ascii=False).encode())
        self.count += 1

    def move_to(self, file: BinaryIO) -> None:
        with self._file:
            self._file.seek(0)
            shutil.copyfileobj(self._file, file)


def _run_lengths(masks: BoneMasks) -> Iterator[tuple[int, dict[str, Any]]]:
    """Each bone that is there with its compressed run lengths, down the columns."""
    canvas = np.zeros(masks.size_hw, np.uint8, order="F")
    for bone in np.flatnonzero(masks.present()).tolist():
        left, top, right, bottom = masks.boxes_xyxy[bone].tolist()
        canvas[top:bottom, left:right] = masks.crops[bone]
        encoded = coco_mask.encode(canvas)
        canvas[top:bottom, left:right] = 0
        yield bone, {"size": list(masks.size_hw), "counts": encoded["counts"].decode("ascii")}


def _polygons(masks: BoneMasks) -> Iterator[tuple[int, list[list[float]]]]:
    """Each bone that is there with the contours of its parts as [x1, y1, x2, ...], a pixel's corners being whole."""
    for bone in np.flatnonzero(masks.present()).tolist():
        # On a grid twice as fine a contour has an inside, even that of a single pixel.
        fine = np.kron(masks.crops[bone].view(np.uint8), np.ones((2, 2), np.uint8))
        contours, _ = cv2.findContours(fine, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
        corner = masks.boxes_xyxy[bone, :2]
        yield bone, [((contour[:, 0] + 0.5) / 2 + corner).ravel().tolist() for contour in contours]
