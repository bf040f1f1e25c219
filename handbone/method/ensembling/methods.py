"""The built-in ways of joining predictions. Masks count as probabilities of 0 and 1, so runs and foreign files mix."""

from collections.abc import Iterable, Mapping

import numpy as np

from handbone.anatomy import COUNT, NAMES, select
from handbone.core.bone_probabilities import BoneProbabilities
from handbone.core.box import Box
from handbone.core.errors import HandboneError, UnknownNameError

Members = Mapping[str, BoneProbabilities]


def soft_mean(members: Members, weights: Mapping[str, float] | None = None) -> BoneProbabilities:
    """The weighted mean of probabilities; of masks, the share of members that see bone.

    Parameters
    ----------
    members: name to probabilities of one picture.
    weights: name to weight; 1 for members without one.

    Raises
    ------
    HandboneError: for none, pictures of different sizes, or weights without a sum; UnknownNameError for a weight of
        nobody.
    """
    shares = shares_of(members, weights or {})
    return _joined(members, lambda total, crop, name: np.add(total, crop * shares[name], out=total, casting="unsafe"))


def vote(members: Members, at_least: float = 0.5, weights: Mapping[str, float] | None = None) -> BoneProbabilities:
    """1 where members with at least this share of all weights have a probability of one half or more, 0 elsewhere.

    Parameters
    ----------
    at_least: share of the weights; 0.5 takes ties as bone.
    members, weights: and errors, as `soft_mean`.
    """
    shares = shares_of(members, weights or {})
    counted = _joined(
        members,
        lambda total, crop, name: np.add(total, (crop >= 128) * np.float32(255 * shares[name]), out=total),
    )
    # Shares are added with rounding: a tie must not hang on the last bit.
    limit = 255 * at_least - 0.75
    parts = [
        ((crop >= limit).astype(np.uint8) * np.uint8(255), tuple(box))
        for crop, box in zip(counted.crops, counted.boxes_xyxy.tolist(), strict=True)
    ]
    return BoneProbabilities.from_crops(parts, counted.size_hw)


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
    scores: member to (29,) scores, such as its mean Dice on validation pictures; NaN where it was not measured.

    Raises
    ------
    HandboneError: a bone that no member was measured on.
    """
    names, table = list(scores), np.array(list(scores.values()), float)
    unknown = [NAMES[bone] for bone in np.flatnonzero(np.isnan(table).all(0))]
    if unknown:
        remedy = "give members whose validation pictures show it, or another method"
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
        raise HandboneError("there are no predictions to join")
    for name in weights:
        if name not in members:
            raise UnknownNameError("member", name, members)
    values = {name: float(weights.get(name, 1.0)) for name in members}
    total = sum(values.values())
    if not total > 0 or min(values.values()) < 0:
        raise HandboneError(f"weights of {list(values.values())} cannot be shares", remedy="give positive numbers")
    return {name: value / total for name, value in values.items()}


def _joined(members: Members, add) -> BoneProbabilities:
    """Bone by bone, what `add(total, crop, name)` makes of the members' crops, inside the box that holds them all."""
    sizes = {name: probabilities.size_hw for name, probabilities in members.items()}
    if len(set(sizes.values())) > 1:
        told = ", ".join(f"{name} {size[1]} x {size[0]}" for name, size in sizes.items())
        raise HandboneError(f"the members' pictures differ in size ({told})", remedy="predict the same pictures")
    parts = []
    for bone in range(COUNT):
        box = Box.around(each.boxes_xyxy[bone].tolist() for each in members.values())
        total = np.zeros((box[3] - box[1], box[2] - box[0]), np.float32)
        for name, each in members.items():
            left, top, right, bottom = each.boxes_xyxy[bone].tolist()
            if left < right:
                inside = total[top - box[1] : bottom - box[1], left - box[0] : right - box[0]]
                add(inside, each.crops[bone], name)
        parts.append((np.rint(total).astype(np.uint8), box))
    return BoneProbabilities.from_crops(parts, next(iter(sizes.values())))
