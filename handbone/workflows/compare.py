"""Several recipes one after the other, each as `handbone run` does it, and what they score on the same images."""

import itertools
import re
import traceback
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from handbone.core.errors import HandboneError
from handbone.core.files import expanded, write_text
from handbone.core.progress import console
from handbone.evaluation.basis import headline_rows
from handbone.evaluation.comparison import Comparison, Score, compare_scores, same_images
from handbone.recipe.read import find_recipe
from handbone.recipe.schema import Network, Recipe
from handbone.report.comparison import write_comparison
from handbone.runs.context import Context
from handbone.runs.engine import Run, open_run
from handbone.runs.folder import RunFolder

_SEED = re.compile(r"_seed\d+$")


@dataclass(frozen=True)
class Entry:
    """A recipe of a comparison: its name, and its run, or why there can be none."""

    name: str
    run: Run | None
    error: str = ""

    @property
    def line(self) -> str:
        """The line that it belongs to: recipes whose names differ in `_seed2` alone are one."""
        return _SEED.sub("", self.name)

    def told(self, error: str) -> str:
        """An error as its line tells it: with the recipe's name where that is another one."""
        return error if self.line == self.name else f"{self.name}: {error}"


def find_recipes(names: Sequence[str]) -> list[Path]:
    """Recipes' files: those that are named, and of a folder all in the order of their names, but `_base.toml` and such.

    Raises
    ------
    HandboneError: a name that is none, or a folder without recipes.
    """
    found: list[Path] = []
    for name in names:
        folder = expanded(name)
        if not folder.is_dir():
            found.append(find_recipe(name))
            continue
        inside = [path for path in folder.glob("*.toml") if not path.name.startswith("_")]
        if not inside:
            raise HandboneError(
                "contains no recipes", where=folder, remedy="give a folder of TOML files, or names of recipes"
            )
        found += sorted(inside, key=lambda path: path.stem)
    return found


def open_entries(recipes: Sequence[Path], overrides: Sequence[str], output: Path) -> list[Entry]:
    """Read all recipes; their runs will lie in `output`, one folder each.

    Raises
    ------
    HandboneError: two recipes of one name, or whose runs would be one line's with the same seed.
    """
    entries = [_open(path, overrides, output) for path in recipes]
    seeds: dict[tuple[str, int], str] = {}
    for entry in entries:
        if sum(other.name == entry.name for other in entries) > 1:
            raise HandboneError(f"two recipes are named {entry.name!r}", remedy="rename one of them")
        if entry.run is None:
            continue
        twin = seeds.setdefault((entry.line, entry.run.recipe.seed), entry.name)
        if twin != entry.name:
            what = f"{twin} and {entry.name} have the same seed, {entry.run.recipe.seed}"
            raise HandboneError(what, remedy="change the seed of one of them")
    return entries


def _open(path: Path, overrides: Sequence[str], output: Path) -> Entry:
    try:
        run = open_run(str(path), overrides, output / path.stem)
    except HandboneError as error:
        console.print(f"[red]{path.stem} cannot run:[/red] {error}", highlight=False, soft_wrap=True)
        return Entry(path.stem, None, str(error))
    return Entry(path.stem, replace(run, recipe=_on_one_device(run.recipe)))


def _on_one_device(recipe: Recipe) -> Recipe:
    """The recipe with trainings on one device: more would start this whole comparison again, once a device."""

    def one(network: Network) -> Network:
        return network.model_copy(update={"train": network.train.model_copy(update={"devices": 1, "nodes": 1})})

    refine = recipe.refine and one(recipe.refine)
    return recipe.model_copy(update={"coarse": one(recipe.coarse), "refine": refine})


def compare(entries: Sequence[Entry], output: Path) -> Comparison:
    """Run every recipe, or what is left to do of it, and write `compare.csv`, `compare.md` and `compare.png`.

    What several recipes make from the same (synthetic hands, coarse networks) is made once. A recipe that fails keeps
    its line with the reason, and the others go on.

    Raises
    ------
    KeyboardInterrupt: the patient stopped it; the same call goes on where it was.
    """
    scores: dict[str, list[Score]] = {entry.line: [] for entry in entries}
    errors: dict[str, list[str]] = {entry.line: [] for entry in entries}
    folders = [entry.run.folder for entry in entries if entry.run is not None]
    reference: tuple[str, pd.DataFrame] | None = None
    for number, entry in enumerate(entries, start=1):
        if entry.run is None:
            errors[entry.line].append(entry.told(entry.error))
            continue
        console.rule(f"{number}/{len(entries)} {entry.name}", align="left")
        try:
            score = _score(entry.run, folders)
            reference = reference or (entry.name, score.rows)
            if not same_images(reference[1], score.rows):
                raise HandboneError(
                    f"its images differ from those of {reference[0]}",
                    remedy="give both recipes the same data, synthetic seed and split",
                )
        except Exception as error:
            # Whatever it is, a night's other recipes must not be lost to it.
            reason = _reason(error, output / entry.name)
            errors[entry.line].append(entry.told(reason))
            console.print(f"[red]{entry.name} failed:[/red] {reason}", highlight=False, soft_wrap=True)
        else:
            scores[entry.line].append(score)
    comparison = compare_scores(scores, errors)
    write_comparison(comparison, output)
    return comparison


def _score(run: Run, folders: Sequence[RunFolder]) -> Score:
    with run.folder.locked():
        for planned, other in itertools.product(run.plan(), folders):
            run.folder.link_from(planned.step.name, planned.fingerprint, other)
    run.execute()
    context = run.context()
    rows = headline_rows(pd.read_csv(run.folder.step("evaluation") / "metrics.csv", dtype={"patient_id": str}))
    if not len(rows):
        raise HandboneError("no image has labels to compare with", where=run.recipe.data.path)
    networks = {"coarse": run.recipe.coarse, "refiner": run.recipe.refine}
    trained = {step: network for step, network in networks.items() if network is not None and network.train.epochs}
    seen = [_seen(context, step, network) for step, network in trained.items()]
    return Score(
        rows,
        seen=sum(images for images, _ in seen),
        megapixels=sum(pixels for _, pixels in seen) / 1e6,
        minutes=sum(run.folder.seconds(step) for step in trained) / 60,
        seconds=_seconds(context),
    )


def _seen(context: Context, step: str, network: Network) -> tuple[int, int]:
    """Images that a network was trained on, each as often as it came, and the pixels of them that it read."""
    sizes = pd.read_csv(context.step(step) / "history.csv")["size"]
    drawn = context.recipe.synthetic.stream if context.synthetic else 0
    epoch = network.train.samples_per_image * (drawn or len(context.read("images", "splits.json")["train"]))
    return len(sizes) * epoch, int((sizes**2).sum()) * epoch


def _seconds(context: Context) -> float:
    """Time to predict an image; the median, which a pause of the machine does not change."""
    splits = context.read("images", "splits.json")
    names = [*splits["validation"], *splits["test"]]
    records = [context.read("predictions", f"images/{name}.json") for name in names]
    return float(np.median([sum(record["seconds"].values()) for record in records]))


def _reason(error: Exception, folder: Path) -> str:
    if isinstance(error, HandboneError):
        return str(error)
    write_text(folder / "error.txt", "".join(traceback.format_exception(error)))
    first = (str(error).strip().splitlines() or [""])[0]
    return f"{type(error).__name__}: {first}; {folder / 'error.txt'} has the whole message"
