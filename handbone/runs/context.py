"""What every step of a run can ask for: the recipe, the images, and what earlier steps left."""

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING

from handbone.core.samples import Sample
from handbone.data.cache import ImageCache
from handbone.data.dataset import Dataset, open_dataset
from handbone.data.grid_dataset import LabelledImage
from handbone.recipe.schema import Data, Network, Recipe
from handbone.runs.folder import RunFolder

if TYPE_CHECKING:
    from handbone.data.synthetic_stream import SyntheticStream


@dataclass(frozen=True)
class Step:
    """One step of a run.

    Parameters
    ----------
    name: its folder's name.
    summary: what it does, for users.
    work: does it, given the context and the folder to fill.
    settings: the part of a recipe that its results depend on.
    inputs: the steps it builds on.
    sizes: what it works on, for the plan.
    publishes: (file in its folder, file in the run's folder) pairs.
    needed: whether a recipe, with own data or a synthetic set, has this step.
    trains: the network that it trains, if any; several processes may share that work.
    revision: counted up when its code gives other results for the same settings.
    """

    name: str
    summary: str
    work: Callable[["Context", Path], None]
    settings: Callable[[Recipe], object]
    inputs: tuple[str, ...] = ()
    sizes: Callable[[Recipe], str] = lambda recipe: ""
    publishes: tuple[tuple[str, str], ...] = ()
    needed: Callable[[Recipe, bool], bool] = lambda recipe, synthetic: True
    trains: Callable[[Recipe], Network | None] = lambda recipe: None
    revision: int = 1


@dataclass(frozen=True)
class Context:
    """A run while it is carried out."""

    recipe: Recipe
    folder: RunFolder
    synthetic: bool
    own: Dataset | None = field(repr=False)

    @cached_property
    def dataset(self) -> Dataset:
        """The user's images, or the synthetic ones once they are drawn."""
        return self.own or open_dataset(Data(path=str(self.folder.step("synthetic") / "set"), layout="contest"))

    @cached_property
    def cache(self) -> ImageCache:
        """Decoded images."""
        return ImageCache(self.recipe.data.cache, invert=self.dataset.invert)

    @cached_property
    def splits(self) -> dict[str, list[Sample]]:
        """The usable samples as the step `images` divided them: train, validation and test."""
        by_name = {sample.name: sample for sample in self.dataset.samples}
        return {split: [by_name[name] for name in names] for split, names in self.read("images", "splits.json").items()}

    @property
    def predicted(self) -> list[Sample]:
        """The samples that are predicted: validation and test, in the order of their names."""
        return sorted([*self.splits["validation"], *self.splits["test"]], key=lambda sample: sample.name)

    def image(self, sample: Sample) -> LabelledImage:
        """A labelled sample as the training sets take it."""
        labels = self.dataset.labels(sample)
        return LabelledImage(sample.name, partial(self.cache.open, sample.image), labels.size_hw, labels.polygons)

    def images(self, samples: Iterable[Sample]) -> list[LabelledImage]:
        """Labelled samples as the training sets take them."""
        return [self.image(sample) for sample in samples]

    def training_images(self) -> "list[LabelledImage] | SyntheticStream":
        """What networks learn from: the labelled images of the split train, or synthetic hands drawn on the way."""
        synthetic = self.recipe.synthetic
        if self.synthetic and synthetic.stream:
            from handbone.data.synthetic_stream import SyntheticStream

            return SyntheticStream(synthetic.stream, synthetic.variety, synthetic.seed)
        return self.images(self.splits["train"])

    def read(self, step: str, file: str):
        """A JSON file that a finished step left."""
        return json.loads((self.folder.step(step) / file).read_text(encoding="utf-8"))

    def problems(self) -> list[dict]:
        """Images that could not be used, each with its file and what is wrong."""
        return self.read("images", "problems.json")

    def metrics(self) -> dict[str, dict[str, float]]:
        """Headline metrics: group of bones to stage to mean Dice; empty without labelled images to compare with."""
        return self.read("evaluation", "headlines.json")
