"""A recipe's run from Python."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from handbone.networks import runtime

if TYPE_CHECKING:
    from handbone.runs.plan import Result


def run(recipe: str | Path, *, overrides: Sequence[str] = (), output: str | Path | None = None) -> "Result":
    """Run a recipe as `handbone run` does: train, predict, refine, merge, evaluate and report.

    The same call goes on where it was stopped, and repeats only the steps whose inputs changed.

    Parameters
    ----------
    recipe: a TOML file, or the name of a built-in recipe.
    overrides: changed keys, such as "coarse.train.epochs=3".
    output: the run's folder; by default runs/NAME.

    Returns
    -------
    Its `folder`, `metrics`, `seconds` by step, `peak_memory_gb`, and `problems`: images that could not be used.

    Raises
    ------
    HandboneError: a mistake in the recipe, data that cannot be read, or another process at work on the run.
    """
    runtime.prepare()
    # Late, so that torch is imported after the memory is set up.
    from handbone.runs.engine import open_run

    return open_run(str(recipe), overrides, None if output is None else Path(output)).execute()
