"""The labels to evaluate against: a data set of any layout, or anyone's file of masks."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

from handbone.core.bone_masks import BoneMasks
from handbone.core.errors import HandboneError
from handbone.core.rle_reading import RleReading
from handbone.core.samples import Sample, Side
from handbone.data.dataset import Dataset, open_dataset
from handbone.formats.contest_csv import CONTEST_HW
from handbone.formats.image_files import size_of
from handbone.formats.image_search import find_images
from handbone.formats.patients import patients_of
from handbone.recipe.class_map import ClassMap
from handbone.recipe.schema import Data
from handbone.workflows.masks.opening import open_masks
from handbone.workflows.masks.source import MaskSource
from handbone.workflows.outputs import RECORD_FILE


@dataclass(frozen=True, eq=False)
class LabelledImage:
    """One image with labels.

    Parameters
    ----------
    name: what tables call it, unique. key: its path relative to the labels' folder, by which predictions are found.
    patient_id, side: whose hand it is. image: the radiograph, where it is at hand.
    load: reads its masks; HandboneError where they cannot be read.
    problems: gives what is wrong with labels that have been read, each as a clause.
    """

    name: str
    key: str
    patient_id: str
    side: Side | None
    image: Path | None
    load: Callable[[], BoneMasks]
    problems: Callable[[], list[str]] = field(default=list)


@dataclass(frozen=True, eq=False)
class Labelled:
    """All images with labels; `unlabelled` are the keys of images without any, `layout` says what they were read as."""

    images: tuple[LabelledImage, ...]
    layout: str
    unlabelled: tuple[str, ...] = ()


def open_labels(
    path: Path,
    *,
    images: Path | None = None,
    class_map: ClassMap | None = None,
    settings: Mapping[str, Any] | None = None,
) -> Labelled:
    """Open labels.

    Parameters
    ----------
    path: a data set's folder, or masks as `open_masks` takes them, but for a folder of PNG files.
    images: where the radiographs are; by default in the data set's folder.
    class_map: of the labels. settings: further keys of `data`, such as layout, annotations and rle.

    Raises
    ------
    HandboneError: there are no labels, or they cannot be read.
    """
    given = {key: value for key, value in (settings or {}).items() if value is not None}
    if path.is_file() or ((path / RECORD_FILE).is_file() and given.get("layout", "auto") == "auto"):
        reading = RleReading.parse([given["rle"]] if "rle" in given else [])
        found = _of_masks(open_masks(path, class_map=class_map, reading=reading), images)
    else:
        table = class_map.table() if class_map else {}
        dataset = open_dataset(Data(**({"path": str(path), "class_map": table} | given)))
        found = _of_dataset(dataset)
        if images is not None:
            paths = find_images([images]).match([image.key for image in found.images])
            found = replace(found, images=tuple(replace(i, image=paths.get(i.key)) for i in found.images))
    if not found.images:
        remedy = "give a folder whose images have annotations"
        raise HandboneError("no image has labels to compare with", where=path, remedy=remedy)
    if class_map:
        found = replace(found, images=tuple(_with_side(image, class_map) for image in found.images))
    return found


def _of_dataset(dataset: Dataset) -> Labelled:
    images = [
        LabelledImage(
            sample.name,
            sample.key_in(dataset.root),
            sample.patient_id,
            sample.side,
            sample.image,
            partial(_masks, dataset, sample),
            partial(_problems, dataset, sample),
        )
        for sample in dataset.labelled()
    ]
    alone = [sample.key_in(dataset.root) for sample in dataset.samples if sample.annotation is None]
    return Labelled(tuple(images), dataset.layout, tuple(alone))


def _masks(dataset: Dataset, sample: Sample) -> BoneMasks:
    return dataset.labels(sample).masks()


def _problems(dataset: Dataset, sample: Sample) -> list[str]:
    return [problem.message for problem in dataset.read_labels(sample).problems if problem.severity == "error"]


def _of_masks(source: MaskSource, images: Path | None) -> Labelled:
    names: Sequence[str] = source.names
    paths = find_images([images]).match(names) if images else {}
    source.check((name, _size_hw(source, name, paths.get(name))) for name in names)
    of = patients_of(Path(), [Path(name) for name in names])
    found = []
    for name in names:
        side, patient = of[Path(name)]
        load = partial(_masks_of, source, name, paths.get(name))
        found.append(LabelledImage(name, name, patient, side, paths.get(name), load))
    return Labelled(tuple(found), source.layout)


def _masks_of(source: MaskSource, name: str, image: Path | None) -> BoneMasks:
    return source.masks(name, _size_hw(source, name, image))


def _size_hw(source: MaskSource, name: str, image: Path | None) -> tuple[int, int]:
    return size_of(image) if image else source.size_hw(name) or CONTEST_HW


def _with_side(image: LabelledImage, class_map: ClassMap) -> LabelledImage:
    told = class_map.side_and_patient(image.key)
    return image if told is None else replace(image, side=told[0], patient_id=told[1])
