"""3D Slicer's segmentations, `NAME.seg.nrrd`: overlapping segments in as few layers as they need.

https://slicer.readthedocs.io/en/latest/user_guide/image_segmentation.html; slicerio reads and writes them. A radiograph
is a volume of one slice. Its geometry is that of the PNG copy beside it: a unit is a pixel, x runs left, y posterior.
"""

import math
import zlib
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from handbone import anatomy
from handbone.core.errors import HandboneError
from handbone.core.findings import Finding
from handbone.core.labels import Labels
from handbone.core.samples import Sample, relative_to
from handbone.formats.image_files import MAX_PIXELS, size_of
from handbone.formats.labels_builder import LabelsBuilder
from handbone.formats.named_images import Listing
from handbone.formats.shapes import Shape, labels_of
from handbone.formats.working_copies import write_copy
from handbone.plugins.writing import PredictedImage, SplitWriter

SUFFIX = ".seg.nrrd"
# Of sides that differ by no more, one is the other scaled.
_SAME_SHAPE = 0.01
# Bytes of a voxel, and of what is unpacked at a time.
_WIDEST, _CHUNK = 8, 1 << 20
#: Of the layout.
NAME = "seg_nrrd"


def fits(root: Path) -> bool:
    """Whether a folder, or one in it, holds a segmentation of Slicer's."""
    return any(root.rglob(f"*{SUFFIX}"))


def _slicerio() -> ModuleType:
    try:
        import slicerio
    except ImportError:
        remedy = "pip install 'handbone[volumes]'"
        raise HandboneError("the format seg_nrrd needs the package slicerio", remedy=remedy) from None
    return slicerio


class SegNrrdWriter(SplitWriter):
    """Writes `STEM.seg.nrrd` to a folder, with a copy of the radiograph beside it."""

    def __init__(self, folder: Path):
        self._folder, self._slicerio = folder, _slicerio()

    def part(self, image: PredictedImage) -> None:
        """Write one image's segmentation; bones that were not found are no segments.

        Raises
        ------
        HandboneError: its radiograph is not at hand.
        """
        write_copy(image, self._folder)
        height, width = image.masks.size_hw
        segmentation = self._slicerio.create_segmentation((width, height, 1), np.eye(4))
        for bone in np.flatnonzero(image.masks.present()).tolist():
            segment = _segment(image, bone)
            self._slicerio.add_segment(segmentation, image.masks.mask(bone).T[..., None], segment)
        segmentation["containedRepresentationNames"] = ["Binary labelmap"]
        self._slicerio.write_segmentation(str(self._folder / f"{image.stem}{SUFFIX}"), segmentation)

    def add(self, part: None) -> None:
        """Nothing: each image has files of its own."""

    def close(self) -> None:
        """Nothing is left to do."""


def _segment(image: PredictedImage, bone: int) -> dict[str, Any]:
    described = anatomy.BONES[bone]
    known = {"handbone.model": image.model, "handbone.confidence": image.confidence.get(described.name)}
    return {
        "id": described.name,
        "name": described.name,
        "color": [round(value / 255, 6) for value in described.colour],
        "tags": {key: str(value).replace("|", "/") for key, value in known.items() if value not in (None, "")},
    }


