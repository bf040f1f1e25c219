"""One image of several predictions to one: by a method on probabilities, or by counting votes on run lengths."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from handbone.anatomy import COUNT
from handbone.core.bone_probabilities import BoneProbabilities
from handbone.core.errors import HandboneError, UnknownNameError
from handbone.core.rle import Cells
from handbone.method.ensembling.rle_vote import vote_runs
from handbone.workflows.divided import Work
from handbone.workflows.members import Member, known_size
from handbone.workflows.prediction_file import FileMember

Join = Callable[[Mapping[str, BoneProbabilities]], BoneProbabilities]


@dataclass(frozen=True)
class ToJoin:
    """An image to join, and its size where it was measured."""

    image: str
    size_hw: tuple[int, int] | None

    def __str__(self) -> str:
        return self.image


def joining_work(
    members: Sequence[Member],
    join: Join,
    *,
    images: Sequence[str],
    sizes: dict[str, tuple[int, int]],
    thresholds: np.ndarray,
    by_runs: tuple[np.ndarray, dict[str, float]] | None = None,
    again: Callable[[], tuple[Sequence[Member], Join]] | None = None,
) -> Work[ToJoin, tuple[Cells, tuple[int, int]]]:
    """The work of `handbone.workflows.ensemble.join_members`, whose parameters these are, before any of it is done."""
    prepare = partial(joining, again or (lambda: (members, join)), thresholds, by_runs)
    asked = [ToJoin(image, sizes.get(image)) for image in images]
    return Work(prepare, asked, "Joining", list, lambda kept: (kept[0], tuple(kept[1])))


def joining(
    open_all: Callable[[], tuple[Sequence[Member], Join]],
    thresholds: np.ndarray,
    by_runs: tuple[np.ndarray, dict[str, float]] | None,
) -> Callable[[ToJoin], tuple[Cells, tuple[int, int]]]:
    """What joins one image: to 29 run lengths, and the size of its masks."""
    members, join = open_all()
    covers = {member.name: set(member.names) for member in members}

    def join_one(work: ToJoin) -> tuple[Cells, tuple[int, int]]:
        having = [member for member in members if work.image in covers[member.name]]
        size = work.size_hw or known_size(work.image, having, {})
        if by_runs is not None:
            return _vote([m for m in having if isinstance(m, FileMember)], work.image, size, *by_runs), size
        return _joined(having, work.image, size, join, thresholds), size

    return join_one


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
            texts = _join_some(join, some, said).threshold(thresholds).to_rle()
            joined = [texts[b] if of_bone[b] == having else joined[b] for b in range(COUNT)]
    return joined


def _join_some(
    join: Join, some: Mapping[str, BoneProbabilities], every: Mapping[str, BoneProbabilities]
) -> BoneProbabilities:
    """Some members joined; where the method's settings name another one, the mean of these stands in for it."""
    try:
        return join(some)
    except UnknownNameError:
        if len(some) == len(every):
            raise
        mean = BoneProbabilities.mean(list(some.values()))
        return join({name: some.get(name, mean) for name in every})


def _bones(member: Member, image: str) -> tuple[bool, ...]:
    """Of which bones a member says anything."""
    return member.bones(image) if isinstance(member, FileMember) else (True,) * COUNT
