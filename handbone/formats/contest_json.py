"""The contest layout: `train/DCM/ID001/NAME.png` with `train/outputs_json/ID001/NAME.json`, and so under `test/`."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from handbone.core.errors import HandboneError
from handbone.core.findings import Finding
from handbone.core.labels import Labels
from handbone.core.polygons import as_numbers
from handbone.core.samples import Sample, relative_to
from handbone.formats.folder import side_and_patient
from handbone.formats.image_files import size_of, stem_of
from handbone.formats.image_search import images_under
from handbone.formats.json_files import read_json
from handbone.formats.label_frames import label_frame
from handbone.formats.labels_builder import LabelsBuilder

SPLITS = ("train", "test")
IMAGES, ANNOTATIONS = "DCM", "outputs_json"
#: Of the layout.
NAME = "contest"


def fits(root: Path) -> bool:
    """Whether a folder looks like the contest's, or like one labelled split of it."""
    splits = any((root / split / IMAGES).is_dir() for split in SPLITS)
    return splits or (is_split(root) and (root / ANNOTATIONS).is_dir())


def is_split(root: Path) -> bool:
    """Whether a folder may be one split of the contest's, with or without labels."""
    return (root / IMAGES).is_dir()


@dataclass(frozen=True)
class Contest:
    """A folder with `train` and `test` (or one of them), or one such split alone, which is then taken for training."""

    root: Path
    class_map: dict[str, str] = field(default_factory=dict)
    name: str = NAME

    @property
    def label_files(self) -> set[Path]:
        """The files that are read, or are said to have no image."""
        roots = [self.root / split / ANNOTATIONS for split in (*SPLITS, ".")]
        return {path for root in roots for path in root.rglob("*.json")}

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
        """The contours in the frame of the PNG; `metadata` and `filename` in the file are believed on evidence only."""
        assert sample.annotation is not None  # it has labels
        content = read_json(sample.annotation)
        annotations = content.get("annotations") if isinstance(content, dict) else None
        if not isinstance(annotations, list):
            raise HandboneError("the file has no list 'annotations'", where=sample.annotation, remedy="export it again")
        size_hw = size_of(sample.image)
        builder = LabelsBuilder(relative_to(sample.annotation, self.root), size_hw, self.class_map)
        _compare_name(content, sample, builder)
        points = [as_numbers(a.get("points")) for a in annotations if isinstance(a, dict)]
        if builder.use_frame(label_frame(_declared(content), size_hw, points, believed=False)):
            for annotation in annotations:
                self._add(annotation, builder)
        return builder.finish()

    def _add(self, annotation: Any, builder: LabelsBuilder) -> None:
        if not isinstance(annotation, dict) or "label" not in annotation:
            builder.note("error", "broken-outline", "an annotation has no label", "label it; until then it is ignored")
            return
        bone = builder.bone(annotation["label"])
        kind = annotation.get("type", "poly_seg")
        if kind != "poly_seg":
            message = f"the annotation of {annotation['label']} is of type {kind!r}, not 'poly_seg'"
            builder.note("error", "not-a-polygon", message, "draw it as a polygon; until then it is ignored")
        elif bone is not None:
            builder.add(bone, as_numbers(annotation.get("points")))


def _declared(content: dict) -> tuple[int, int] | None:
    """Height and width that the file states."""
    metadata = content.get("metadata")
    metadata = metadata if isinstance(metadata, dict) else {}
    said = metadata.get("height"), metadata.get("width")
    height, width = (side if type(side) is int and 0 < side < 1 << 20 else None for side in said)
    return None if height is None or width is None else (height, width)


def _compare_name(content: dict, sample: Sample, builder: LabelsBuilder) -> None:
    named = content.get("filename")
    if named and Path(str(named)).name != sample.image.name:
        message = f"the file says it belongs to {named!r}, its place says {sample.image.name!r}"
        if Path(str(named)).stem == stem_of(sample.image):
            remedy = "no action needed: only the extension differs"
            builder.note("note", "filename-extension", message, remedy)
        else:
            builder.note("warning", "filename-differs", message, "check that the contours belong to this image")
