"""The contest layout: `train/DCM/ID001/NAME.png` with `train/outputs_json/ID001/NAME.json`, and so under `test/`."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from handbone.core.errors import HandboneError
from handbone.core.findings import Finding
from handbone.core.labels import Labels
from handbone.core.samples import Sample, relative_to
from handbone.formats.folder import images_under, side_and_patient
from handbone.formats.image_files import image_size_hw, stem_of
from handbone.formats.labels_builder import LabelsBuilder

SPLITS = ("train", "test")
IMAGES, ANNOTATIONS = "DCM", "outputs_json"


def fits(root: Path) -> bool:
    """Whether a folder looks like the contest's."""
    return any((root / split / IMAGES).is_dir() for split in (*SPLITS, "."))


@dataclass(frozen=True)
class Contest:
    """A folder with `train` and `test` (or one of them), or one such split alone, which is then taken for training."""

    root: Path
    class_map: dict[str, str] = field(default_factory=dict)
    name: str = "contest"

    def list_samples(self) -> tuple[list[Sample], list[Finding]]:
        """Every image; findings name images without annotation (training split) and annotations without image."""
        samples: list[Sample] = []
        problems: list[Finding] = []
        splits = [split for split in SPLITS if (self.root / split / IMAGES).is_dir()]
        for split in splits or ["."]:
            self._list_split(split, samples, problems)
        return samples, problems

    def _list_split(self, split: str, samples: list[Sample], problems: list[Finding]) -> None:
        images, annotations = self.root / split / IMAGES, self.root / split / ANNOTATIONS
        files = {p.relative_to(annotations).with_suffix(""): p for p in sorted(annotations.rglob("*.json"))}
        for image in images_under(images):
            place = image.relative_to(images).with_name(stem_of(image))
            annotation = files.pop(place, None)
            if annotation is None and split != "test":
                missing = relative_to((annotations / place).with_suffix(".json"), self.root)
                remedy = f"add {missing}; until then the image is not used for training"
                file = relative_to(image, self.root)
                problems.append(Finding("error", "no-annotation", file, "the image has no annotation", remedy))
            side, stem = side_and_patient(stem_of(image))
            patient_id = place.parts[0] if len(place.parts) > 1 else stem
            samples.append(
                Sample(image.name, image, annotation, patient_id, side, "test" if split == "test" else "train")
            )
        for place, path in files.items():
            remedy = f"add {relative_to((images / place).with_suffix('.png'), self.root)}, or remove the annotation"
            file = relative_to(path, self.root)
            problems.append(Finding("error", "no-image", file, "the annotation has no image", remedy))

    def read_labels(self, sample: Sample) -> Labels:
        """The contours in the frame of the PNG; `metadata` and `filename` in the file are not believed."""
        content = read_json(sample.annotation)
        annotations = content.get("annotations") if isinstance(content, dict) else None
        if not isinstance(annotations, list):
            raise HandboneError("no list 'annotations' in this file", where=sample.annotation, remedy="export it again")
        size_hw = image_size_hw(sample.image)
        builder = LabelsBuilder(relative_to(sample.annotation, self.root), size_hw, self.class_map)
        _compare_header(content, sample, size_hw, builder)
        for annotation in annotations:
            self._add(annotation, builder)
        return builder.finish()

    def _add(self, annotation: Any, builder: LabelsBuilder) -> None:
        if not isinstance(annotation, dict) or "label" not in annotation:
            builder.note("error", "broken-outline", "an annotation has no label", "label it; until then it is left out")
            return
        bone = builder.bone(annotation["label"])
        kind = annotation.get("type", "poly_seg")
        if kind != "poly_seg":
            message = f"the annotation of {annotation['label']} is of type {kind!r}, not 'poly_seg'"
            builder.note("error", "not-a-polygon", message, "draw it as a polygon; until then it is left out")
        elif bone is not None:
            builder.add(bone, as_points(annotation.get("points")))


def _compare_header(content: dict, sample: Sample, size_hw: tuple[int, int], builder: LabelsBuilder) -> None:
    metadata = content.get("metadata")
    metadata = metadata if isinstance(metadata, dict) else {}
    said = metadata.get("height"), metadata.get("width")
    if None not in said and said != size_hw:
        message = f"metadata says {said[1]} x {said[0]}, the image has {size_hw[1]} x {size_hw[0]}"
        remedy = "nothing needs doing: points are read in the image's own pixels"
        builder.note("note", "metadata-size", message, remedy)
    named = content.get("filename")
    if named and Path(str(named)).name != sample.name:
        message = f"the file says it belongs to {named!r}, its place says {sample.name!r}"
        if Path(str(named)).stem == stem_of(sample.image):
            remedy = "nothing needs doing: only the extension differs"
            builder.note("note", "filename-extension", message, remedy)
        else:
            builder.note("warning", "filename-differs", message, "check that the contours belong to this image")


def read_json(path: Path) -> Any:
    """A JSON file's content.

    Raises
    ------
    HandboneError: the file cannot be read or is not JSON; says in which line.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise HandboneError(f"cannot be read: {error.strerror}", where=path, remedy="check its permissions") from None
    except json.JSONDecodeError as error:
        what = f"not valid JSON: {error.msg} in line {error.lineno}"
        raise HandboneError(what, where=path, remedy="export the file again; it may have been cut") from None
    except UnicodeDecodeError:
        raise HandboneError("not a text in UTF-8", where=path, remedy="export the file again") from None


def as_points(value: Any) -> np.ndarray:
    """(n, 2) points of a JSON list; an empty array, which no contour may be, where it isn't one."""
    try:
        return np.asarray(value, np.float64)
    except (TypeError, ValueError):
        return np.empty((0, 2))
