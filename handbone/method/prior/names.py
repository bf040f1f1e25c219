"""Names put right: masks that lie, whole, where the prior expects other bones."""

import numpy as np

from handbone import anatomy
from handbone.core.extras import not_installed

# What a mask's own name is worth, as Dice: it stays where names fit about equally well.
_OWN_NAME = 0.15
# A mask under a wrong name fits the other bone by no less than this, and better than its own by that: the Pisiform lies
# on the Triquetrum in many hands and fits its contour by up to .65.
_FIT, _BETTER = 0.55, 0.25


def wrong_names(table: np.ndarray, seen: np.ndarray) -> list[dict[int, int]]:
    """Groups of masks that change names among each other: bone whose mask it is called, to the bone that it is.

    The best assignment of all masks to bones (Kuhn 1955) tells who changes; a group, closed but for names that have no
    mask yet, changes only where each of its masks fits its new name well, and much better than its old one.

    Parameters
    ----------
    table: (29, 29) Dice of the masks (rows) with the expected masks (columns). seen: (29,) bool, which masks there are.
    """
    try:
        from scipy.optimize import linear_sum_assignment
    except ModuleNotFoundError as error:
        raise not_installed(error) from error

    rows = np.flatnonzero(seen)
    worth = table[rows] + _OWN_NAME * np.eye(anatomy.COUNT)[rows]
    _, columns = linear_sum_assignment(worth, maximize=True)
    moves = {int(a): int(b) for a, b in zip(rows, columns, strict=True) if a != b and table[a, b] > 0}
    return [group for group in _groups(moves) if _clear(table, group, seen)]


def renamed_order(groups: list[dict[int, int]]) -> list[int | None]:
    """(29,) for each bone the bone under whose name its mask was; None where its own mask went to another."""
    order: list[int | None] = list(range(anatomy.COUNT))
    for group in groups:
        for bone in group:
            order[bone] = None
    for group in groups:
        for old, new in group.items():
            order[new] = old
    return order


def _groups(moves: dict[int, int]) -> list[dict[int, int]]:
    """Cycles and chains of moves."""
    groups, left = [], dict(moves)
    while left:
        # A chain begins at a name that nobody takes; what has no such name is a cycle.
        start = next((bone for bone in left if bone not in left.values()), next(iter(left)))
        group, bone = {}, start
        while bone in left:
            group[bone] = left.pop(bone)
            bone = group[bone]
        groups.append(group)
    return groups


def _clear(table: np.ndarray, group: dict[int, int], seen: np.ndarray) -> bool:
    # A chain that ends in a name whose mask stays would put two masks under one name.
    ends_free = all(new in group or not seen[new] for new in group.values())
    return ends_free and all(table[old, new] >= max(_FIT, table[old, old] + _BETTER) for old, new in group.items())
