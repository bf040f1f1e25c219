"""The steps before any network: a synthetic set where there is no data, every image decoded once, patients divided."""

import shutil
from pathlib import Path

from handbone.core.errors import HandboneError
from handbone.core.escaping import markup
from handbone.core.files import write_json
from handbone.core.progress import console, track
from handbone.core.samples import Sample, relative_to
from handbone.data.audit.label_shapes import boxes, percent
from handbone.data.audit.turned import turned_alike
from handbone.data.split import split_patients
from handbone.runs.context import Context
from handbone.synthetic.write import write_contest_set


def draw_synthetic_hands(context: Context, workdir: Path) -> None:
    """Draw the synthetic set in the contest layout into `set/`; `stream.json`: what is drawn while networks train."""
    synthetic = context.recipe.synthetic
    # An attempt that was stopped once the set was whole.
    shutil.rmtree(workdir / "set", ignore_errors=True)
    write_contest_set(
        workdir / "set",
        train=synthetic.train,
        test=synthetic.test,
        size=synthetic.size,
        seed=synthetic.seed,
        variety=synthetic.variety,
        test_bent=synthetic.test_bent,
        test_spread=synthetic.test_spread,
    )
    write_json(
        workdir / "stream.json", {"count": synthetic.stream, "variety": synthetic.variety, "seed": synthetic.seed}
    )


def read_images(context: Context, workdir: Path) -> None:
    """Decode and read labels once, leave out what cannot be used, and divide patients into training and validation.

    Raises
    ------
    HandboneError: no labelled image is left to train on or to validate with.
    """
    dataset, problems, usable = context.dataset, [], []
    for sample in track(dataset.samples, "Reading images"):
        try:
            context.cache.open(sample.image)
            if sample.annotation is not None:
                dataset.labels(sample)
            usable.append(sample)
        except HandboneError as error:
            problems.append({"file": relative_to(sample.image, dataset.root), "message": str(error)})
    for problem in problems:
        told = markup(f"{problem['file']}: {problem['message']}")
        console.print(f"[yellow]left out[/yellow] {told}", highlight=False)
    for found in filter(None, (whole(dataset, usable) for whole in (turned_alike, boxes, percent))):
        console.print(f"[yellow]warning[/yellow] {markup(f'{found.message}; {found.remedy}')}", highlight=False)
    training = [s for s in usable if s.split == "train" and s.annotation is not None]
    if not training:
        raise HandboneError(
            f"none of the {len(dataset)} images has labels for training",
            where=dataset.root,
            remedy="use 'handbone predict' for images without labels, or 'handbone data check' to find the problem",
        )
    if context.stream is not None:
        train, validation = training[:0], training  # what is trained on is drawn on the way
    else:
        train, validation = split_patients(dataset, training, context.recipe.split)
    splits = {"train": train, "validation": validation, "test": [s for s in usable if s.split == "test"]}
    write_json(workdir / "splits.json", {name: _names(samples) for name, samples in splits.items()})
    write_json(workdir / "problems.json", problems)
    counts = ", ".join(f"{len(samples)} {name}" for name, samples in splits.items())
    console.print(f"{counts}; {len(problems)} left out")


def _names(samples: list[Sample]) -> list[str]:
    return [sample.name for sample in samples]
