"""labelme's JSON files, one beside each image: https://github.com/wkentaro/labelme, read and written as of 6.3 and 7.1.

labelme edits outlines only by their vertices, and masks not at all. Outlines are therefore written with few vertices,
and the exact mask rides along in a key that labelme keeps; it holds for as long as the vertices are unchanged.
"""

import base64
import binascii
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path, PureWindowsPath
from typing import Any

import cv2
import numpy as np

from handbone import __version__, anatomy
from handbone.core import rle
from handbone.core.errors import HandboneError
from handbone.core.findings import Finding
from handbone.core.labels import Labels
from handbone.core.polygons import as_numbers, contours_of_mask
from handbone.core.samples import Sample, relative_to
from handbone.formats.image_files import size_of
from handbone.formats.json_files import files_with, read_json
from handbone.formats.label_frames import whole_size
from handbone.formats.labels_builder import LabelsBuilder
from handbone.formats.named_images import Listing
from handbone.formats.shapes import Shape, labels_of
from handbone.formats.working_copies import about, write_copy
from handbone.plugins.writing import PredictedImage, SplitWriter

MARKS = ('"shapes"', '"imagePath"')
_VERSION = "6.3.0"
# Of a vertex list that was edited by hand, labelme writes more decimals than it was given.
_SAME_POINT = 1e-3
#: Of the layout.
NAME = "labelme"


def fits(root: Path) -> bool:
    """Whether a folder, or one in it, holds a labelme file."""
    return any(files_with(root, MARKS))


class LabelmeWriter(SplitWriter):
    """Writes `STEM.json` to a folder, with a copy of the radiograph beside it.

    Parameters
    ----------
    masks: write masks, which are exact but cannot be edited, instead of outlines.
    tolerance: pixels by which an outline may leave its mask for fewer vertices.
    """

    def __init__(self, folder: Path, *, masks: bool = False, tolerance: float = 2.0):
        self._folder, self._masks, self._tolerance = folder, masks, tolerance

    def part(self, image: PredictedImage) -> None:
        """Write one image's file.

        Raises
        ------
        HandboneError: its radiograph is not at hand.
        """
        copy, (height, width) = write_copy(image, self._folder), image.masks.size_hw
        content = {
            "version": _VERSION,
            "flags": {},
            "shapes": [shape for bone in range(anatomy.COUNT) for shape in self._shapes(image, bone)],
            "imagePath": Path(copy).name,
            "imageData": None,
            "imageHeight": height,
            "imageWidth": width,
            "handbone": {"handbone": __version__, **about(image)},
        }
        text = json.dumps(content, ensure_ascii=False, indent=2)
        (self._folder / f"{image.stem}.json").write_text(text, encoding="utf-8")

    def add(self, part: None) -> None:
        """Nothing: each image has files of its own."""

    def close(self) -> None:
        """Nothing is left to do."""

    def _shapes(self, image: PredictedImage, bone: int) -> Iterator[dict[str, Any]]:
        crop, (left, top, right, bottom) = image.masks.crops[bone], image.masks.boxes_xyxy[bone].tolist()
        if not crop.size:
            return
        name = anatomy.NAMES[bone]
        common = {
            "label": name,
            "group_id": bone + 1,
            "description": "; ".join(flag["message"] for flag in image.flags if name in flag["bones"]),
            "flags": {},
            "confidence": image.confidence.get(name),
        }
        if self._masks:
            corners = [[float(left), float(top)], [float(right - 1), float(bottom - 1)]]
            yield {**common, "points": corners, "shape_type": "mask", "mask": _png_text(crop)}
            return
        for part, contour in _parts(crop):
            few = cv2.approxPolyDP(contour, self._tolerance, True)[:, 0]
            points = (few if len(few) > 2 else contour) + (left, top)
            runs = rle.encode(part, size_hw=image.masks.size_hw, offset_xy=(left, top))
            drawn = {"points": points.astype(float).tolist(), "shape_type": "polygon", "mask": None}
            yield {**common, **drawn, "handbone": {"points": drawn["points"], "rle": runs}}


