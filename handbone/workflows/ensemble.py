"""Several predictions to one: joined by names, image by image, with as little in memory as one image takes."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np

from handbone import __version__
from handbone.anatomy import COUNT, NAMES
from handbone.core.errors import HandboneError, UnknownNameError
from handbone.core.files import write_json
from handbone.core.progress import track
from handbone.core.rle import Cells
from handbone.formats.contest_csv import PredictionsWriter
from handbone.method.ensembling.methods import best_of, shares_of
from handbone.method.ensembling.rle_vote import vote_runs
from handbone.plugins import installed_plugins, registry
from handbone.plugins.manager import BUILTIN
from handbone.plugins.provenance import provenance
from handbone.recipe.schema import Choice
from handbone.runs.load_run import TABLE
from handbone.workflows.ensemble_thresholds import Join
from handbone.workflows.members import Member, RunMember, known_size
from handbone.workflows.prediction_file import FileMember
from handbone.workflows.results import Results

RECORD_FILE = "ensemble.json"
SCHEMA = "handbone.ensemble/1"
Missing = Literal["refuse", "skip", "without"]

# The one method that is no ensembler: it needs the runs' validation metrics to choose by.
BEST = "best"
# What decides between two packages with a method of one name.
_DECIDE = "--set from={package}"


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
) -> dict[str, Any]:
    """Write `predictions.csv` and `ensemble.json` to a folder, whole or not at all; gives `ensemble.json`'s content.

    Parameters
    ----------
    thresholds: (29,) probability from which a pixel belongs to each bone. sizes: of images that were measured.
    by_runs: (29,) shares of the votes and the members' weights, where files are joined by counting; see `counted`.
    overwrite: whether an earlier ensemble may go.

    Raises
    ------
    HandboneError: not one mask comes of it, or the folder holds what must not go.
    """
    masks, failed = 0, {}
    with (
        results.fill(overwrite=overwrite, names=[TABLE, RECORD_FILE]) as work,
        PredictionsWriter(work / TABLE) as table,
    ):
        covers = {member.name: set(member.names) for member in members}
        for image in track(images, "Joining"):
            here = [member for member in members if image in covers[member.name]]
            size = known_size(image, here, sizes)
            try:
                if by_runs is not None:
                    cells = _vote([m for m in here if isinstance(m, FileMember)], image, size, *by_runs)
                else:
                    cells = _joined(here, image, size, join, thresholds)
            except HandboneError as error:  # one image must not cost the others
                failed[image] = str(error)
                continue
            table.write_cells(image, cells, size_hw=size)
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
        write_json(work / RECORD_FILE, record)
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


def _vote(
    members: Sequence[FileMember],
    image: str,
    size_hw: tuple[int, int],
    at_least: np.ndarray,
    weights: dict[str, float],
) -> Cells:
    """The 29 run lengths on which enough of the members that have a bone agree; None where none has it."""
    told = [(member.cells(image, size_hw), weights[member.name]) for member in members]
    joined: Cells = []
    try:
        for bone in range(COUNT):
            said = [(text, share) for cells, share in told if (text := cells[bone]) is not None]
            texts, shares = [text for text, _ in said], [share for _, share in said]
            joined.append(vote_runs(texts, shares, at_least[bone], size_hw) if said else None)
    except HandboneError as error:
        for member in members:
            member.masks(image, size_hw)
        raise error
    return joined


def _joined(
    members: Sequence[Member], image: str, size_hw: tuple[int, int], join: Join, thresholds: np.ndarray
) -> Cells:
    """The 29 run lengths of the members' probabilities joined, each bone from those that have it; None without any."""
    said = {member.name: member.probabilities(image, size_hw) for member in members}
    of_bone = list(zip(*(_bones(member, image) for member in members), strict=True))
    joined: Cells = [None] * COUNT
    for having in set(of_bone):
        if any(having):
            some = {member.name: said[member.name] for member, has in zip(members, having, strict=True) if has}
            texts = join(some).threshold(thresholds).to_rle()
            joined = [texts[b] if of_bone[b] == having else joined[b] for b in range(COUNT)]
    return joined


def _bones(member: Member, image: str) -> tuple[bool, ...]:
    """Of which bones a member says anything."""
    return member.bones(image) if isinstance(member, FileMember) else (True,) * COUNT
