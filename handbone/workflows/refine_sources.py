"""Where coarse predictions to refine come from: a finished run, or anyone's file in the contest format."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

from handbone.core.bone_masks import BoneMasks
from handbone.core.bone_probabilities import BoneProbabilities
from handbone.core.errors import HandboneError
from handbone.formats.contest_csv import image_names, read_predictions
from handbone.formats.image_files import Invert, read_image
from handbone.formats.image_search import find_images
from handbone.runs.load_run import TABLE, finished_run
from handbone.runs.steps.predict import load_prediction


@dataclass(frozen=True, eq=False)
class Item:
    """One image with its coarse prediction.

    name: base name. image: float32 (H, W) in [0, 1], bones bright. coarse: what is refined. cells: the 29 run lengths
    of the prediction file, which stay where nothing is refined. error: why the image cannot be refined. inverted:
    whether the file shows bones dark and was turned round; None where a run has read it.
    """

    name: str
    cells: list[str]
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
        self._paths = find_images([images]).match(self.names)
        if not any(name in self._paths for name in self.names):
            what = f"none of the {len(self.names)} images of {table} is in this folder"
            remedy = f"images are found by name, such as {self.names[0]}" if self.names else "the file has no rows"
            raise HandboneError(what, where=images, remedy=remedy)

    def __iter__(self) -> Iterator[Item]:
        for name, cells in read_predictions(self.table):
            try:
                if name not in self._paths:
                    raise HandboneError("there is no image of this name", where=name, remedy="add it to --images")
                radiograph = read_image(self._paths[name], invert=self.invert)
                image = radiograph.image
                try:
                    masks = BoneMasks.from_rle(cells, image.shape)
                except HandboneError as error:
                    height, width = image.shape
                    what = f"its run lengths don't fit the image of {width} x {height} ({error})"
                    raise HandboneError(what, where=name) from None
                yield Item(name, cells, image, BoneProbabilities.from_masks(masks), inverted=radiograph.inverted)
            except HandboneError as error:
                yield Item(name, cells, error=str(error))


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
