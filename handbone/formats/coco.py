"""COCO files: `images`, `categories` and `annotations` with polygons, compressed or uncompressed RLE.

All three kinds become the mask that pycocotools makes of them, and the mask's contour becomes the label, so that
metrics agree with those of other COCO tools to the pixel.
"""

from collections import defaultdict
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from pycocotools import mask as coco_mask

from handbone.core.errors import HandboneError
from handbone.core.findings import Finding
from handbone.core.labels import Labels
from handbone.core.polygons import contours_of_mask
from handbone.core.samples import Sample, relative_to
from handbone.formats.contest_json import read_json
from handbone.formats.folder import images_under, side_and_patient
from handbone.formats.image_files import image_size_hw, stem_of
from handbone.formats.labels_builder import LabelsBuilder

_KEYS = ("images", "annotations", "categories")


def fits(root: Path) -> bool:
    """Whether a folder holds a COCO file."""
    return bool(_find_files(root))


def _find_files(root: Path) -> list[Path]:
    candidates = [*sorted(root.glob("*.json")), *sorted(root.glob("annotations/*.json"))]
    return [path for path in candidates if _is_coco(path)]


def _is_coco(path: Path) -> bool:
    # A COCO file may be large: its keys are looked for as text before anything is parsed.
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError):
        return False
    return text.lstrip().startswith("{") and all(f'"{key}"' in text for key in _KEYS)


class _File:
    """One COCO file, indexed by image."""

    def __init__(self, path: Path):
        content = read_json(path)
        wrong = [k for k in _KEYS if not isinstance(content, dict) or not isinstance(content.get(k), list)]
        if wrong:
            what = f"not a COCO file: no list {' or '.join(map(repr, wrong))}"
            raise HandboneError(what, where=path, remedy="name the file by data.annotations")
        try:
            self.images: list[dict[str, Any]] = [{**i, "file_name": str(i["file_name"])} for i in content["images"]]
            self.classes: dict[Any, str] = {c["id"]: str(c["name"]) for c in content["categories"]}
            self.annotations: dict[Any, list[dict[str, Any]]] = defaultdict(list)
            for annotation in content["annotations"]:
                self.annotations[annotation["image_id"]].append(annotation)
        except (KeyError, TypeError) as error:
            what = f"not a COCO file: an entry has no {error}"
            raise HandboneError(what, where=path, remedy="every image, category and annotation needs its id") from None

    def class_of(self, annotation: dict[str, Any]) -> str:
        """The name of an annotation's category; "category NUMBER" where the file does not list it."""
        category = annotation.get("category_id")
        try:
            return self.classes[category]
        except (KeyError, TypeError):
            return f"category {category}"


