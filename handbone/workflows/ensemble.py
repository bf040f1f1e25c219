"""Several predictions to one: joined by names, image by image, with as little in memory as one image takes."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np

from handbone import __version__
from handbone.anatomy import COUNT, NAMES
from handbone.core.bone_probabilities import BoneProbabilities
from handbone.core.errors import HandboneError, UnknownNameError
from handbone.core.files import write_json
from handbone.core.progress import track
from handbone.core.rle_reading import RleReading
from handbone.formats.contest_csv import PredictionsWriter
from handbone.method.ensembling.methods import best_of, shares_of
from handbone.plugins import installed_plugins, registry
from handbone.plugins.manager import BUILTIN
from handbone.plugins.provenance import provenance
from handbone.recipe.schema import Choice
from handbone.runs.load_run import TABLE
from handbone.workflows.joining import Join, joining_work
from handbone.workflows.members import Member, RunMember, open_members
from handbone.workflows.prediction_file import FileMember
from handbone.workflows.results import Results
from handbone.workflows.tasks import Crew, Failed, here

RECORD_FILE = "ensemble.json"
SCHEMA = "handbone.ensemble/1"
Missing = Literal["refuse", "skip", "without"]

# The one method that is no ensembler: it needs the runs' validation metrics to choose by.
BEST = "best"
# What decides between two packages with a method of one name.
_DECIDE = "--set from={package}"
# Thresholds that are tried, the usual one first, so that it wins ties.
_TRIED = (0.5, *(t for t in np.round(np.arange(0.25, 0.76, 0.05), 2).tolist() if t != 0.5))


def resolve(name: str, settings: dict[str, Any], members: Sequence[Member]) -> tuple[str, dict[str, Any]]:
    """What is joined by: `best` becomes class_wise, each bone from the run that did best on validation images.

    Raises
    ------
    HandboneError: `best` with members that are no runs, or with settings.
    """
    if name != BEST:
        return name, settings
    if settings:
        what = f"{BEST!r} has no settings, but got {', '.join(sorted(settings))}"
        raise HandboneError(what, where="--set", remedy="only class_wise takes choices")
    others = [member.name for member in members if not isinstance(member, RunMember)]
    if others:
        what = f"there are no validation metrics of {', '.join(others)}"
        raise HandboneError(what, remedy=f"{BEST!r} joins runs only; use mean, vote or class_wise")
    choices = best_of({m.name: m.bone_scores() for m in members if isinstance(m, RunMember)})
    return "class_wise", {"choices": choices, "from": BUILTIN}


def build_method(name: str, settings: dict[str, Any]) -> Join:
    """The registered ensembler of a name, with its settings.

    Raises
    ------
    UnknownNameError, HandboneError: an unknown name or setting.
    """
    if name not in method_names():
        raise UnknownNameError("method", name, method_names(), where="--method")
    spec, checked = registry().get("ensembler", Choice(name=name, **settings), where="--method", decide=_DECIDE)
    return spec.build(checked)


def reopen(
    words: Sequence[str], reading: RleReading | None, name: str, settings: dict[str, Any]
) -> tuple[list[Member], Join]:
    """The members and the method once more, as for another process; parameters as `open_members` and `build_method`."""
    return open_members(words, reading=reading), build_method(name, settings)


def method_names() -> list[str]:
    """What `--method` takes: the registered ensemblers and `best`, sorted."""
    return sorted({BEST, *(provided.spec.name for provided in installed_plugins().provided("ensembler"))})


def common_images(members: Sequence[Member], missing: Missing) -> list[str]:
    """The images to join, sorted.

    Raises
    ------
    HandboneError: members that don't cover the same images, where that is refused; nothing in common.
    """
    covers = {member.name: set(member.names) for member in members}
    if empty := [name for name, images in covers.items() if not images]:
        raise HandboneError(f"{', '.join(empty)} has no image", remedy="check its file, or leave it out")
    every, shared = set.union(*covers.values()), set.intersection(*covers.values())
    if missing == "refuse" and every != shared:
        name = min(covers, key=lambda n: len(covers[n]))
        absent = sorted(every - covers[name])
        what = f"{name} lacks {len(absent)} of {len(every)} images, such as {absent[0]}"
        raise HandboneError(
            what, remedy="use --missing skip to omit such images, or --missing without to combine the other members"
        )
    chosen = every if missing == "without" else shared
    if not chosen:
        raise HandboneError("no image is in all members", remedy="images are matched by their names")
    return sorted(chosen)


def check_absent(missing: Missing, method: str, settings: dict[str, Any]) -> None:
    """Refuse to join without members that the method's settings name: an image that lacks one could not be joined.

    Raises
    ------
    HandboneError: `--missing without` beside weights, choices or the best member.
    """
    if missing == "without" and (method == BEST or settings.keys() & {"weights", "choices", "otherwise"}):
        what = f"the settings of {method!r} name members that some images may lack"
        raise HandboneError(what, where="--missing without", remedy="use --missing skip, or remove those settings")


def ensemble_results(folder: Path) -> Results:
    """The output folder of `join_members`.

    Raises
    ------
    HandboneError: there is something else than a folder.
    """
    return Results.at(folder, "joined predictions")


def join_members(
    members: Sequence[Member],
    join: Join,
    results: Results,
    *,
    images: Sequence[str],
    sizes: dict[str, tuple[int, int]],
    thresholds: np.ndarray,
    facts: dict[str, Any],
    by_runs: tuple[np.ndarray, dict[str, float]] | None = None,
    overwrite: bool = False,
    crew: Crew = here,
    again: Callable[[], tuple[Sequence[Member], Join]] | None = None,
    shards: Sequence[Path] = (),
) -> dict[str, Any]:
    """Write `predictions.csv` and `ensemble.json` to a folder, whole or not at all; gives `ensemble.json`'s content.

    Parameters
    ----------
    thresholds: (29,) probability from which a pixel belongs to each bone. sizes: of images that were measured.
    by_runs: (29,) shares of the votes and the members' weights, where files are joined by counting; see `counted`.
    overwrite: whether an earlier ensemble may go.
    crew: who does the work. again: gives other processes the members and the method.
    shards: folders of all shards, which have joined already; see `joining_work`.

    Raises
    ------
    HandboneError: not one mask comes of it, or the folder holds what must not go.
    """
    masks, failed = 0, {}
    with (
        results.fill(overwrite=overwrite, names=[TABLE, RECORD_FILE]) as folder,
        PredictionsWriter(folder / TABLE) as table,
    ):
        work = joining_work(
            members, join, images=images, sizes=sizes, thresholds=thresholds, by_runs=by_runs, again=again
        )
        for each, found in work.results(crew, shards):
            if isinstance(found, Failed):
                failed[each.image] = found.error
                continue
            cells, size = found
            table.write_cells(each.image, cells, size_hw=size)
            masks += sum(map(bool, cells))
        if not masks:
            why = f": {next(iter(failed.values()))}" if failed else ""
            remedy = "check the predictions of each member"
            raise HandboneError(f"these members give no mask at all{why}", remedy=remedy)
        record = {
            "schema": SCHEMA,
            "handbone": __version__,
            "plugins": provenance(registry()),
            **facts,
            "members": {member.name: len(member.names) for member in members},
            "images": len(images) - len(failed),
            "failed": failed,
            "masks": masks,
            "thresholds": dict(zip(NAMES, np.round(thresholds, 3).tolist(), strict=True)),
            "not_a_medical_device": True,
        }
        write_json(folder / RECORD_FILE, record)
    return record


def counted(
    name: str, settings: dict[str, Any], members: Sequence[Member], thresholds: np.ndarray
) -> tuple[np.ndarray, dict[str, float]] | None:
    """What `join_members` takes as `by_runs`, where the built-in mean or vote joins nothing but files; else None.

    A vote on run lengths gives the same masks many times faster. The mean of masks is a vote, too: of the threshold.
    """
    if name not in ("mean", "vote") or not all(isinstance(member, FileMember) for member in members):
        return None
    choice = Choice(name=name, **settings)
    if registry().provider("ensembler", choice, where="--method", decide=_DECIDE).package != BUILTIN:
        return None
    _, checked = registry().get("ensembler", choice)
    weights = shares_of((member.name for member in members), checked.weights)
    return (thresholds if name == "mean" else np.full(COUNT, checked.at_least)), weights


def own_thresholds(name: str, members: Sequence[Member]) -> np.ndarray:
    """(29,) the threshold of the members' runs where all are runs of the same one; 0.5 for votes and for files."""
    own = {member.context.recipe.predict.threshold for member in members if isinstance(member, RunMember)}
    alike = len(own) == 1 and all(isinstance(member, RunMember) for member in members) and name != "vote"
    return np.full(COUNT, own.pop() if alike else 0.5)


