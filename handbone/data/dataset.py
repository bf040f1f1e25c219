"""A folder on disk as a list of samples, whatever its layout."""

import os
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal, Protocol

from handbone.core.errors import HandboneError
from handbone.core.files import expanded
from handbone.core.findings import Finding
from handbone.core.labels import Labels
from handbone.core.rle_reading import RleReading
from handbone.core.samples import Sample, SplitName, relative_to
from handbone.formats.image_files import Invert
from handbone.formats.json_files import read_json
from handbone.formats.label_files import strangers
from handbone.recipe.schema import Data

NO_OUTLINE = "outline its bones, or set data.empty_labels = 'use' if it shows none"


class Layout(Protocol):
    """How a kind of folder is listed and its labels are read."""

    @property
    def name(self) -> str:
        """What recipes call it."""
        ...

    @property
    def label_files(self) -> set[Path]:
        """The files whose labels it reads."""
        ...

    def list_samples(self) -> tuple[list[Sample], list[Finding]]:
        """The samples, sorted by name, and what was found while listing them."""
        ...

    def read_labels(self, sample: Sample) -> Labels:
        """The labels of a sample that has an annotation; HandboneError where its file cannot be read."""
        ...


@dataclass(frozen=True)
class Dataset:
    """The images of a folder.

    Parameters
    ----------
    root: the folder.
    layout: the name of one of `LAYOUTS`, but never "auto".
    samples: sorted by part and name.
    problems: what was found while listing, such as an image without its annotation.
    invert: whether its images are turned round, see `read_image`.
    empty_labels: what becomes of an annotation without any outline: "refuse" is an error, "use" means no bone is there.
    """

    root: Path
    layout: str
    samples: tuple[Sample, ...]
    problems: tuple[Finding, ...] = ()
    _reader: Layout | None = field(default=None, repr=False, compare=False)
    _labels: dict[Path, Labels] = field(default_factory=dict, repr=False, compare=False)
    invert: Invert = "auto"
    empty_labels: Literal["refuse", "use"] = "refuse"

    def __len__(self) -> int:
        return len(self.samples)

    def subset(self, name: SplitName) -> tuple[Sample, ...]:
        """The samples of the training or of the test part."""
        return tuple(s for s in self.samples if s.split == name)

    def labelled(self, split: SplitName | None = None) -> tuple[Sample, ...]:
        """The samples that have an annotation, of one part or of both."""
        return tuple(s for s in self.samples if s.annotation is not None and split in (None, s.split))

    def labels(self, sample: Sample) -> Labels:
        """The labels of a sample, read once and kept in memory (about 50 kB an image).

        Raises
        ------
        HandboneError: the sample has no annotation, one that contours no bone (unless `empty_labels` allows it), or its
            file or its image cannot be read.
        """
        labels = self.read_labels(sample)
        if labels.polygons or self.empty_labels == "use":
            return labels
        why = next((f": {problem.message}" for problem in labels.problems if problem.severity == "error"), "")
        raise HandboneError(f"{sample.name} has no outlined bone{why}", where=sample.annotation, remedy=NO_OUTLINE)

    def read_labels(self, sample: Sample) -> Labels:
        """As `labels`, but an annotation may outline no bone: its findings say why."""
        if sample.annotation is None or self._reader is None:
            remedy = "add its annotation, or use it for prediction only"
            raise HandboneError("this image has no annotation", where=sample.image, remedy=remedy)
        if sample.image not in self._labels:
            self._labels[sample.image] = self._reader.read_labels(sample)
        return self._labels[sample.image]