@dataclass(frozen=True)
class Coco:
    """A folder of images with one or several COCO files.

    Parameters
    ----------
    root: the folder.
    annotations: the file, relative to `root`; by default every COCO file in `root` and in `root/annotations`. Files
        with "test" in their names make up the test part.
    class_map: category names to bone names.
    """

    root: Path
    annotations: str | None = None
    class_map: dict[str, str] = field(default_factory=dict)
    name: str = "coco"

    @cached_property
    def _files(self) -> dict[Path, _File]:
        paths = [self.root / self.annotations] if self.annotations else _find_files(self.root)
        return {path: _File(path) for path in paths}

    @cached_property
    def _images(self) -> dict[str, Path]:
        """Images by path relative to the root, and by base name where that is unique."""
        paths = images_under(self.root)
        by_name: dict[str, list[Path]] = defaultdict(list)
        for path in paths:
            by_name[path.name].append(path)
        unique = {name: found[0] for name, found in by_name.items() if len(found) == 1}
        return unique | {path.relative_to(self.root).as_posix(): path for path in paths}

    def list_samples(self) -> tuple[list[Sample], list[Finding]]:
        """Every listed image, and those that no file lists as images without annotation."""
        samples: list[Sample] = []
        problems: list[Finding] = []
        left = set(self._images.values())
        for path, file in self._files.items():
            split = "test" if "test" in path.stem.lower() else "train"
            for entry in file.images:
                image = self._image(path, entry["file_name"])
                if image is None:
                    message = f"lists {entry['file_name']}, which is not in the folder"
                    remedy = "add the image, or remove its entry"
                    problems.append(Finding("error", "no-image", relative_to(path, self.root), message, remedy))
                    continue
                left.discard(image)
                side, patient_id = _side_and_patient(entry, image)
                samples.append(Sample(image.name, image, path, patient_id, side, split, entry["id"]))
        for image in sorted(left):
            side, patient_id = side_and_patient(stem_of(image))
            samples.append(Sample(image.name, image, None, patient_id, side))
            remedy = "add it to the COCO file; until then the image is not used for training"
            file = relative_to(image, self.root)
            problems.append(Finding("error", "no-annotation", file, "no COCO file lists this image", remedy))
        return samples, problems

    def _image(self, file: Path, name: str) -> Path | None:
        name = name.replace("\\", "/")
        beside = (file.parent / name).resolve()
        if name in self._images:
            return self._images[name]
        return beside if beside.is_file() else self._images.get(Path(name).name)

    def read_labels(self, sample: Sample) -> Labels:
        """The contours of the masks, with findings about unknown categories and segmentations that cannot be read."""
        file = self._files[sample.annotation]
        size_hw = image_size_hw(sample.image)
        # Many images share the file, so that findings name the image.
        builder = LabelsBuilder(relative_to(sample.image, self.root), size_hw, self.class_map)
        for annotation in file.annotations.get(sample.key, []):
            name = file.class_of(annotation)
            bone = builder.bone(name)
            if bone is None:
                continue
            try:
                polygons = _polygons(annotation.get("segmentation"), size_hw)
            except (TypeError, ValueError, KeyError, AttributeError) as error:
                message = f"a segmentation of {name} cannot be read: {error}"
                builder.note("error", "broken-outline", message, "export it again; until then it is left out")
                continue
            for polygon in polygons:
                builder.add(bone, polygon)
        return builder.finish()


def _side_and_patient(entry: dict[str, Any], image: Path) -> tuple[Any, str]:
    side, stem = side_and_patient(stem_of(image))
    for key in ("patient_id", "patient_id", "patient", "patient_id"):
        if entry.get(key) is not None:
            return side, str(entry[key])
    return side, stem


def _polygons(segmentation: Any, size_hw: tuple[int, int]) -> list[np.ndarray]:
    """Contours (n, 2) of a segmentation: a list of polygons [x1, y1, x2, ...], or an RLE of runs down the columns."""
    height, width = size_hw
    if isinstance(segmentation, dict):
        if tuple(segmentation["size"]) != size_hw:
            raise ValueError(f"its size {segmentation['size']} is not the image's [{height}, {width}]")
        counts = segmentation["counts"]
        if isinstance(counts, list):
            if sum(counts) != height * width:
                raise ValueError(f"its runs add up to {sum(counts)}, not to {height * width}")
            rle = coco_mask.frPyObjects(segmentation, height, width)
        else:
            rle = {"size": [height, width], "counts": counts.encode() if isinstance(counts, str) else counts}
    else:
        if not segmentation or any(len(p) < 6 or len(p) % 2 for p in segmentation):
            raise ValueError("a polygon needs three or more points")
        rle = coco_mask.merge(coco_mask.frPyObjects([[float(v) for v in p] for p in segmentation], height, width))
    return _mask_polygons(rle)


def _mask_polygons(rle: dict[str, Any]) -> list[np.ndarray]:
    left, top, across, down = (int(v) for v in coco_mask.toBbox(rle))
    if not across or not down:
        raise ValueError("it is empty")
    mask = coco_mask.decode(rle)[top : top + down, left : left + across]
    return contours_of_mask(np.ascontiguousarray(mask), (left, top))