def _parts(mask: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """The connected parts of a mask (h, w), holes and islands in them included, each with its outer contour (n, 2)."""
    for contour in contours_of_mask(mask):
        inside = np.zeros(mask.shape, np.uint8)
        cv2.fillPoly(inside, [contour.astype(np.int32)], 1)
        yield mask & inside.view(bool), contour


def _png_text(mask: np.ndarray) -> str:
    done, data = cv2.imencode(".png", mask.view(np.uint8))
    assert done
    return base64.b64encode(data.tobytes()).decode("ascii")


@dataclass(frozen=True)
class Labelme:
    """A folder of images with labelme's files; polygons, circles, rectangles and masks are read as labelme means them.

    Parameters
    ----------
    root: the folder. class_map: labels to bone names.
    """

    root: Path
    class_map: dict[str, str] = field(default_factory=dict)
    name: str = NAME

    @cached_property
    def label_files(self) -> set[Path]:
        """The files that are read."""
        return set(files_with(self.root, MARKS))

    def list_samples(self) -> tuple[list[Sample], list[Finding]]:
        """Every image; findings name those without a file and files without an image."""
        listing: Listing[None] = Listing(self.root, "labelme file")
        for path, content in listing.contents(self.label_files, _content):
            listing.add(path, PureWindowsPath(content["imagePath"]).as_posix(), None)
        samples = list(listing.samples())
        return samples, listing.problems

    def read_labels(self, sample: Sample) -> Labels:
        """The labels in the frame of the image as shown, which is labelme's, too.

        Raises
        ------
        HandboneError: the file or the image cannot be read.
        """
        assert sample.annotation is not None
        content, size_hw = _content(sample.annotation), size_of(sample.image)
        builder = LabelsBuilder(relative_to(sample.annotation, self.root), size_hw, self.class_map)
        declared = whole_size(content.get("imageHeight"), content.get("imageWidth"))
        shapes = [_shape(entry, declared or size_hw) for entry in content["shapes"]]
        return labels_of(shapes, builder, declared_hw=declared, size_hw=size_hw)


def _content(path: Path) -> dict[str, Any]:
    content = read_json(path)
    if (
        not isinstance(content, dict)
        or not isinstance(content.get("shapes"), list)
        or not isinstance(content.get("imagePath"), str)
    ):
        what = "not a labelme file: it has no list 'shapes' or no text 'imagePath'"
        raise HandboneError(what, where=path, remedy="save it again in labelme")
    return content


def _shape(entry: Any, size_hw: tuple[int, int]) -> Shape:
    if not isinstance(entry, dict) or not isinstance(entry.get("label"), str):
        return Shape("no name", problem="has no label")
    label, kind, points = entry["label"], entry.get("shape_type", "polygon"), as_numbers(entry.get("points"))
    if points.ndim != 2 or points.shape[1] != 2 or not len(points) or not np.isfinite(points).all():
        return Shape(label, problem="has points that are not numbers x, y")
    if kind == "polygon":
        kept = _kept(entry, points, size_hw)
        return kept or Shape(label, points if len(points) > 2 else np.repeat(points, 3, 0))
    if kind == "rectangle" and len(points) >= 2:
        (left, top), (right, bottom) = points.min(0), points.max(0)
        return Shape(label, np.array([(left, top), (right, top), (right, bottom), (left, bottom)]))
    if kind == "circle" and len(points) == 2:
        angles = np.linspace(0, 2 * np.pi, 72, endpoint=False)
        return Shape(label, points[0] + np.linalg.norm(points[1] - points[0]) * np.c_[np.cos(angles), np.sin(angles)])
    if kind == "mask":
        return _mask(label, entry.get("mask"), points.min(0), size_hw)
    return Shape(label, problem=f"is a {str(kind)[:20]}, which is not read")


def _mask(label: str, text: Any, corner: np.ndarray, size_hw: tuple[int, int]) -> Shape:
    try:
        data = base64.b64decode(text, validate=True)
    except (TypeError, ValueError, binascii.Error):
        data = b""
    # The header says its size before anything is decoded: 8 bytes of signature, then length and name of IHDR.
    width, height = (int.from_bytes(data[at : at + 4], "big") for at in (16, 20))
    if not data.startswith(b"\x89PNG") or not 0 < width <= size_hw[1] + 2 or not 0 < height <= size_hw[0] + 2:
        return Shape(label, problem="has a mask that is no PNG of at most the image's size")
    decoded = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_GRAYSCALE)
    if decoded is None:
        return Shape(label, problem="has a mask that cannot be decoded")
    left, top = (round(float(np.clip(side, -1e6, 1e6))) for side in corner)
    return Shape(label, mask=decoded != 0, corner_xy=(left, top))


def _kept(entry: dict[str, Any], points: np.ndarray, size_hw: tuple[int, int]) -> Shape | None:
    """The exact mask that handbone wrote beside an outline, where nobody has moved a vertex since."""
    kept = entry.get("handbone")
    if not isinstance(kept, dict):
        return None
    before = as_numbers(kept.get("points"))
    if before.shape != points.shape or np.abs(before - points).max() > _SAME_POINT:
        return None
    try:
        (left, top, _, _), mask = rle.decode_to_box(str(kept["rle"]), size_hw)
    except (HandboneError, KeyError):  # somebody edited it: the outline holds
        return None
    return Shape(entry["label"], mask=mask, corner_xy=(left, top))
