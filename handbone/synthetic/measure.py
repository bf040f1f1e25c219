"""Shape figures of a hand's masks, and how they agree with those of real hands.

`assets/reference.json` holds aggregates of 288 real adult hands: means and standard deviations of each bone's length,
width and area (sides of the smallest rectangle around it and its pixels, relative to the third metacarpal's length)
and mean overlaps (shared pixels over the smaller bone's area).
"""

import json
from functools import lru_cache
from itertools import combinations
from pathlib import Path

import cv2
import numpy as np
import pandas as pd

from handbone import anatomy
from handbone.core.bone_masks import BoneMasks, shared_area

_REFERENCE = Path(__file__).parent / "assets" / "reference.json"
_UNIT = anatomy.INDEX["finger-11"]
_KEYS = ("len", "wid", "area")


@lru_cache(maxsize=1)
def reference() -> pd.DataFrame:
    """Real hands: rows (bone or "bone|bone", figure), columns mean and std (NaN for overlaps)."""
    table = json.loads(_REFERENCE.read_text(encoding="utf-8"))
    rows = [(bone, key, *table["bones"][bone][key]) for bone in anatomy.NAMES for key in _KEYS]
    rows += [(pair, "overlap", mean, np.nan) for pair, mean in table["overlap"].items()]
    return pd.DataFrame(rows, columns=["name", "figure", "mean", "std"]).set_index(["name", "figure"])


def shape_figures(masks: BoneMasks) -> pd.Series:
    """Length, width and area of every bone and the overlaps of every pair that has any, indexed as `reference`."""
    sides = {i: _sides(masks.crops[i]) for i in np.flatnonzero(masks.present()).tolist()}
    if _UNIT not in sides:
        return pd.Series(dtype=np.float64)
    unit, areas = sides[_UNIT][0], masks.areas()
    figures = {}
    for index, (long, short) in sides.items():
        values = (long / unit, short / unit, areas[index] / unit**2)
        figures |= {(anatomy.NAMES[index], key): value for key, value in zip(_KEYS, values, strict=True)}
    for a, b in combinations(sides, 2):
        name = f"{anatomy.NAMES[a]}|{anatomy.NAMES[b]}"
        shared = shared_area(masks, a, masks, b)
        if shared or (name, "overlap") in reference().index:
            figures[name, "overlap"] = shared / min(areas[a], areas[b])
    return pd.Series(figures)


def _sides(crop: np.ndarray) -> tuple[float, float]:
    outlines, _ = cv2.findContours(crop.view(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    _, (a, b), _ = cv2.minAreaRect(np.concatenate(outlines))
    return max(a, b) + 1, min(a, b) + 1


def agreement(hands: list[BoneMasks]) -> pd.DataFrame:
    """How phantom hands compare with real ones.

    Rows as in `reference`, columns mean and std of real hands, phantom_mean and phantom_std, and `within`: whether the
    phantoms' mean lies within one standard deviation of the real mean. For overlaps, whose spread in real hands is not
    known, the phantoms' own standard deviation counts.
    """
    figures = pd.DataFrame([shape_figures(masks) for masks in hands]).T
    overlaps = figures.index.get_level_values(1) == "overlap"
    figures[overlaps] = figures[overlaps].fillna(0.0)
    table = reference().copy()
    table["phantom_mean"], table["phantom_std"] = figures.mean(axis=1), figures.std(axis=1)
    table["within"] = (table.phantom_mean - table["mean"]).abs() <= table["std"].fillna(table.phantom_std)
    # The unit's own length is 1 by definition and says nothing.
    return table.drop(index=("finger-11", "len"))
