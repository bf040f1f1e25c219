"""Label Studio's JSON of tasks: https://labelstud.io/guide/export#Label-Studio-JSON-format-of-annotated-tasks.

Of its export formats only JSON keeps masks as they are.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import numpy as np

from handbone.core.errors import HandboneError
from handbone.core.labels import Labels
from handbone.core.polygons import as_numbers
from handbone.core.samples import Sample, relative_to
from handbone.formats.image_files import size_of
from handbone.formats.json_files import files_with, read_json, read_text
from handbone.formats.label_frames import whole_size
from handbone.formats.label_studio_brush import decode_brush
from handbone.formats.labels_builder import LabelsBuilder
from handbone.formats.named_images import Listing
from handbone.formats.shapes import Shape, filled, labels_of
from handbone.formats.shared_files import SharedFiles

MARKS = ('"from_name"', '"to_name"')
# Tasks without a single result have no such names.
_TASKS = ('"data"', '"result"')
_UPLOADED = re.compile(r"^[0-9a-f]{8}-")
#: The name of an image in a task.
IMAGE = "image"
_AREAS = {"brushlabels", "polygonlabels", "rectanglelabels", "ellipselabels"}
#: Of the layout.
NAME = "label_studio"


def fits(root: Path) -> bool:
    """Whether a folder, or one in it, holds Label Studio's tasks."""
    return any(files_with(root, MARKS))


def is_tasks(path: Path) -> bool:
    """Whether a JSON file holds Label Studio's tasks and no COCO data set."""
    try:
        text = read_text(path)
    except HandboneError:
        return False
    return all(mark in text for mark in _TASKS) and '"categories"' not in text


@dataclass(frozen=True)
class LabelStudio(SharedFiles[dict[str, Any]]):
    """A folder of images with Label Studio's JSON; brush strokes, polygons, rectangles and ellipses are read.

    Of a task's annotations the one marked as ground truth counts, else the one that was changed last; predictions count
    where nobody has annotated the task.
    """

    kind = "Label Studio task"
    name: str = NAME

    def find_files(self) -> Iterator[Path]:
        """Every label file in the folder."""
        return files_with(self.root, _TASKS)

    def join(self, listing: Listing[dict[str, Any]]) -> None:
        """Join what `label_files` hold to the images."""
        tasks = []
        for path, content in listing.contents(self.label_files, read_json):
            entries = content if isinstance(content, list) else [content]
            tasks += [(path, task, names) for task in entries if (names := list(_names(task)))]
        # What was imported may lie beside what people have exported since.
        for path, task, names in sorted(tasks, key=lambda one: not _annotations(one[1])):
            if _annotations(task) or not listing.holds(path, *names):
                listing.add(path, names[0], task, *names[1:])

    def read_labels(self, sample: Sample) -> Labels:
        """The labels in the frame of the image as shown, which is Label Studio's, too."""
        task = self.entries[sample.image]
        size_hw = size_of(sample.image)
        builder = LabelsBuilder(relative_to(sample.image, self.root), size_hw, self.class_map)
        results = _results(task, builder)
        said = (whole_size(result.get("original_height"), result.get("original_width")) for result in results)
        sizes = [size for size in said if size]
        declared = sizes[0] if sizes else None
        shapes = [_shape(result, declared or size_hw) for result in results if _is_drawn(result)]
        return labels_of(shapes, builder, declared_hw=declared, size_hw=size_hw)


def _names(task: Any) -> Iterator[str]:
    """What a task may call its image: a place below the folder, or a base name without the server's prefix."""
    data = task.get("data") if isinstance(task, dict) else None
    if not isinstance(data, dict):
        return
    urls = [data.get(IMAGE), *data.values()]
    for url in dict.fromkeys(url for url in urls if isinstance(url, str)):
        try:
            parts = urlsplit(url)
        except ValueError:  # "http://[" and the like, which is no address
            continue
        place = parse_qs(parts.query).get("d", [unquote(parts.path)])[0].lstrip("/")
        yield place
        yield _UPLOADED.sub("", Path(place).name)


def _annotations(task: dict[str, Any]) -> list[dict[str, Any]]:
    """A task's annotations by people, but for those that were skipped."""
    found = _objects(task.get("annotations") or task.get("completions"))
    return [one for one in found if not one.get("was_cancelled")]


def _objects(value: Any) -> list[dict[str, Any]]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def _results(task: dict[str, Any], builder: LabelsBuilder) -> list[dict[str, Any]]:
    """The results that count, with a note where there are several annotations."""
    annotations = _annotations(task)
    if len(annotations) > 1:
        message = f"{len(annotations)} annotations of one image"
        remedy = "mark one as ground truth in Label Studio; without that the one changed last is read"
        builder.note("note", "several-annotations", message, remedy)
    known = annotations or _objects(task.get("predictions"))
    best = max(known, key=lambda one: (bool(one.get("ground_truth")), str(one.get("updated_at", ""))), default={})
    return _objects(best.get("result"))


def _is_drawn(result: dict[str, Any]) -> bool:
    """Whether a result marks something on an image; choices, texts and relations do not."""
    return str(result.get("type")) in _AREAS or any(key in _AREAS for key in _value(result))


def _value(result: dict[str, Any]) -> dict[str, Any]:
    value = result.get("value")
    return value if isinstance(value, dict) else {}


def _shape(result: dict[str, Any], size_hw: tuple[int, int]) -> Shape:
    value, kind = _value(result), str(result.get("type"))
    labels = value.get(kind) if kind in _AREAS else None
    if not isinstance(labels, list) or len(labels) != 1:
        return Shape("no name", problem="does not have exactly one label")
    label = str(labels[0])
    if result.get("image_rotation"):
        return Shape(label, problem="was drawn on a turned image, which Label Studio should show upright")
    if "rle" in value:
        try:
            return Shape(label, mask=decode_brush(value["rle"], size_hw))
        except HandboneError as error:
            return Shape(label, problem=error.what)
    points = _points(kind, value)
    if points.ndim != 2 or points.shape[-1] != 2 or not len(points):
        return Shape(label, problem="has neither points nor run lengths")
    return filled(label, points / 100 * np.array(size_hw[::-1]), size_hw)  # percent of the image's sides


def _points(kind: str, value: dict[str, Any]) -> np.ndarray:
    """Points (n, 2) of an outline in percent; none where there are none."""
    if kind == "polygonlabels":
        return as_numbers(value.get("points"))
    names = ("x", "y", "width", "height") if kind == "rectanglelabels" else ("x", "y", "radiusX", "radiusY")
    numbers = as_numbers([value.get(name) for name in names])
    if numbers.shape != (4,) or value.get("rotation"):
        return np.empty(0)
    x, y, across, down = numbers.tolist()
    if kind == "rectanglelabels":
        return np.array([(x, y), (x + across, y), (x + across, y + down), (x, y + down)])
    angles = np.linspace(0, 2 * np.pi, 72, endpoint=False)
    return np.array([x, y]) + np.c_[across * np.cos(angles), down * np.sin(angles)]
