"""Runs that are done: found, and opened for what they left."""

import json
import os
from pathlib import Path

from handbone.core.errors import HandboneError
from handbone.data.dataset import open_dataset
from handbone.recipe.load import load_recipe
from handbone.recipe.schema import Data
from handbone.runs.context import Context
from handbone.runs.folder import RunFolder

TABLE, MANIFEST = "predictions.csv", "manifest.json"


def is_finished_run(folder: Path) -> bool:
    """Whether a folder holds a run that has come to its end."""
    return (folder / MANIFEST).is_file() and (folder / TABLE).is_file()


def finished_run(folder: Path) -> Context:
    """A finished run with its recipe, its images and what its steps left.

    Raises
    ------
    HandboneError: no finished run there, its manifest is damaged, or its images are gone.
    """
    if not is_finished_run(folder):
        remedy = "give the folder of a finished 'handbone run'"
        raise HandboneError("there is no finished run", where=folder, remedy=remedy)
    try:
        synthetic = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))["data"] == "synthetic"
    except (OSError, ValueError, KeyError, TypeError):
        remedy = "give the same 'handbone run' again, which writes it anew"
        raise HandboneError("is damaged", where=folder / MANIFEST, remedy=remedy) from None
    recipe = load_recipe(folder / "recipe.toml").recipe
    drawn = RunFolder(folder).step("synthetic") / "set"
    data = Data(path=str(drawn), layout="contest") if synthetic else recipe.data
    if not Path(data.path).exists():
        remedy = "run the command in the folder in which the run was started"
        raise HandboneError("the run's images were not found", where=data.path, remedy=remedy)
    return Context(recipe, RunFolder(folder), synthetic, open_dataset(data))


def latest_run() -> Path:
    """The run that was finished last in the folder of runs.

    Raises
    ------
    HandboneError: there is none.
    """
    root = Path(os.environ.get("HANDBONE_RUNS", "runs"))
    finished = [path for path in root.glob(f"*/{MANIFEST}") if is_finished_run(path.parent)]
    if not finished:
        remedy = "start one with 'handbone run', choose one with --run, or use --coarse FILE.csv --images FOLDER"
        raise HandboneError("there is no finished run", where=root, remedy=remedy)
    return max(finished, key=lambda path: path.stat().st_mtime).parent
