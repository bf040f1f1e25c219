"""What a run's recipe, radiographs and steps offer: all of it to other commands, and to a step what it has declared."""

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from handbone.core.errors import HandboneError
from handbone.core.samples import Sample
from handbone.data.cache import ImageCache
from handbone.data.dataset import Dataset, open_dataset
from handbone.data.labelled_image import LabelledImage
from handbone.recipe.keys import UndeclaredError, only
from handbone.recipe.schema import Data, Recipe
from handbone.runs.folder import RunFolder

if TYPE_CHECKING:
    from handbone.data.synthetic_stream import SyntheticStream

#: What a step names that reads the radiographs with their labels, given or drawn.
DATA = "data"
#: The step that draws them, in a run without own ones.
DRAWN = "synthetic"


@dataclass(frozen=True)
class Context:
    """A run while it is carried out, or when it is done.

    Parameters
    ----------
    synthetic: whether its radiographs are drawn. own: else the user's.
    steps: the names of its recipe's steps; None: whatever its folder holds.
    """

    recipe: Recipe
    folder: RunFolder
    synthetic: bool
    own: Dataset | None = field(repr=False)
    steps: frozenset[str] | None = None

    @cached_property
    def dataset(self) -> Dataset:
        """The user's radiographs, or the synthetic ones once they are drawn."""
        return self.own or open_dataset(Data(path=str(self.step(DRAWN) / "set"), layout="contest"))

    @cached_property
    def cache(self) -> ImageCache:
        """Decoded radiographs."""
        return ImageCache(self.recipe.data.cache, invert=self.dataset.invert)

    def step(self, name: str) -> Path:
        """The folder of what an earlier step left."""
        return self.folder.step(name)

    def read(self, step: str, file: str) -> Any:
        """A JSON file that a finished step left.

        Raises
        ------
        HandboneError: it is missing or damaged.
        """
        path = self.step(step) / file
        try:
            return json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            remedy = "give the same 'handbone run' again, which makes it anew"
            raise HandboneError("is missing or damaged", where=path, remedy=remedy) from None

    def find(self, step: str, file: str) -> Any:
        """As `read`, or None where this run has no such step, or the step left no such file."""
        return self.read(step, file) if self.has(step) and (self.step(step) / file).exists() else None

    def has(self, step: str) -> bool:
        """Whether this run has a step; what an earlier recipe has left in the same folder does not count."""
        return (self.steps is None or step in self.steps) and self.step(step).is_dir()

    def seconds(self, step: str) -> float:
        """How long a step took; 0 where this run has none of that name."""
        return self.folder.seconds(step) if self.has(step) else 0.0

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

    @property
    def stream(self) -> "SyntheticStream | None":
        """Synthetic hands that are drawn while networks train, where the recipe asks for them."""
        if not self.synthetic or not (told := self.read(DRAWN, "stream.json"))["count"]:
            return None
        from handbone.data.synthetic_stream import SyntheticStream

        return SyntheticStream(told["count"], told["variety"], told["seed"])

    def training_images(self) -> "list[LabelledImage] | SyntheticStream":
        """What networks learn from: synthetic hands drawn on the way, or the labelled samples of the part train."""
        return self.stream or self.images(self.splits["train"])

    def problems(self) -> list[dict]:
        """Radiographs that could not be used, each with its file and what is wrong."""
        return self.read("images", "problems.json")

    def metrics(self) -> dict[str, dict[str, float]]:
        """Headline metrics: group of bones to stage to mean Dice; empty without labels to compare with."""
        return self.read("evaluation", "headlines.json")

    def narrowed(self, step: str, *, reads: Iterable[str], inputs: Iterable[str]) -> "Context":
        """What a step is given that declares these recipe keys and earlier steps."""
        return _StepContext(self, step, only(self.recipe, reads), frozenset(inputs))


class _StepContext(Context):
    """The part of a run that a step has declared; asking for anything else raises `UndeclaredError`."""

    _whole: Context
    _step: str
    _inputs: frozenset[str]

    def __init__(self, whole: Context, step: str, recipe: Recipe, inputs: frozenset[str]):
        vars(self).update(_whole=whole, _step=step, recipe=recipe, _inputs=inputs)

    @property
    def folder(self) -> RunFolder:
        raise UndeclaredError(f"the step {self._step!r} asks for the run's folder; ask for inputs by name")

    @property
    def synthetic(self) -> bool:
        return self._declared(DATA).synthetic

    @property
    def dataset(self) -> Dataset:
        return self._declared(DATA).dataset

    @property
    def cache(self) -> ImageCache:
        return self._declared(DATA).cache

    def step(self, name: str) -> Path:
        return self._declared(name).step(name)

    def has(self, step: str) -> bool:
        return self._declared(step).has(step)

    def seconds(self, step: str) -> float:
        return self._declared(step).seconds(step)

    def _declared(self, name: str) -> Context:
        """The run, of which the step may see this input."""
        if (DATA if name == DRAWN else name) not in self._inputs:
            raise UndeclaredError(f"the step {self._step!r} asks for {name!r}; add it to its inputs")
        return self._whole
