"""Where coarse predictions to refine come from: a finished run, or anyone's file in the contest format."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

from handbone.anatomy import COUNT
from handbone.core.bone_masks import BoneMasks
from handbone.core.bone_probabilities import BoneProbabilities
from handbone.core.errors import HandboneError
from handbone.core.rle import Cells
from handbone.core.rle_reading import RleReading
from handbone.formats.contest_csv import read_predictions
from handbone.formats.contest_csv_index import PredictionsIndex
from handbone.formats.image_files import Invert, read_image
from handbone.formats.image_search import find_images
from handbone.formats.rle_recognition import refuse_if_suspected
from handbone.runs.load_run import TABLE, finished_run
from handbone.runs.steps.predict import load_prediction


@dataclass(frozen=True, eq=False)
class Item:
    """One image with its coarse prediction.

    name: as the prediction file has it. image: float32 (H, W) in [0, 1], bones bright. coarse: what is refined.
    cells: the 29 run lengths of the prediction file in the contest's way, which stay where nothing is refined; None
    without a row. error: why the image cannot be refined. inverted: whether the file shows bones dark and was turned
    round; None where a run has read it.
    """

    name: str
    cells: Cells
    image: np.ndarray | None = None
    coarse: BoneProbabilities | None = None
    error: str | None = None
    inverted: bool | None = None


class Source(Protocol):
    """Coarse predictions, one image in memory at a time; `invert` says how images are read."""

    names: list[str]
    invert: Invert

    def __iter__(self) -> Iterator[Item]: ...


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
            remedy = f"images are found by name, such as {self.names[0]}" if self.names else "the file has no rows"
            raise HandboneError(what, where=images, remedy=remedy)
        if not self._insists:
            refuse_if_suspected(table, self._first_images())

    def __iter__(self) -> Iterator[Item]:
        for name in self.names:
            cells: Cells = [None] * COUNT
            try:
                cells = self._index.cells(name)
                if name not in self._paths:
                    raise HandboneError("there is no image of this name", where=name, remedy="add it to --images")
                radiograph = read_image(self._paths[name], invert=self.invert)
                if not self._insists and not self._says_size(name):
                    refuse_if_suspected(None, [(name, cells, radiograph.size_hw, radiograph.image)])
                cells, masks = self._read(name, cells, radiograph.size_hw)
                yield Item(
                    name, cells, radiograph.image, BoneProbabilities.from_masks(masks), inverted=radiograph.inverted
                )
            except HandboneError as error:
                yield Item(name, cells, error=str(error))

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
        self.names = PredictionsIndex(folder / TABLE).names

    def __iter__(self) -> Iterator[Item]:
        samples = {sample.name: sample for sample in self.context.dataset.samples}
        for name, cells in read_predictions(self.folder / TABLE):
            try:
                if name not in samples:
                    raise HandboneError("the run's data set has no image of this name any more", where=name)
                coarse = load_prediction(self.context, samples[name]).coarse
                yield Item(name, cells, self.context.cache.image(samples[name].image), coarse)
            except HandboneError as error:
                yield Item(name, cells, error=str(error))
