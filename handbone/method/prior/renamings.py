"""Which bones networks take for each other, as tables of names that change places."""

from functools import cache
from itertools import pairwise

from handbone import anatomy

_THUMB, _FINGERS = (0, 1, 2), ((3, 4, 5, 6), (7, 8, 9, 10), (11, 12, 13, 14), (15, 16, 17, 18))
_IDENTITY = tuple(range(anatomy.COUNT))


def _exchanged(*pairs: tuple[int, int]) -> tuple[int, ...]:
    order = list(_IDENTITY)
    for a, b in pairs:
        order[a], order[b] = order[b], order[a]
    return tuple(order)


def _turned(bones: tuple[int, ...], step: int) -> tuple[int, ...]:
    """Names that move on by `step` within `bones`, the last to the first."""
    order = list(_IDENTITY)
    for place, bone in enumerate(bones):
        order[bone] = bones[(place + step) % len(bones)]
    return tuple(order)


@cache
def swap_pairs() -> tuple[tuple[int, int], ...]:
    """Pairs of bones that networks exchange: carpals that touch, and bones of one row of neighbouring fingers."""
    carpals = [
        (anatomy.INDEX[a], anatomy.INDEX[b])
        for a, b in anatomy.NEIGHBOURS
        if {anatomy.INDEX[a], anatomy.INDEX[b]} <= set(anatomy.CARPALS)
    ]
    rows = [pair for one, other in pairwise(_FINGERS) for pair in zip(one, other, strict=True)]
    along = [(a, b) for finger in (_THUMB, *_FINGERS) for a, b in pairwise(finger)]
    return tuple(sorted([*carpals, *rows, *along]))


def _tables() -> list[tuple[float, tuple[int, ...]]]:
    """(weight, order) of all renamings: a mask under the name k is that of bone order[k]."""
    heaped = anatomy.INDEX["Triquetrum"], anatomy.INDEX["Pisiform"]
    found = [(12.0, _exchanged(heaped))]
    found += [(8.0 / len(swap_pairs()), _exchanged(pair)) for pair in swap_pairs()]
    for one, other in pairwise(_FINGERS):
        pairs = tuple(zip(one, other, strict=True))
        # With and without the metacarpals; the tips alone; all but the tips.
        found += [(0.8, _exchanged(*part)) for part in (pairs, pairs[:3], pairs[:2], pairs[1:3])]
    for step in (1, -1):
        for rows in (range(4), range(3)):
            order = list(_IDENTITY)
            for row in rows:
                for bone, source in enumerate(_turned(tuple(finger[row] for finger in _FINGERS), step)):
                    order[bone] = source if bone != source else order[bone]
            found.append((1.5, tuple(order)))
        found += [(0.4, _turned(finger[:3], step)) for finger in (_THUMB, *_FINGERS)]
        found += [(0.3, _turned(finger, step)) for finger in _FINGERS]
    return found


#: Orders (29,) of names: the mask under the name k is that of bone order[k].
RENAMINGS: tuple[tuple[int, ...], ...] = tuple(order for _, order in _tables())


def renaming_odds() -> tuple[float, ...]:
    """How often each of `RENAMINGS` happens, relative to the others."""
    return tuple(weight for weight, _ in _tables())
