"""A step of a run as a value: what it does, and everything that its results depend on."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from handbone.recipe.keys import covers, recipe_keys
from handbone.recipe.schema import Network, Recipe
from handbone.runs.context import Context

#: The keys on which it depends how own radiographs are found and read.
DATA_KEYS = ("data.layout", "data.annotations", "data.rle", "data.empty_labels", "data.class_map", "data.invert")


@dataclass(frozen=True)
class Step:
    """One step of a run.

    Its work is given these keys and inputs and can ask for no others. Its fingerprint is made from them: the values of
    the keys, the content of files that they name, the versions of plugins that they name, and the inputs' fingerprints.

    Parameters
    ----------
    name: its folder's name; where several steps share it, a recipe has at most one of them.
    summary: what it does, for users.
    work: does it, given the context and the folder to fill.
    reads: recipe keys and whole tables that its results depend on.
    ignores: keys among them that say where and how fast the work is done, and do not count.
    inputs: the earlier steps that it reads, and DATA.
    sizes: what it works on, for the plan.
    publishes: (file in its folder, file in the run's folder) pairs.
    needed: whether a recipe, with own data or a synthetic set, has this step.
    trains: the network that it trains, if any.
    shared: whether several processes share a recipe's work.
    revision: counted up when its code gives other results for the same settings.
    """

    name: str
    summary: str
    work: Callable[[Context, Path], None]
    reads: tuple[str, ...] = ()
    ignores: tuple[str, ...] = ()
    inputs: tuple[str, ...] = ()
    sizes: Callable[[Recipe], str] = lambda recipe: ""
    publishes: tuple[tuple[str, str], ...] = ()
    needed: Callable[[Recipe, bool], bool] = lambda recipe, synthetic: True
    trains: Callable[[Recipe], Network | None] = lambda recipe: None
    shared: Callable[[Recipe], bool] = lambda recipe: False
    revision: int = 1

    def carry_out(self, run: Context, folder: Path) -> None:
        """Do the work with what the step declares of a run, and nothing else."""
        self.work(run.narrowed(self.name, reads=self.reads, inputs=self.inputs), folder)

    @property
    def counted(self) -> tuple[str, ...]:
        """The keys whose change does the step again, one by one."""
        return tuple(key for key in recipe_keys() if covers(self.reads, key) and not covers(self.ignores, key))
