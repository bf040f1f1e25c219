"""CVAT's "CVAT for images 1.1" XML: https://docs.cvat.ai/docs/dataset_management/formats/format-cvat/.

Masks are run lengths along the rows of their own box, the first run being of zeros. COCO counts down the columns of
the whole image: the two are easily taken for each other.
"""

import json
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree import ElementTree
from xml.sax.saxutils import escape, quoteattr

import numpy as np

from handbone import anatomy
from handbone.core.errors import HandboneError
from handbone.core.labels import Labels
from handbone.core.samples import Sample, relative_to
from handbone.formats.image_files import size_of
from handbone.formats.label_frames import whole_size
from handbone.formats.labels_builder import LabelsBuilder
from handbone.formats.named_images import Listing
from handbone.formats.shapes import Shape, filled, labels_of
from handbone.formats.shared_files import SharedFiles
from handbone.formats.working_copies import IMAGES, write_copy
from handbone.formats.xml_files import files_with, parse_xml
from handbone.plugins.writing import PredictedImage, SplitWriter

FILE, LABELS_FILE = "annotations.xml", "labels.json"
MARK = b"<annotations"
_ATTRIBUTES = ("confidence", "flags", "model")
_FAR = 1 << 20
#: Of the layout.
NAME = "cvat"


def fits(root: Path) -> bool:
    """Whether a folder, or one in it, holds a CVAT file."""
    return any(files_with(root, MARK))


class CvatWriter(SplitWriter):
    """Writes `annotations.xml`, `labels.json` (a task's labels, to paste under "Raw") and `images/` to a folder."""

    def __init__(self, folder: Path):
        self._folder, self._count = folder, 0
        self._entries = tempfile.TemporaryFile("w+", encoding="utf-8")  # noqa: SIM115, closed where it is read

    def part(self, image: PredictedImage) -> str:
        """Copy an image; gives what its entry says after the number, with the first of its bones lowest.

        Raises
        ------
        HandboneError: its radiograph is not at hand.
        """
        copy, (height, width) = write_copy(image, self._folder / IMAGES), image.masks.size_hw
        masks = "".join(_mask_text(image, bone) for bone in np.flatnonzero(image.masks.present()).tolist())
        return f' name={quoteattr(copy)} width="{width}" height="{height}">\n{masks}  </image>\n'

    def add(self, part: str) -> None:
        """Append an image's entry."""
        self._entries.write(f'  <image id="{self._count}"{part}')
        self._count += 1

    def close(self) -> None:
        """Put the file together."""
        with open(self._folder / FILE, "w", encoding="utf-8") as file, self._entries as entries:
            file.write('<?xml version="1.0" encoding="utf-8"?>\n<annotations>\n  <version>1.1</version>\n')
            file.write(f"  <meta>{ElementTree.tostring(_task(self._count), encoding='unicode')}</meta>\n")
            entries.seek(0)
            for line in entries:
                file.write(line)
            file.write("</annotations>\n")
        (self._folder / LABELS_FILE).write_text(json.dumps(_labels(), indent=1) + "\n", encoding="utf-8")


def _labels() -> list[dict[str, Any]]:
    """The labels of a task, as its raw constructor has them."""
    return [
        {
            "name": bone.name,
            "color": "#{:02x}{:02x}{:02x}".format(*bone.colour),
            "type": "any",
            "attributes": [
                {"name": name, "mutable": False, "input_type": "text", "default_value": "", "values": [""]}
                for name in _ATTRIBUTES
            ],
        }
        for bone in anatomy.BONES
    ]


def _task(images: int) -> ElementTree.Element:
    """What a dump says of its task; readers take the labels from it."""
    task = ElementTree.Element("task")
    ElementTree.SubElement(task, "name").text = "handbone"
    ElementTree.SubElement(task, "size").text = str(images)
    ElementTree.SubElement(task, "mode").text = "annotation"
    labels = ElementTree.SubElement(task, "labels")
    for described in _labels():
        label = ElementTree.SubElement(labels, "label")
        for key in ("name", "color", "type"):
            ElementTree.SubElement(label, key).text = described[key]
        attributes = ElementTree.SubElement(label, "attributes")
        for one in described["attributes"]:
            attribute = ElementTree.SubElement(attributes, "attribute")
            for key in ("name", "mutable", "input_type", "default_value"):
                ElementTree.SubElement(attribute, key).text = str(one[key])
            ElementTree.SubElement(attribute, "values")
    return task


def _mask_text(image: PredictedImage, bone: int) -> str:
    left, top, right, bottom = image.masks.boxes_xyxy[bone].tolist()
    name, runs = anatomy.NAMES[bone], ", ".join(map(str, runs_of(image.masks.crops[bone])))
    confidence, flags = image.confidence.get(name), [f["message"] for f in image.flags if name in f["bones"]]
    known = ("" if confidence is None else f"{confidence:.4f}", "; ".join(flags), image.model)
    attributes = "".join(
        f"      <attribute name={quoteattr(key)}>{escape(value)}</attribute>\n"
        for key, value in zip(_ATTRIBUTES, known, strict=True)
        if value
    )
    return (
        f'    <mask label={quoteattr(name)} source="auto" occluded="0" rle="{runs}" left="{left}" top="{top}" '
        f'width="{right - left}" height="{bottom - top}" z_order="{bone}">\n{attributes}    </mask>\n'
    )


