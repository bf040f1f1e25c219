"""The built-in ways of joining predictions. Masks count as probabilities of 0 and 1, so runs and foreign files mix."""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping

import numpy as np

from handbone.anatomy import COUNT, NAMES, select
from handbone.core.bone_probabilities import BoneProbabilities
from handbone.core.box import Box
from handbone.core.errors import HandboneError, UnknownNameError
from handbone.method.ensembling.ballots import ballots_of, needed

Members = Mapping[str, BoneProbabilities]
# Stored probabilities from which a member sees bone: half of 255, rounded up.
_SEEN = 128


def soft_mean(members: Members, weights: Mapping[str, float] | None = None) -> BoneProbabilities:
    """The weighted mean of probabilities; of masks, the share of members that see bone.

    Parameters
    ----------
    members: name to probabilities of one image.
    weights: name to weight; 1 for members without one.

    Raises
    ------
    HandboneError: for none, images of different sizes, or weights without a sum; UnknownNameError for a weight of
        nobody.
    """
    shares = shares_of(members, weights or {})
    parts = []
    for total, box in _totals(members, np.float64, lambda crop, name: crop * shares[name]):
        # Shares are added with rounding: a tie must not hang on the last bit.
        parts.append((np.rint(total + 1e-6).astype(np.uint8), box))
    return BoneProbabilities.from_crops(parts, size_of(members))


def vote(members: Members, at_least: float = 0.5, weights: Mapping[str, float] | None = None) -> BoneProbabilities:
    """1 where members with at least this share of all weights have a probability of one half or more, 0 elsewhere.

    Parameters
    ----------
    at_least: share of the weights; 0.5 takes ties as bone, and 0 what any member sees.
    members, weights: and errors, as `soft_mean`.
    """
    shares = shares_of(members, weights or {})
    ballots = dict(zip(shares, ballots_of(shares.values()), strict=True))
    enough = needed(at_least, list(ballots.values()))
    parts = [
        ((total >= enough).astype(np.uint8) * np.uint8(255), box)
        for total, box in _totals(members, np.int64, lambda crop, name: (crop >= _SEEN) * ballots[name])
    ]
    return BoneProbabilities.from_crops(parts, size_of(members))


def class_wise(members: Members, choices: Mapping[str, str], otherwise: str | None = None) -> BoneProbabilities:
    """Every bone from the member that was chosen for it.

    Parameters
    ----------
    choices: bones or groups ("wrist", "thumb,Capitate") to the member's name; later ones win.
    otherwise: the member for all other bones; their mean when unset.

    Raises
    ------
    HandboneError: as `soft_mean`; UnknownNameError: a bone, group or member that does not exist.
    """
    chosen: dict[int, str] = {}
    for bones, name in choices.items():
        if name not in members:
            raise UnknownNameError("member", name, members)
        chosen.update(dict.fromkeys(select(bones), name))
    if otherwise is not None and otherwise not in members:
        raise UnknownNameError("member", otherwise, members)
    rest = soft_mean(members) if otherwise is None else members[otherwise]
    parts = []
    for bone in range(COUNT):
        source = members[chosen[bone]] if bone in chosen else rest
        parts.append((source.crops[bone], tuple(source.boxes_xyxy[bone].tolist())))
    return BoneProbabilities.from_crops(parts, rest.size_hw)


def best_of(scores: Mapping[str, np.ndarray]) -> dict[str, str]:
    """Bone name to the member with the highest score for it, for `class_wise`; the first of equals.

    Parameters
    ----------
    scores: member to (29,) scores, such as its mean Dice on validation images; NaN where it was not measured.

    Raises
    ------
    HandboneError: a bone that no member was measured on.
    """
    names, table = list(scores), np.array(list(scores.values()), float)
    unknown = [NAMES[bone] for bone in np.flatnonzero(np.isnan(table).all(0))]
    if unknown:
        remedy = "choose members whose validation images show it, or another method"
        raise HandboneError(f"no member was validated on {', '.join(unknown)}", remedy=remedy)
    best = np.nanargmax(table, axis=0)
    return {name: names[best[bone]] for bone, name in enumerate(NAMES)}


def shares_of(members: Iterable[str], weights: Mapping[str, float]) -> dict[str, float]:
    """Each member's share of all weights; 1 is the weight of members without one.

    Raises
    ------
    UnknownNameError: a weight of nobody. HandboneError: no members, or weights that cannot be shares.
    """
    members = list(members)
    if not members:
        raise HandboneError("there are no predictions to combine")
    for name in weights:
        if name not in members:
            raise UnknownNameError("member", name, members)
    values = {name: float(weights.get(name, 1.0)) for name in members}
    total = sum(values.values())
    if not 0 < total < math.inf or min(values.values()) < 0:
        raise HandboneError(f"the weights {list(values.values())} are not valid", remedy="use positive numbers")
    return {name: value / total for name, value in values.items()}


def size_of(members: Members) -> tuple[int, int]:
    """Height and width of the image that all members predict.

    Raises
    ------
    HandboneError: their images differ in size.
    """
    sizes = {name: probabilities.size_hw for name, probabilities in members.items()}
    if len(set(sizes.values())) > 1:
        told = ", ".join(f"{name} {size[1]} x {size[0]}" for name, size in sizes.items())
        raise HandboneError(f"the members' images differ in size ({told})", remedy="use predictions of the same images")
    return next(iter(sizes.values()))


def _totals(
    members: Members, dtype: type, counts: Callable[[np.ndarray, str], np.ndarray]
) -> Iterator[tuple[np.ndarray, Box]]:
    """Bone by bone, the sum of what `counts(crop, name)` makes of the members' crops, and the box that holds it."""
    size_of(members)
    for bone in range(COUNT):
        box = Box.around(each.boxes_xyxy[bone].tolist() for each in members.values())
        total: np.ndarray = np.zeros((box[3] - box[1], box[2] - box[0]), dtype)
        for name, each in members.items():
            left, top, right, bottom = each.boxes_xyxy[bone].tolist()
            if left < right:
                total[top - box[1] : bottom - box[1], left - box[0] : right - box[0]] += counts(each.crops[bone], name)
        yield total, box
