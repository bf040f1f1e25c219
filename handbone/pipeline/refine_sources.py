"""Where coarse predictions to refine come from: a finished run, or anyone's file in the contest's format."""

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

from handbone.data.pictures import read_picture
from handbone.data.samples import open_dataset
from handbone.errors import HandboneError
from handbone.masks.bone_masks import BoneMasks
from handbone.masks.contest_csv import picture_names, read_predictions
from handbone.masks.probabilities import BoneProbabilities
from handbone.pipeline.context import Context
from handbone.pipeline.folder import RunFolder
from handbone.pipeline.prediction import find_pictures
from handbone.pipeline.run_predictions import load_prediction
from handbone.recipe.load import load_recipe
from handbone.recipe.schema import Data

TABLE = "predictions.csv"


@dataclass(frozen=True, eq=False)
class Item:
    """One picture with its coarse prediction.

    name: base name. image: float32 (H, W) in [0, 1], bones bright. coarse: what is refined. cells: the 29 run lengths
    of the prediction file, which stay where nothing is refined. error: why the picture cannot be refined.
    """

    name: str
    cells: list[str]
    image: np.ndarray | None = None
    coarse: BoneProbabilities | None = None
    error: str | None = None


class Source(Protocol):
    """Coarse predictions, one picture in memory at a time."""

    names: list[str]

    def __iter__(self) -> Iterator[Item]: ...


class ForeignFile:
    """A prediction file in the contest's format and the folder of its pictures, joined by base name.

    Raises
    ------
    HandboneError: a file or folder that cannot be read, or none of whose pictures is there.
    """

    def __init__(self, table: Path, images: Path):
        self.table = table
        self.names = picture_names(table)
        self._paths = {path.name: path for path in find_pictures([images])}
        if not any(name in self._paths for name in self.names):
            what = f"none of the {len(self.names)} pictures of {table} is in this folder"
            remedy = f"pictures are found by name, such as {self.names[0]}" if self.names else "the file has no rows"
            raise HandboneError(what, where=images, remedy=remedy)

    def __iter__(self) -> Iterator[Item]:
        for name, cells in read_predictions(self.table):
            try:
                if name not in self._paths:
                    raise HandboneError("there is no picture of this name", where=name, remedy="add it to --images")
                image = read_picture(self._paths[name]).image
                try:
                    masks = BoneMasks.from_rle(cells, image.shape)
                except HandboneError as error:
                    height, width = image.shape
                    what = f"its run lengths don't fit the picture of {width} x {height} ({error})"
                    raise HandboneError(what, where=name) from None
                yield Item(name, cells, image, BoneProbabilities.from_masks(masks))
            except HandboneError as error:
                yield Item(name, cells, error=str(error))


class RunSource:
    """The pictures in a finished run's prediction file, with the coarse probabilities that the run left.

    Raises
    ------
    HandboneError: no finished run there, or its pictures are gone.
    """

    def __init__(self, folder: Path):
        manifest = folder / "manifest.json"
        if not manifest.is_file() or not (folder / TABLE).is_file():
            remedy = "give the folder of a run that 'handbone run' has finished"
            raise HandboneError("there is no finished run", where=folder, remedy=remedy)
        phantom = json.loads(manifest.read_text(encoding="utf-8"))["data"] == "phantom"
        recipe = load_recipe(folder / "recipe.toml").recipe
        set_folder = RunFolder(folder).step("phantom") / "set"
        data = Data(path=str(set_folder), layout="contest") if phantom else recipe.data
        if not Path(data.path).exists():
            remedy = "give the same command in the folder in which the run was made"
            raise HandboneError("the run's pictures are not there", where=data.path, remedy=remedy)
        self.folder = folder
        self.context = Context(recipe, RunFolder(folder), phantom, open_dataset(data))
        self.names = picture_names(folder / TABLE)

    def __iter__(self) -> Iterator[Item]:
        samples = {sample.name: sample for sample in self.context.dataset.samples}
        for name, cells in read_predictions(self.folder / TABLE):
            try:
                if name not in samples:
                    raise HandboneError("the run's data set has no picture of this name any more", where=name)
                coarse = load_prediction(self.context, samples[name]).coarse
                yield Item(name, cells, self.context.cache.image(samples[name].image), coarse)
            except HandboneError as error:
                yield Item(name, cells, error=str(error))


def latest_run() -> Path:
    """The run that was finished last in the folder of runs.

    Raises
    ------
    HandboneError: there is none.
    """
    root = Path(os.environ.get("HANDBONE_RUNS", "runs"))
    manifests = sorted(root.glob("*/manifest.json"), key=lambda path: path.stat().st_mtime)
    if not manifests:
        remedy = "make one with 'handbone run', name one with --run, or give --coarse FILE.csv --images FOLDER"
        raise HandboneError("there is no finished run", where=root, remedy=remedy)
    return manifests[-1].parent
