"""How masks compare with what the prior expects of them, bone by bone, on the canonical grid."""

from dataclasses import dataclass

import numpy as np

from handbone import anatomy


@dataclass(frozen=True)
class Plausibility:
    """One bone's mask beside what the prior makes of all masks.

    Parameters
    ----------
    agreement: Dice of the mask's coverage with the expected one; 1 where both are empty.
    area_ratio: the mask's area over the expected one; None where nothing is expected.
    best: name of the bone whose expected mask fits best; None without a mask, or where none overlaps.
    best_agreement: Dice with that one.
    """

    agreement: float
    area_ratio: float | None = None
    best: str | None = None
    best_agreement: float = 0.0


def plausibilities(coverage: np.ndarray, expected: np.ndarray, table: np.ndarray) -> list[Plausibility]:
    """The 29 comparisons.

    Parameters
    ----------
    coverage, expected: (29, h, w) in [0, 1], of the masks and the prior's. table: their `dice_table`.
    """
    areas, wanted = coverage.sum((1, 2)), expected.sum((1, 2))
    found = []
    for bone in range(anatomy.COUNT):
        own = agreement(coverage[bone], expected[bone])
        ratio = round(float(areas[bone] / wanted[bone]), 4) if wanted[bone] >= LEAST_PX else None
        best = int(table[bone].argmax())
        if not table[bone, best]:
            found.append(Plausibility(own, ratio))
            continue
        found.append(Plausibility(own, ratio, anatomy.NAMES[best], round(float(table[bone, best]), 4)))
    return found


#: Pixels of the grid below which a bone is not there: a sixth of the smallest adult bone's area.
LEAST_PX = 12.0


def agreement(coverage: np.ndarray, expected: np.ndarray) -> float:
    """Dice of a mask's coverage with the expected coverage, both (h, w): twice the lesser over the sum."""
    total = float(coverage.sum() + expected.sum())
    if total < LEAST_PX:
        return 1.0
    return round(2 * float(np.minimum(coverage, expected).sum()) / total, 4)


def dice_table(coverage: np.ndarray, expected: np.ndarray) -> np.ndarray:
    """(29, 29) Dice of every mask (rows) with every expected mask (columns), both cut at one half; 0 where empty."""
    masks, others = ((grid > 0.5).reshape(anatomy.COUNT, -1).astype(np.float32) for grid in (coverage, expected))
    shared = masks @ others.T
    return 2 * shared / np.maximum(masks.sum(1)[:, None] + others.sum(1)[None], 1)
