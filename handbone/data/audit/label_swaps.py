"""Labels that lie on other bones: exchanged carpals, shifted fingers, whole files in another order.

Trained weights name bones wrongly now and then, so that a disagreement alone accuses nobody. Geometry is the referee:
the arrangement under which a hand hangs together (`handbone.data.plausible`) is believed; where it cannot tell, the
labels are, unless the weights are as sure of these bones as of the others.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from handbone import anatomy
from handbone.core.polygons import Polygons
from handbone.data.audit.label_overlap import match
from handbone.data.plausible import doubts

_LEAST_MATCH = 0.6  # of the usual fit: a label that fits a bone less does not lie on it
_LEAST_GAIN = 0.12  # mean Dice that the other names gain; Pisiform fits a right Triquetrum up to .78
_LEAST_SURE = 0.9  # of the weights' usual confidence, where geometry cannot tell
_ATOMIC_FILE = 12  # so many bones in other bones' places are one mishap, not several
_DIGITS = ("thumb", "index", "middle", "ring", "little")
_DIGIT = {anatomy.INDEX[name]: digit for digit in _DIGITS for name in anatomy.GROUPS[digit]}


@dataclass(frozen=True)
class Swap:
    """Labels that lie on each other's bones.

    Parameters
    ----------
    lies_on: label to the bone in whose place it lies.
    """

    lies_on: dict[int, int]

    @property
    def bones(self) -> tuple[int, ...]:
        """All bones concerned, in anatomy order."""
        return tuple(sorted({*self.lies_on, *self.lies_on.values()}))


def swapped_by_geometry(polygons: Polygons) -> set[int]:
    """Bones whose labels look swapped without looking at the image."""
    return set().union(*_swapped(polygons))


def find_swaps(polygons: Polygons, table: np.ndarray, sure: np.ndarray, fit: float) -> tuple[list[Swap], set[int]]:
    """Labels in other bones' places.

    Parameters
    ----------
    polygons: the labels' contours.
    table: (29, 29) Dice of labels (rows) with what the weights see (columns).
    sure: (29,) the weights' confidence in each bone over their usual one; 0 for bones that they don't see.
    fit: how well contours fit in this image under whatever name, a Dice.

    Returns
    -------
    Swaps of the labels, and the bones that the weights rather name wrongly.
    """
    seen = {a: b for a, b in match(table, _LEAST_MATCH * fit).items() if a != b}
    seen = {a: b for group in _groups(seen) if _gain(group, table) >= _LEAST_GAIN for a, b in group.items()}
    if not seen:
        return [], set()
    odd_renamed = _swapped(_renamed(polygons, seen))
    lies_on = _put_right(seen, odd_renamed)
    if not lies_on:
        return [], {*seen, *seen.values()}
    if lies_on != seen:
        odd_renamed = _swapped(_renamed(polygons, lies_on))
    here, there = set().union(*_swapped(polygons)), set().union(*odd_renamed)
    atomic_file = len(lies_on) >= _ATOMIC_FILE and len(here) > len(there)
    swaps = []
    for swap in map(Swap, _by_digits(_groups(lies_on))):
        odd, still_odd = bool(here.intersection(swap.bones)), bool(there.intersection(swap.bones))
        sure_of_it = float(np.median([sure[b] for b in swap.lies_on.values()])) >= _LEAST_SURE
        if atomic_file or (odd if odd != still_odd else sure_of_it):
            swaps.append(swap)
    told = {bone for swap in swaps for bone in swap.bones}
    if len(told) >= _ATOMIC_FILE:
        swaps = [Swap({a: b for swap in swaps for a, b in swap.lies_on.items()})]
    return swaps, {*seen, *seen.values()} - told


def _swapped(polygons: Polygons) -> list[tuple[int, ...]]:
    return [doubt.bones for doubt in doubts(polygons) if doubt.rule == "swapped-labels"]


def _gain(group: dict[int, int], table: np.ndarray) -> float:
    return float(np.mean([table[a, b] - table[a, a] for a, b in group.items()]))


def _put_right(lies_on: dict[int, int], odd: Iterable[tuple[int, ...]]) -> dict[int, int]:
    """`lies_on` without the names that the weights seem to have exchanged themselves."""
    exchanged: dict[int, int] = {}
    moved = {*lies_on, *lies_on.values()}
    for bones in odd:
        if moved.issuperset(bones) and not exchanged.keys() & set(bones):
            # One bone with one, a finger with a finger, or the four fingers with their mirror image.
            half = len(bones) // 2
            others = bones[half:] if len(bones) <= 8 else (*bones[12:], *bones[8:12])
            exchanged |= dict(zip((*bones[:half], *others), (*others, *bones[:half]), strict=True))
    return {a: exchanged.get(b, b) for a, b in lies_on.items() if a != exchanged.get(b, b)}


def _groups(lies_on: dict[int, int]) -> list[dict[int, int]]:
    """Cycles and chains of `lies_on`."""
    name = {bone: bone for bone in {*lies_on, *lies_on.values()}}
    for a, b in lies_on.items():
        one, other = name[a], name[b]
        name = {bone: one if group == other else group for bone, group in name.items()}
    groups: dict[int, dict[int, int]] = defaultdict(dict)
    for a, b in lies_on.items():
        groups[name[a]][a] = b
    return list(groups.values())


def _by_digits(groups: list[dict[int, int]]) -> list[dict[int, int]]:
    """Groups with those between the same fingers taken together: a finger's four labels are exchanged at once."""
    together: dict[int | frozenset[str], dict[int, int]] = defaultdict(dict)
    for place, group in enumerate(groups):
        digits = frozenset(_DIGIT.get(bone, "") for bone in (*group, *group.values()))
        together[place if "" in digits or len(digits) < 2 else digits] |= group
    return list(together.values())


def _renamed(polygons: Polygons, lies_on: dict[int, int]) -> Polygons:
    """The labels under the names that the weights give them; the label at a chain's end gets the name left over."""
    renamed = {bone: contours for bone, contours in polygons.items() if bone not in {*lies_on, *lies_on.values()}}
    for group in _groups(lies_on):
        ends, starts = set(group.values()) - set(group), set(group) - set(group.values())
        closed = group | {end: start for end in ends & set(polygons) for start in starts}
        renamed |= {b: polygons[a] for a, b in closed.items()}
    return renamed
