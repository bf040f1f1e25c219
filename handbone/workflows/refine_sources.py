"""Where coarse predictions to refine come from: a finished run, or anyone's file in the contest format."""

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Protocol

import numpy as np

from handbone.anatomy import COUNT
from handbone.core.bone_masks import BoneMasks
from handbone.core.bone_probabilities import BoneProbabilities
from handbone.core.errors import HandboneError
from handbone.core.files import sha256_of
from handbone.core.rle import Cells
from handbone.core.rle_reading import RleReading
from handbone.core.samples import Sample
from handbone.formats.contest_csv_index import PredictionsIndex
from handbone.formats.image_files import Invert, read_image
from handbone.formats.image_search import find_images
from handbone.formats.rle_recognition import refuse_if_suspected
from handbone.runs.fingerprints import fingerprint_of
from handbone.runs.load_run import TABLE, finished_run
from handbone.runs.steps.predict import coarse_file, load_prediction


@dataclass(frozen=True, eq=False)
class Loaded:
    """An image with its coarse prediction.

    image: float32 (H, W) in [0, 1], bones bright. coarse: what is refined. cells: the 29 run lengths of the prediction
    file in the contest's way. inverted: whether the file shows bones dark and was turned round; None where a run has
    read it.
    """

    image: np.ndarray
    coarse: BoneProbabilities
    cells: Cells
    inverted: bool | None = None


@dataclass(frozen=True, eq=False)
class Item:
    """One image of a prediction file.

    name, cells: as the prediction file has them; None without a row, or where the rows cannot be read.
    made_from: gives a digest of the image's file and of its prediction. load: gives both. They raise a HandboneError
    where the image cannot be refined.
    size_hw: the image's height and width, where the prediction file says them.
    """

    name: str
    cells: Cells
    made_from: Callable[[], str]
    load: Callable[[], Loaded]
    size_hw: tuple[int, int] | None = None


class Source(Protocol):
    """Coarse predictions, none of which is read before it is asked for; `invert` says how images are read."""

    names: list[str]
    invert: Invert

    def item(self, name: str) -> Item:
        """One of the images."""


class ForeignFile:
    """A prediction file in the contest format and the folder of its images, joined by name.

    Parameters
    ----------
    invert: whether images are turned round, see `read_image`.
    reading: how its run lengths are meant; unset for the contest's way, from which the file must not seem to differ.

    Raises
    ------
    HandboneError: a file or folder that cannot be read, none of whose images is there, or run lengths of another way.
    """

    def __init__(self, table: Path, images: Path, *, invert: Invert = "auto", reading: RleReading | None = None):
        self.table, self.invert = table, invert
        self._reading, self._insists = reading or RleReading(), reading is not None
        self._index = PredictionsIndex(table)
        self.names = self._index.names
        self._paths = find_images([images]).match(self.names)
        if not self._paths:
            what = f"none of the {len(self.names)} images of {table} is in this folder"
            remedy = f"images are matched by name, such as {self.names[0]}" if self.names else "the file has no rows"
            raise HandboneError(what, where=images, remedy=remedy)
        if not self._insists:
            refuse_if_suspected(table, self._first_images())

    def item(self, name: str) -> Item:
        """One of the images; what cannot be read of it is said when that is asked for."""
        cells: Cells = [None] * COUNT
        size_hw: tuple[int, int] | None = None
        with contextlib.suppress(HandboneError):
            cells = self._index.cells(name)
            size_hw = self._index.size_hw(name)
        return Item(name, cells, partial(self._made_from, name), partial(self._load, name), size_hw)

    def _path(self, name: str) -> Path:
        if name not in self._paths:
            raise HandboneError("there is no image of this name", where=name, remedy="add it to --images")
        return self._paths[name]

    def _made_from(self, name: str) -> str:
        cells = self._index.cells(name)
        return fingerprint_of([sha256_of(self._path(name)), cells, self._index.size_hw(name), str(self._reading)])

    def _load(self, name: str) -> Loaded:
        cells = self._index.cells(name)
        radiograph = read_image(self._path(name), invert=self.invert)
        if not self._insists and not self._says_size(name):
            refuse_if_suspected(None, [(name, cells, radiograph.size_hw, radiograph.image)])
        cells, masks = self._read(name, cells, radiograph.size_hw)
        return Loaded(radiograph.image, BoneProbabilities.from_masks(masks), cells, radiograph.inverted)

    def _read(self, name: str, cells: Cells, size_hw: tuple[int, int]) -> tuple[Cells, BoneMasks]:
        """The texts in the contest's way and their masks."""
        height, width = size_hw
        stated = self._index.size_hw(name)
        if stated not in (None, size_hw) and self._reading.frame_hw is None:
            what = f"the file says {stated[1]} x {stated[0]}, but the image has {width} x {height} pixels"
            raise HandboneError(what, where=name, remedy="is it the same image?")
        try:
            masks = self._reading.masks(cells, size_hw)
        except HandboneError as error:
            what = f"its run lengths don't fit the image of {width} x {height} ({error})"
            raise HandboneError(what, where=name, remedy="--rle says how they are meant") from None
        if not self._reading.is_standard:
            texts = masks.to_rle()
            cells = [None if cell is None else text for cell, text in zip(cells, texts, strict=True)]
        return cells, masks

    def _says_size(self, name: str) -> bool:
        return self._index.size_hw(name) is not None

    def _first_images(self) -> Iterator[tuple[str, Cells, tuple[int, int], np.ndarray]]:
        for name, path in self._paths.items():
            # What cannot be read is said of its image later on.
            with contextlib.suppress(HandboneError):
                if self._says_size(name):
                    continue
                image = read_image(path, invert=self.invert).image
                yield name, self._index.cells(name), image.shape, image


class RunSource:
    """The images in a finished run's prediction file, with the coarse probabilities that the run left.

    Raises
    ------
    HandboneError: no finished run there, or its images are gone.
    """

    def __init__(self, folder: Path):
        self.folder, self.context = folder, finished_run(folder)
        self.invert: Invert = self.context.dataset.invert
        self._index = PredictionsIndex(folder / TABLE)
        self.names = self._index.names
        self._samples = {sample.name: sample for sample in self.context.dataset.samples}

    def item(self, name: str) -> Item:
        """One of the images."""
        cells = self._index.cells(name)
        made_from, load = partial(self._made_from, name, cells), partial(self._load, name, cells)
        return Item(name, cells, made_from, load, self._index.size_hw(name))

    def _sample(self, name: str) -> Sample:
        if name not in self._samples:
            raise HandboneError("the run's data set no longer has an image of this name", where=name)
        return self._samples[name]

    def _made_from(self, name: str, cells: Cells) -> str:
        sample = self._sample(name)
        return fingerprint_of([sha256_of(sample.image), sha256_of(coarse_file(self.context, sample)), cells])

    def _load(self, name: str, cells: Cells) -> Loaded:
        sample = self._sample(name)
        return Loaded(self.context.cache.image(sample.image), load_prediction(self.context, sample).coarse, cells)
