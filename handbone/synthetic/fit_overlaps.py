"""Where bones have to lie for their overlaps to agree with real hands'."""

import numpy as np

from handbone import anatomy
from handbone.core.bone_masks import BoneMasks
from handbone.synthetic.measure import frame_of, reference
from handbone.synthetic.skeleton import FOREARM, PLACED

_UNIT = anatomy.INDEX["finger-11"]
_MOST = 0.8  # standard deviations of real hands that a wanted place may lie off the real mean
_STEPS = (0.012, 0.006, 0.003)  # of the third metacarpal's length


def moves_for_overlaps(hands: list[BoneMasks], pose: str, moves: np.ndarray) -> np.ndarray:
    """(29, 2) how far wanted places lie off real means, in the frame and unit of `measure`, by coordinate descent.

    hands: drawn for the places `moves` (29, 2). pose: "straight" or "bent". Phalanges stay.
    """
    frames = [frame_of(masks) for masks in hands]
    real = reference()
    spread = np.ones((anatomy.COUNT, 2))
    for index in PLACED:
        for axis, key in enumerate(("tip_x", "tip_y") if index in FOREARM else ("x", "y")):
            if index != _UNIT:
                spread[index, axis] = real.loc[(anatomy.NAMES[index], key, pose), "std"]
    pairs = _pairs(pose)
    moves, start = moves.copy(), moves.copy()

    def share(a: int, b: int) -> float:
        by = (moves[b] - start[b]) - (moves[a] - start[a])
        shares = [_share(m, a, b, by @ frame * unit) for m, (frame, unit) in zip(hands, frames, strict=True)]
        return float(np.mean(shares))

    def misfit(index: int) -> float:
        cost = 2.0 * float(((moves[index] / spread[index]) ** 2).sum())
        return cost + sum(((share(a, b) - want) / tolerance) ** 2 for a, b, want, tolerance in pairs if index in (a, b))

    for size in _STEPS:
        for _ in range(2):
            for index in PLACED:
                if index == _UNIT:
                    continue
                best = misfit(index)
                for way in np.array([[size, 0], [-size, 0], [0, size], [0, -size]]):
                    moves[index] += way
                    now = misfit(index) if (np.abs(moves[index]) <= _MOST * spread[index]).all() else np.inf
                    if now < best - 1e-9:
                        best = now
                        break
                    moves[index] -= way
    return moves


def _pairs(pose: str) -> list[tuple[int, int, float, float]]:
    """(a, b, wanted overlap, tolerance) of placed bones that meet; pairs without overlap in real hands want none."""
    real = reference()
    pairs = []
    for i, a in enumerate(sorted(PLACED)):
        for b in sorted(PLACED)[i + 1 :]:
            key = f"{anatomy.NAMES[a]}|{anatomy.NAMES[b]}", "overlap", pose
            wanted = float(real.loc[key, "mean"]) if key in real.index else 0.0
            pairs.append((a, b, wanted, 0.012 + 0.1 * wanted))
    return pairs


def _share(masks: BoneMasks, a: int, b: int, move: np.ndarray) -> float:
    """Overlap of two bones as a share of the smaller when the second moves by (2,) pixels."""
    dx, dy = np.rint(move).astype(int).tolist()
    (al, at, ar, ab), (bl, bt, br, bb) = masks.boxes_xyxy[a].tolist(), masks.boxes_xyxy[b].tolist()
    bl, br, bt, bb = bl + dx, br + dx, bt + dy, bb + dy
    x0, x1, y0, y1 = max(al, bl), min(ar, br), max(at, bt), min(ab, bb)
    if x0 >= x1 or y0 >= y1:
        return 0.0
    shared = masks.crops[a][y0 - at : y1 - at, x0 - al : x1 - al] & masks.crops[b][y0 - bt : y1 - bt, x0 - bl : x1 - bl]
    return np.count_nonzero(shared) / min(np.count_nonzero(masks.crops[a]), np.count_nonzero(masks.crops[b]))