def fit_thresholds(members: Sequence[Member], join: Join) -> tuple[np.ndarray, int]:
    """(29,) the thresholds with the highest mean Dice on validation images, and how many images these were.

    Each image is joined from those runs only that did not learn from it, so that folds may be mixed.

    Raises
    ------
    HandboneError: no run among the members has labelled validation images.
    """
    runs = [member for member in members if isinstance(member, RunMember)]
    unseen: dict[str, list[RunMember]] = {}
    for run in runs:
        for image in run.validation():
            unseen.setdefault(image, []).append(run)
    if not unseen:
        raise HandboneError("no member has labelled validation images", remedy="thresholds can only be fitted on runs")
    from handbone.evaluation.metrics import dice_contest  # late, as it imports scipy

    total = np.zeros((len(_TRIED), COUNT))
    for image, seers in track(sorted(unseen.items()), "Fitting thresholds"):
        said = {run.name: run.probabilities(image, (0, 0)) for run in seers}
        joined = join(said) if len(said) == len(members) else BoneProbabilities.mean(list(said.values()))
        ground_truth = seers[0].ground_truth(image)
        total += [dice_contest(ground_truth, joined.threshold(threshold)) for threshold in _TRIED]
    return np.array(_TRIED)[total.argmax(0)], len(unseen)
