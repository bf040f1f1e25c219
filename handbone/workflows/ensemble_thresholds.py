"""Thresholds of joined predictions: those of the members' runs, or the best ones on images that nobody learned from."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from handbone.anatomy import COUNT
from handbone.core.bone_probabilities import BoneProbabilities
from handbone.core.errors import HandboneError
from handbone.core.progress import track
from handbone.evaluation.metrics import dice_contest
from handbone.workflows.members import Member, RunMember

Join = Callable[[Mapping[str, BoneProbabilities]], BoneProbabilities]

# Thresholds that are tried, the usual one first, so that it wins ties.
_TRIED = (0.5, *(t for t in np.round(np.arange(0.25, 0.76, 0.05), 2).tolist() if t != 0.5))


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
    total = np.zeros((len(_TRIED), COUNT))
    for image, seers in track(sorted(unseen.items()), "Fitting thresholds"):
        said = {run.name: run.probabilities(image, (0, 0)) for run in seers}
        joined = join(said) if len(said) == len(members) else BoneProbabilities.mean(list(said.values()))
        ground_truth = seers[0].ground_truth(image)
        total += [dice_contest(ground_truth, joined.threshold(threshold)) for threshold in _TRIED]
    return np.array(_TRIED)[total.argmax(0)], len(unseen)