@dataclass(frozen=True)
class SegNrrd:
    """A folder of images, each with `NAME.seg.nrrd` beside it.

    Parameters
    ----------
    root: the folder. class_map: segments' names to bone names.
    """

    root: Path
    class_map: dict[str, str] = field(default_factory=dict)
    name: str = NAME

    @cached_property
    def label_files(self) -> set[Path]:
        """The files that are read."""
        return {path for path in self.root.rglob(f"*{SUFFIX}") if path.is_file() and not path.name.startswith(".")}

    def list_samples(self) -> tuple[list[Sample], list[Finding]]:
        """Every image; findings name those without a segmentation, and segmentations without an image."""
        listing: Listing[None] = Listing(self.root, f"NAME{SUFFIX}")
        for path in sorted(self.label_files):
            listing.add_beside(path, path.with_name(path.name.removesuffix(SUFFIX)), None)
        samples = list(listing.samples())
        return samples, listing.problems

    def read_labels(self, sample: Sample) -> Labels:
        """The labels; a segmentation that Slicer has cropped is put where it was.

        Raises
        ------
        HandboneError: the file or the image cannot be read, or it has several slices or another orientation.
        """
        assert sample.annotation is not None
        segmentation, size_hw = _read(sample.annotation), size_of(sample.image)
        builder = LabelsBuilder(relative_to(sample.annotation, self.root), size_hw, self.class_map)
        voxels, corner = segmentation["voxels"], _corner(segmentation)
        width, height = voxels.shape[-3:-1]
        shapes = []
        for segment in segmentation["segments"]:
            layer = voxels[_layer(segment)] if voxels.ndim == 4 else voxels
            value = segment.get("labelValue", 1)
            mask = np.equal(layer[..., 0].T, value)
            if mask.any():
                shapes.append(Shape(str(segment.get("name")), mask=mask, corner_xy=corner))
        scaled = abs(height * size_hw[1] / (width * size_hw[0]) - 1) < _SAME_SHAPE
        whole = corner == (0, 0) and (scaled or height > size_hw[0] or width > size_hw[1])
        return labels_of(shapes, builder, declared_hw=(height, width) if whole else None, size_hw=size_hw)


def _check_data(path: Path) -> None:
    """Refuse a file that names another one for its voxels, or holds more of them than its header says or than we read.

    pynrrd, which slicerio reads with, opens any path in a header and unpacks whatever is there.
    """
    _slicerio()
    import nrrd

    with path.open("rb") as file:
        header = nrrd.read_header(file)
        count = math.prod(int(size) for size in header["sizes"])
        if header.keys() & {"data file", "datafile"}:
            raise ValueError("its voxels are in another file")
        if header["encoding"] not in ("gzip", "gz", "raw") or not 0 < count <= MAX_PIXELS:
            raise ValueError(f"{count} voxels with the encoding {header['encoding']}")
        if header["encoding"] == "raw":
            return
        left, unpack = count * _WIDEST, zlib.decompressobj(zlib.MAX_WBITS | 16)
        while left >= 0 and (data := unpack.unconsumed_tail or file.read(_CHUNK)):
            left -= len(unpack.decompress(data, _CHUNK))
        if left < 0:
            raise ValueError("it holds more voxels than its header says")


def _corner(segmentation: dict[str, Any]) -> tuple[int, int]:
    """Where the first voxel lies in the radiograph, (x, y)."""
    across, down, *_ = segmentation.get("referenceImageExtentOffset", (0, 0, 0))
    return int(across), int(down)


def _layer(segment: dict[str, Any]) -> int:
    return int(segment.get("layer", 0))


def _check_places(segmentation: dict[str, Any]) -> None:
    """Refuse a corner that is none, and segments in layers that the file does not hold."""
    _corner(segmentation)
    layers = len(segmentation["voxels"]) if segmentation["voxels"].ndim == 4 else 1
    for layer in map(_layer, segmentation["segments"]):
        if not 0 <= layer < layers:
            raise ValueError(f"a segment is in layer {layer} of {layers}")


def _read(path: Path) -> dict[str, Any]:
    try:
        _check_data(path)
        segmentation = _slicerio().read_segmentation(str(path))
        directions, slices = np.array(segmentation["ijkToLPS"])[:3, :3], segmentation["voxels"].shape[-1]
        segments = segmentation["segments"]
        _check_places(segmentation)
    except HandboneError:
        raise
    except Exception as error:  # pynrrd raises many kinds on damaged files
        said = (str(error).splitlines() or [type(error).__name__])[0][:100]
        what = f"not a segmentation that can be read ({said})"
        raise HandboneError(what, where=path, remedy="save it again in Slicer") from None
    if slices != 1 or segmentation["voxels"].ndim not in (3, 4) or not isinstance(segments, list):
        what = f"it has {slices} slices, and a radiograph has one"
        raise HandboneError(what, where=path, remedy="save the segmentation of the radiograph itself")
    upright = np.diag(np.abs(np.diag(directions)))
    if not np.allclose(directions, upright, atol=1e-4 * max(1e-9, np.abs(directions).max())):
        what = "its axes are turned or mirrored against the radiograph's"
        raise HandboneError(what, where=path, remedy="save it in the geometry of the radiograph")
    return segmentation
