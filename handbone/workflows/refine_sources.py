"""Where coarse predictions to refine come from: a finished run, or anyone's file in the contest format."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Protocol

import numpy as np

from handbone.core.bone_masks import BoneMasks
from handbone.core.bone_probabilities import BoneProbabilities
from handbone.core.errors import HandboneError
from handbone.core.files import sha256_of
from handbone.core.samples import Sample
from handbone.formats.contest_csv import image_names, read_predictions
from handbone.formats.image_files import Invert, read_image
from handbone.runs.folder import fingerprint_of
from handbone.runs.load_run import TABLE, finished_run
from handbone.runs.steps.predict import coarse_file, load_prediction
from handbone.workflows.outputs import find_images


@dataclass(frozen=True, eq=False)
class Loaded:
    """An image with its coarse prediction.

    image: float32 (H, W) in [0, 1], bones bright. coarse: what is refined. inverted: whether the file shows bones dark
    and was turned round; None where a run has read it.
    """

    image: np.ndarray
    coarse: BoneProbabilities
    inverted: bool | None = None


@dataclass(frozen=True, eq=False)
class Item:
    """One image of a prediction file.

    name: base name. cells: the 29 run lengths of the prediction file, which stay where nothing is refined.
    made_from: gives a digest of the image's file and of its prediction. load: gives both. They raise a HandboneError
    where the image cannot be refined.
    """

    name: str
    cells: list[str]
    made_from: Callable[[], str]
    load: Callable[[], Loaded]


class Source(Protocol):
    """Coarse predictions, none of which is read before it is asked for; `invert` says how images are read."""

    names: list[str]
    invert: Invert

    def __iter__(self) -> Iterator[Item]: ...


class ForeignFile:
    """A prediction file in the contest format and the folder of its images, joined by base name.

    Parameters
    ----------
    invert: whether images are turned round, see `read_image`.

    Raises
    ------
    HandboneError: a file or folder that cannot be read, or none of whose images is there.
    """

    def __init__(self, table: Path, images: Path, *, invert: Invert = "auto"):
        self.table, self.invert = table, invert
        self.names = image_names(table)
        self._paths = {path.name: path for path in find_images([images])}
        if not any(name in self._paths for name in self.names):
            what = f"none of the {len(self.names)} images of {table} is in this folder"
            remedy = f"images are found by name, such as {self.names[0]}" if self.names else "the file has no rows"
            raise HandboneError(what, where=images, remedy=remedy)

    def __iter__(self) -> Iterator[Item]:
        for name, cells in read_predictions(self.table):
            yield Item(name, cells, partial(self._made_from, name, cells), partial(self._load, name, cells))

    def _made_from(self, name: str, cells: list[str]) -> str:
        return fingerprint_of([sha256_of(self._path(name)), cells])

    def _path(self, name: str) -> Path:
        if name not in self._paths:
            raise HandboneError("there is no image of this name", where=name, remedy="add it to --images")
        return self._paths[name]

    def _load(self, name: str, cells: list[str]) -> Loaded:
        radiograph = read_image(self._path(name), invert=self.invert)
        try:
            masks = BoneMasks.from_rle(cells, radiograph.size_hw)
        except HandboneError as error:
            height, width = radiograph.size_hw
            what = f"its run lengths don't fit the image of {width} x {height} ({error})"
            raise HandboneError(what, where=name) from None
        return Loaded(radiograph.image, BoneProbabilities.from_masks(masks), radiograph.inverted)


class RunSource:
    """The images in a finished run's prediction file, with the coarse probabilities that the run left.

    Raises
    ------
    HandboneError: no finished run there, or its images are gone.
    """

    def __init__(self, folder: Path):
        self.folder, self.context = folder, finished_run(folder)
        self.invert: Invert = self.context.dataset.invert
        self.names = image_names(folder / TABLE)
        self._samples = {sample.name: sample for sample in self.context.dataset.samples}

    def __iter__(self) -> Iterator[Item]:
        for name, cells in read_predictions(self.folder / TABLE):
            yield Item(name, cells, partial(self._made_from, name, cells), partial(self._load, name))

    def _made_from(self, name: str, cells: list[str]) -> str:
        sample = self._sample(name)
        return fingerprint_of([sha256_of(sample.image), sha256_of(coarse_file(self.context, sample)), cells])

    def _sample(self, name: str) -> Sample:
        if name not in self._samples:
            raise HandboneError("the run's data set has no image of this name any more", where=name)
        return self._samples[name]

    def _load(self, name: str) -> Loaded:
        sample = self._sample(name)
        return Loaded(self.context.cache.image(sample.image), load_prediction(self.context, sample).coarse)
