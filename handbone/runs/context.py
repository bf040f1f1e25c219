"""What every step of a run can ask for: the recipe, the pictures, and what earlier steps left."""

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING

from handbone.core.samples import Sample
from handbone.data.cache import PictureCache
from handbone.data.dataset import Dataset, open_dataset
from handbone.data.grid_dataset import LabelledPicture
from handbone.recipe.schema import Data, Network, Recipe
from handbone.runs.folder import RunFolder

if TYPE_CHECKING:
    from handbone.data.synthetic_stream import PhantomStream


@dataclass(frozen=True)
class Step:
    """One step of a run.

    Parameters
    ----------
    name: its folder's name.
    summary: what it does, for people.
    work: does it, given the context and the folder to fill.
    settings: the part of a recipe that its results depend on.
    inputs: the steps it builds on.
    sizes: what it works on, for the plan.
    publishes: (file in its folder, file in the run's folder) pairs.
    needed: whether a recipe, with own data or a phantom, has this step.
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
    needed: Callable[[Recipe, bool], bool] = lambda recipe, phantom: True
    trains: Callable[[Recipe], Network | None] = lambda recipe: None
    revision: int = 1


@dataclass(frozen=True)
class Context:
    """A run while it is carried out."""

    recipe: Recipe
    folder: RunFolder
    phantom: bool
    own: Dataset | None = field(repr=False)

    @cached_property
    def dataset(self) -> Dataset:
        """The user's pictures, or the phantom ones once they are drawn."""
        return self.own or open_dataset(Data(path=str(self.folder.step("phantom") / "set"), layout="contest"))

    @cached_property
    def cache(self) -> PictureCache:
        """Decoded pictures."""
        return PictureCache(self.recipe.data.cache)

    @cached_property
    def parts(self) -> dict[str, list[Sample]]:
        """The usable samples as the step `pictures` divided them: train, validation and test."""
        by_name = {sample.name: sample for sample in self.dataset.samples}
        return {part: [by_name[name] for name in names] for part, names in self.read("pictures", "parts.json").items()}

    @property
    def predicted(self) -> list[Sample]:
        """The samples that are predicted: validation and test, in the order of their names."""
        return sorted([*self.parts["validation"], *self.parts["test"]], key=lambda sample: sample.name)

    def picture(self, sample: Sample) -> LabelledPicture:
        """A labelled sample as the training sets take it."""
        labels = self.dataset.labels(sample)
        return LabelledPicture(sample.name, partial(self.cache.open, sample.image), labels.size_hw, labels.rings)

    def pictures(self, samples: Iterable[Sample]) -> list[LabelledPicture]:
        """Labelled samples as the training sets take them."""
        return [self.picture(sample) for sample in samples]

    def training_pictures(self) -> "list[LabelledPicture] | PhantomStream":
        """What networks learn from: the labelled pictures of the part train, or phantoms drawn on the way."""
        phantom = self.recipe.phantom
        if self.phantom and phantom.stream:
            from handbone.data.synthetic_stream import PhantomStream

            return PhantomStream(phantom.stream, phantom.variety, phantom.seed)
        return self.pictures(self.parts["train"])

    def read(self, step: str, file: str):
        """A JSON file that a finished step left."""
        return json.loads((self.folder.step(step) / file).read_text(encoding="utf-8"))

    def problems(self) -> list[dict]:
        """Pictures that could not be used, each with its file and what is wrong."""
        return self.read("pictures", "problems.json")

    def figures(self) -> dict[str, dict[str, float]]:
        """Headline figures: group of bones to stage to mean Dice; empty without labelled pictures to compare with."""
        return self.read("evaluation", "figures.json")
