"""COCO files: `images`, `categories` and `annotations` with polygons, compressed or uncompressed RLE.

All three kinds become the mask that pycocotools makes of them, holes included, so that metrics agree with those of
other COCO tools to the pixel. The format has no holes in polygons: those of one annotation are joined.
"""

import re
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from handbone.core.errors import HandboneError
from handbone.core.findings import Finding
from handbone.core.labels import Labels
from handbone.core.polygons import as_numbers
from handbone.core.samples import Sample, SplitName, relative_to
from handbone.formats.coco_file import CocoFile, declared_size, id_of, is_coco
from handbone.formats.coco_masks import declared_size as rle_size
from handbone.formats.coco_masks import mask_of
from handbone.formats.image_files import size_of
from handbone.formats.label_frames import label_frame
from handbone.formats.labels_builder import LabelsBuilder
from handbone.formats.named_images import NamedImages
from handbone.formats.patients import patients_of

_PATIENT_KEYS = ("patient_id", "patient", "person_id", "person", "subject_id", "subject")
_TEST = re.compile(r"(?<![a-z])test(ing)?(?![a-z])")
#: Of the layout.
NAME = "coco"


def fits(root: Path) -> bool:
    """Whether a folder, or one in it, holds a COCO file."""
    return bool(_find_files(root))


def _find_files(root: Path) -> list[Path]:
    """COCO files beside the images, in a folder `annotations`, or wherever else in the data set they lie."""
    paths = (p for p in sorted(root.rglob("*.json"), key=lambda p: (len(p.parts), p)) if p.is_file())
    return [p for p in paths if not any(part.startswith(".") for part in p.relative_to(root).parts) and is_coco(p)]


@dataclass(frozen=True)
class Coco:
    """A folder of images with one or several COCO files.

    Parameters
    ----------
    root: the folder.
    annotations: the file, relative to `root`; by default every COCO file in `root`. Files with the word "test" in their
        names, or in that of a folder, make up the test part.
    class_map: category names to bone names.
    """

    root: Path
    annotations: str | None = None
    class_map: dict[str, str] = field(default_factory=dict)
    name: str = NAME

    @cached_property
    def _files(self) -> dict[Path, CocoFile]:
        if self.annotations:
            path = self.root / self.annotations
            return {path: CocoFile(path, relative_to(path, self.root))}
        files = {}
        for path in _find_files(self.root):
            try:
                files[path] = CocoFile(path, relative_to(path, self.root))
            except HandboneError:  # a damaged file is reported with the other files that are not read
                continue
        return files

    @property
    def label_files(self) -> set[Path]:
        """The files that are read."""
        return set(self._files)

    @cached_property
    def _entries(self) -> dict[Path, tuple[CocoFile, dict[str, Any]]]:
        """The entry of every listed image, by path; filled by `list_samples`."""
        return {}

    @cached_property
    def _images(self) -> NamedImages:
        return NamedImages(self.root)

    def list_samples(self) -> tuple[list[Sample], list[Finding]]:
        """Every listed image, and those that no file lists as images without annotation."""
        problems = [problem for file in self._files.values() for problem in file.problems]
        self._entries.clear()
        for path, file in self._files.items():
            for entry in file.images:
                self._list(path, file, entry, problems)
        images = self._images.paths
        of = patients_of(self.root, images)
        samples = []
        for image in images:
            side, patient = of[image]
            if image in self._entries:
                file, entry = self._entries[image]
                stated = [str(entry[key]) for key in _PATIENT_KEYS if entry.get(key) is not None]
                split: SplitName = "test" if _TEST.search(relative_to(file.path, self.root).lower()) else "train"
                patient = stated[0] if stated else patient
                samples.append(Sample(image.name, image, file.path, patient, side, split, shared_annotation=True))
                continue
            samples.append(Sample(image.name, image, None, patient, side))
            remedy = "add it to the COCO file; until then the image is not used for training"
            place = relative_to(image, self.root)
            problems.append(Finding("error", "no-annotation", place, "no COCO file lists this image", remedy))
        return samples, problems

    def _list(self, path: Path, file: CocoFile, entry: dict[str, Any], problems: list[Finding]) -> None:
        """Find an entry's image, or say why it is not used."""
        image, shown = self._images.find(path, entry["file_name"]), relative_to(path, self.root)
        if image is None:
            message = f"lists {entry['file_name']}, which is not in the folder"
            problems.append(Finding("error", "no-image", shown, message, "add the image, or remove its entry"))
        elif image in self._entries:
            other = relative_to(self._entries[image][0].path, self.root)
            message = f"lists {relative_to(image, self.root)} again, after {other}"
            remedy = "leave one entry per image; until then the first one is used"
            problems.append(Finding("error", "repeated-image", shown, message, remedy))
        else:
            self._entries[image] = file, entry

    def read_labels(self, sample: Sample) -> Labels:
        """The masks and their contours, with findings about categories and segmentations that cannot be read."""
        file, entry = self._entries[sample.image]
        annotations = file.annotations.get(id_of(entry["id"]), [])
        size_hw = size_of(sample.image)
        # Many images share the file, so that findings name the image.
        builder = LabelsBuilder(relative_to(sample.image, self.root), size_hw, self.class_map)
        sizes = [size for a in annotations if (size := rle_size(a.get("segmentation")))]
        declared = declared_size(entry) or (sizes[0] if sizes else None)
        frame = label_frame(declared, size_hw, [p for a in annotations for p in _extents(a.get("segmentation"))])
        if not builder.use_frame(frame):
            return builder.finish()
        drawn_hw = size_hw if declared is None or frame.scale_xy == (1.0, 1.0) else declared
        for annotation in annotations:
            name = file.class_of(annotation)
            bone = builder.bone(name)
            if bone is None:
                continue
            try:
                mask, corner = mask_of(annotation.get("segmentation"), drawn_hw)
                if not mask.size:
                    raise HandboneError("it is empty")
            except HandboneError as error:
                message = f"a segmentation of {name} cannot be read: {error.what}"
                builder.note("error", "broken-outline", message, "export it again; until then it is ignored")
                continue
            builder.add_mask(bone, mask.astype(bool), corner)
        return builder.finish()


def _extents(segmentation: Any) -> list[np.ndarray]:
    """Points (n, 2) of a segmentation that say in which frame it was drawn: polygons', or an RLE's own corner."""
    if size := rle_size(segmentation):
        return [np.array([(size[1] - 1.0, size[0] - 1.0)])]
    polygons = segmentation if isinstance(segmentation, list) else []
    numbers = [n for polygon in polygons if (n := as_numbers(polygon).ravel()).size and n.size % 2 == 0]
    return [n.reshape(-1, 2) for n in numbers if np.isfinite(n).all()]