def runs_of(mask: np.ndarray) -> list[int]:
    """Lengths of a mask's runs (h, w) along its rows, zeros first.

    >>> runs_of(np.array([[True, False], [False, True]]))
    [0, 1, 2, 1]
    """
    flat = np.concatenate([[False], mask.ravel(), [not mask.ravel()[-1]]])
    changes = np.flatnonzero(flat[1:] != flat[:-1])
    return np.diff(changes, prepend=0).tolist()


def mask_of(runs: list[int], size_hw: tuple[int, int]) -> np.ndarray:
    """The inverse of `runs_of`: bool (h, w).

    Raises
    ------
    HandboneError: runs that do not add up to the size; a clause about the mask.
    """
    if any(run < 0 for run in runs) or sum(runs) != size_hw[0] * size_hw[1]:
        raise HandboneError(f"has runs that add up to {sum(runs)}, not to {size_hw[1]} x {size_hw[0]}")
    values = np.arange(len(runs)) % 2 == 1
    return np.repeat(values, runs).reshape(size_hw)


@dataclass(frozen=True)
class Cvat(SharedFiles[ElementTree.Element]):
    """A folder of images with one or several of CVAT's XML files; masks, polygons, boxes and ellipses are read."""

    kind = "entry of a CVAT file"
    name: str = NAME

    def find_files(self) -> Iterator[Path]:
        """Every label file in the folder."""
        return files_with(self.root, MARK)

    def join(self, listing: Listing[ElementTree.Element]) -> None:
        """Join what `label_files` hold to the images."""
        for path, content in listing.contents(self.label_files, parse_xml):
            for entry in content.iter("image"):
                # A project's export puts images in folders by their subset.
                name = entry.get("name", "")
                listing.add(path, name, entry, *(f"{IMAGES}/{sub}{name}" for sub in ("", f"{entry.get('subset')}/")))

    def read_labels(self, sample: Sample) -> Labels:
        """The labels in the frame of the image as shown, which is CVAT's, too."""
        entry = self.entries[sample.image]
        size_hw = size_of(sample.image)
        builder = LabelsBuilder(relative_to(sample.image, self.root), size_hw, self.class_map)
        try:
            declared = whole_size(_whole(entry, "height"), _whole(entry, "width"))
        except (ValueError, OverflowError):
            declared = None
        shapes = [_shape(one, declared or size_hw) for one in entry if one.tag != "tag"]
        return labels_of(shapes, builder, declared_hw=declared, size_hw=size_hw)


def _shape(entry: ElementTree.Element, size_hw: tuple[int, int]) -> Shape:
    label = entry.get("label", "no name")
    try:
        if entry.tag == "mask":
            return _mask(entry, label, size_hw)
        if entry.tag == "polygon":
            pairs = [pair.split(",") for pair in entry.get("points", "").split(";")]
            return filled(label, np.array(pairs, np.float64), size_hw)
        if entry.tag in ("box", "ellipse") and not float(entry.get("rotation", 0)):
            return filled(label, np.array(list(_outline(entry))), size_hw)
    except (KeyError, ValueError, OverflowError):
        return Shape(label, problem="has numbers that cannot be read")
    except HandboneError as error:
        return Shape(label, problem=error.what)
    return Shape(label, problem=f"is of the kind {entry.tag[:20]}, which is not read")


def _mask(entry: ElementTree.Element, label: str, size_hw: tuple[int, int]) -> Shape:
    left, top, width, height = (_whole(entry, name) for name in ("left", "top", "width", "height"))
    if not 0 < width <= size_hw[1] or not 0 < height <= size_hw[0] or max(abs(left), abs(top)) > _FAR:
        raise HandboneError("has a box that is not of the image's")
    runs = [int(run) for run in entry.attrib["rle"].split(",")]
    return Shape(label, mask=mask_of(runs, (height, width)), corner_xy=(left, top))


def _outline(entry: ElementTree.Element) -> Iterator[tuple[float, float]]:
    """The corners of a box, or points of an ellipse."""
    said: dict[str, Any] = entry.attrib
    if entry.tag == "box":
        xs, ys = (float(said["xtl"]), float(said["xbr"])), (float(said["ytl"]), float(said["ybr"]))
        yield from ((xs[0], ys[0]), (xs[1], ys[0]), (xs[1], ys[1]), (xs[0], ys[1]))
        return
    cx, cy, rx, ry = (float(said[key]) for key in ("cx", "cy", "rx", "ry"))
    for angle in np.linspace(0, 2 * np.pi, 72, endpoint=False):
        yield cx + rx * np.cos(angle), cy + ry * np.sin(angle)


def _whole(entry: ElementTree.Element, name: str) -> int:
    return int(float(entry.get(name, "nan")))
