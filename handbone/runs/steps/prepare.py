"""The steps before any network: a phantom set where there is no data, every picture decoded once, people divided."""

import shutil
from pathlib import Path

from handbone.core.errors import HandboneError
from handbone.core.files import write_json
from handbone.core.progress import console, track
from handbone.core.samples import Sample, relative_to
from handbone.data.split import split_people
from handbone.runs.context import Context
from handbone.synthetic.write import write_contest_set


def draw_phantoms(context: Context, part: Path) -> None:
    """Draw the phantom set in the contest's layout into `set/`; `stream.json`: what is drawn while networks train."""
    phantom = context.recipe.phantom
    # An attempt that was stopped once the set was whole.
    shutil.rmtree(part / "set", ignore_errors=True)
    write_contest_set(
        part / "set",
        train=phantom.train,
        test=phantom.test,
        size=phantom.size,
        seed=phantom.seed,
        variety=phantom.variety,
        test_bent=phantom.test_bent,
        test_spread=phantom.test_spread,
    )
    write_json(part / "stream.json", {"count": phantom.stream, "variety": phantom.variety, "seed": phantom.seed})


def read_pictures(context: Context, part: Path) -> None:
    """Decode and read labels once, leave out what cannot be used, and divide people into training and validation.

    Raises
    ------
    HandboneError: no labelled picture is left to train on or to validate with.
    """
    dataset, problems, usable = context.dataset, [], []
    for sample in track(dataset.samples, "Reading pictures"):
        try:
            context.cache.open(sample.image)
            if sample.annotation is not None:
                dataset.labels(sample)
            usable.append(sample)
        except HandboneError as error:
            problems.append({"file": relative_to(sample.image, dataset.root), "message": str(error)})
    for problem in problems:
        console.print(f"[yellow]left out[/yellow] {problem['file']}: {problem['message']}", highlight=False)
    training = [s for s in usable if s.part == "train" and s.annotation is not None]
    if not training:
        raise HandboneError(
            f"none of the {len(dataset)} pictures has labels to train on",
            where=dataset.root,
            remedy="use 'handbone predict' for pictures alone, or 'handbone data check' to see what is wrong",
        )
    if context.stream is not None:
        train, validation = [], training  # what is trained on is drawn on the way
    else:
        train, validation = split_people(dataset, training, context.recipe.split)
    parts = {"train": train, "validation": validation, "test": [s for s in usable if s.part == "test"]}
    write_json(part / "parts.json", {name: _names(samples) for name, samples in parts.items()})
    write_json(part / "problems.json", problems)
    counts = ", ".join(f"{len(samples)} {name}" for name, samples in parts.items())
    console.print(f"{counts}; {len(problems)} left out")


def _names(samples: list[Sample]) -> list[str]:
    return [sample.name for sample in samples]