def open_dataset(settings: Data) -> Dataset:
    """List the images of a folder.

    With layout "auto": a folder with `train/DCM` or `test/DCM` is the contest's. One with a COCO file is COCO, and so
    on for labelme, CVAT, Label Studio, Slicer's segmentations and NIfTI masks. Any other one is a folder of images. A
    CSV of run lengths has to be asked for.

    Raises
    ------
    HandboneError: no such folder, no image in it, or a layout that the folder does not have.
    """
    root = expanded(settings.path)
    if not os.path.isdir(root):  # no error where the name is too long for a folder
        remedy = "give the folder of the images, or draw a synthetic set with 'handbone data draw'"
        raise HandboneError("no such folder", where=root, remedy=remedy)
    layout = _layout(root, settings)
    samples, problems = layout.list_samples()
    if not samples:
        detail = f"; {problems[0].file}: {problems[0].message}" if problems else ""
        remedy = "put images there as docs/pages/own-data.md describes"
        raise HandboneError(f"found no image in the layout '{layout.name}'{detail}", where=root, remedy=remedy)
    samples.sort(key=lambda s: (s.name, str(s.image)))
    found = [*problems, *_repeated_names(root, samples)]
    labelled = any(sample.annotation is not None for sample in samples)
    images = [sample.image for sample in samples]
    found += strangers(root, layout.label_files, images, "warning" if labelled else "error")
    return Dataset(
        root,
        layout.name,
        tuple(sorted(_named(root, samples), key=lambda s: (s.split != "train", s.name))),
        tuple(found),
        layout,
        invert=settings.invert,
        empty_labels=settings.empty_labels,
    )


def _layout(root: Path, settings: Data) -> Layout:
    from handbone.formats import coco, contest_json, cvat, folder, label_studio, labelme, nifti, rle_table, seg_nrrd

    file, names = settings.annotations, settings.class_map
    reading = RleReading.parse([settings.rle] if settings.rle else [])
    known: dict[str, Callable[[], Layout]] = {
        "contest": lambda: contest_json.Contest(root, names),
        "coco": lambda: coco.Coco(root, file, names),
        "csv": lambda: rle_table.RleTable(root, file, reading),
        "labelme": lambda: labelme.Labelme(root, names),
        "cvat": lambda: cvat.Cvat(root, file, names),
        "label_studio": lambda: label_studio.LabelStudio(root, file, names),
        "seg_nrrd": lambda: seg_nrrd.SegNrrd(root, names),
        "nifti": lambda: nifti.Nifti(root, names),
        "folder": lambda: folder.Folder(root),
    }
    chosen: str = settings.layout
    if chosen == "auto" and file:
        chosen = _by_file(root / file)
    elif chosen == "auto" and (chosen := _exported(root)) not in known:
        fits = (contest_json, coco, labelme, cvat, label_studio, seg_nrrd, nifti)
        rest = contest_json.NAME if contest_json.is_split(root) else folder.NAME
        chosen = next((module.NAME for module in fits if module.fits(root)), rest)
    return known[chosen]()


def _by_file(path: Path) -> str:
    """The layout of the one file that holds all labels."""
    from handbone.formats import label_studio, rle_table

    if path.name.lower().endswith(rle_table.SUFFIXES):
        return "csv"
    if path.suffix.lower() == ".xml":
        return "cvat"
    return "label_studio" if label_studio.is_tasks(path) else "coco"


def _exported(root: Path) -> str:
    """The format in which `handbone export` filled a folder; empty for other folders."""
    try:
        record = read_json(root / "export.json")
        return str(record["format"]) if str(record["schema"]).startswith("handbone.export/") else ""
    except (HandboneError, KeyError, TypeError):
        return ""


def _named(root: Path, samples: Iterable[Sample]) -> list[Sample]:
    """The samples under names that are unique: base names, or keys where base names repeat."""
    counts = Counter(sample.name for sample in samples)
    return [replace(s, name=s.key_in(root)) if counts[s.name] > 1 else s for s in samples]


def _repeated_names(root: Path, samples: Iterable[Sample]) -> list[Finding]:
    seen: dict[str, Path] = {}
    problems = []
    for sample in samples:
        if sample.name in seen:
            other = relative_to(seen[sample.name], root)
            message = f"{other} has the same base name: tables and CSV call both by their paths"
            remedy = "rename one only if the CSV goes to a reader that joins by base names, as the contest's does"
            problems.append(Finding("note", "repeated-name", relative_to(sample.image, root), message, remedy))
        seen.setdefault(sample.name, sample.image)
    return problems
