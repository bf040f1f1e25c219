"""Fits the mean person to real hands and writes `assets/proportions.json` (`python -m handbone.synthetic.fit`).

Two steps take turns over a fixed ensemble of poses: every bone's length, width and waist follow the ratio of the real
mean to the phantoms' mean, then the bones' places are moved until the overlaps agree.
"""

import json
from dataclasses import replace

import numpy as np
import pandas as pd

from handbone import anatomy
from handbone.core.bone_masks import BoneMasks
from handbone.core.files import write_text
from handbone.synthetic import people
from handbone.synthetic.body import Shape
from handbone.synthetic.hand import place
from handbone.synthetic.measure import agreement, reference, shape_figures
from handbone.synthetic.render import box_of, ray_lengths
from handbone.synthetic.skeleton import FOREARM, PLACED, PROXIMAL_ROW, load_skeleton

_HANDS, _SIZE = 24, 1400
_JOINT_SPACE = 1.0  # millimetres that neighbours without overlap may lie apart
_STRAIGHT = (18, 20, 22)  # hands of the ensemble that are not bent
_BENT = 0.58  # as in the pictures that the reference was measured on
_UNIT = anatomy.INDEX["finger-11"]


def mean_hands(scale, shift, waist) -> tuple[list[BoneMasks], list[float], float]:
    """Masks of the mean person in the ensemble's poses, the poses' bends, and mean pixels per millimetre."""
    skeleton = load_skeleton()
    waves = np.zeros((anatomy.COUNT, 4))
    waves[:, 1] = waist
    person = replace(people.average_person(), shape=Shape(scale, shift, waves, people.PALM_DOWN))
    hands, bends, scales = [], [], []
    for number in range(_HANDS):
        rng = np.random.default_rng([91, number])
        pose = people.draw_pose(rng, "contest", bent=number < _BENT * _HANDS)
        body, px_per_mm = place(person, pose, "R", _SIZE, "contest", np.random.default_rng(number))
        crops = {}
        for index, vertices in enumerate(body.vertices):
            points = vertices * [px_per_mm, px_per_mm, 1.0]
            box = box_of(points, (_SIZE, _SIZE))
            crops[index] = ray_lengths(points, skeleton.faces[index], box) > 0, box[:2]
        hands.append(BoneMasks.from_crops(crops, (_SIZE, _SIZE)))
        bends.append(pose.bend)
        scales.append(px_per_mm)
    return hands, bends, float(np.mean(scales))


def fit_sizes(scale, waist, hands) -> None:
    """One damped step of every bone's width, length and waist towards the real means, in place."""
    figures = [shape_figures(masks) for masks in hands]
    mean = {key: np.mean([f[key] for f in figures if key in f.index]) for key in figures[0].index}
    real = reference()["mean"]
    for index, name in enumerate(anatomy.NAMES):
        ratio = {key: real[name, key] / mean[name, key] for key in ("len", "wid", "area")}
        if index != _UNIT and index not in FOREARM:
            scale[index, 1] *= ratio["len"] ** 0.8
        scale[index, 0] *= ratio["wid"] ** 0.8
        scale[index, 2] *= ratio["wid"] ** 0.8
        if index not in anatomy.CARPALS:
            full = ratio["area"] / (ratio["wid"] * (1 if index in FOREARM else ratio["len"]))
            # cos(2 pi t) is one at the ends and minus one in the middle: a waist takes area, not width.
            waist[index] = np.clip(waist[index] - 0.5 * (full - 1), -0.12, 0.12)


def fit_places(shift, hands: list[BoneMasks], bends: list[float], px_per_mm: float, start: np.ndarray) -> float:
    """Move bones to lessen `_misfit`, one bone and direction at a time, in place; returns the misfit."""
    offsets = np.zeros((anatomy.COUNT, 2))
    pairs = _pairs()
    outlines = {k: {i: _outline(hands[k], i) for i in PLACED} for k in _STRAIGHT}

    def moved(hand, index):
        a = np.deg2rad(bends[hand]) * (0.0 if index in FOREARM else PROXIMAL_ROW.get(index, 1.0))
        x, y = offsets[index] * px_per_mm
        return np.rint([np.cos(a) * x - np.sin(a) * y, np.sin(a) * x + np.cos(a) * y]).astype(int)

    def pull(index):
        return float((((shift[index, :2] + offsets[index] - start[index, :2]) / 2.5) ** 2).sum())

    def misfit(index):
        total = pull(index)
        for a, b, wanted, tolerance in pairs:
            if index in (a, b):
                share = np.mean([_overlap(h, a, b, moved(k, a), moved(k, b)) for k, h in enumerate(hands)])
                total += ((share - wanted) / tolerance) ** 2
                if wanted or (anatomy.NAMES[a], anatomy.NAMES[b]) in anatomy.NEIGHBOURS:
                    # Apart, the overlap does not say which way to go; and bent hands must not part straight ones.
                    gap = [_gap(outlines[k][a] + moved(k, a), outlines[k][b] + moved(k, b)) for k in _STRAIGHT]
                    space = 0.0 if wanted and not share else _JOINT_SPACE
                    total += 1.5 * max(0.0, float(np.mean(gap)) / px_per_mm - space)
        return total

    for step in (1.0, 0.5, 0.25):
        for _ in range(4):
            for index in PLACED:
                best = misfit(index)
                for way in ((step, 0), (-step, 0), (0, step), (0, -step)):
                    offsets[index] += way
                    now = misfit(index)
                    if now < best - 1e-9:
                        best = now
                        break
                    offsets[index] -= way
    shift[:, :2] += offsets
    return sum(misfit(index) for index in PLACED)


def fit_joints(shift, hands: list[BoneMasks]) -> None:
    """Move phalanges along themselves until they overlap their neighbours as real ones do, in place."""
    real = reference()["mean"]
    for index in range(19):
        if index in PLACED:
            continue
        pair = f"{anatomy.NAMES[index]}|{anatomy.NAMES[index + 1]}"
        wanted = real.get((pair, "overlap"), 0.003)
        share = np.mean([_overlap(h, index, index + 1, np.zeros(2, int), np.zeros(2, int)) for h in hands])
        # A millimetre of travel overlaps one to four hundredths of a phalanx with the bone it meets.
        shift[index, 1] += np.clip((wanted - share) * 60, -0.8, 0.8)


def _pairs() -> list[tuple[int, int, float, float]]:
    """(a, b, wanted overlap, tolerance) of placed bones; neighbours that do not overlap in real hands want none."""
    real = reference()["mean"]
    pairs = []
    for i, a in enumerate(sorted(PLACED)):
        for b in sorted(PLACED)[i + 1 :]:
            wanted = real.get((f"{anatomy.NAMES[a]}|{anatomy.NAMES[b]}", "overlap"), 0.0)
            pairs.append((a, b, wanted, 0.012 + 0.12 * wanted))
    return pairs


def _overlap(masks: BoneMasks, a: int, b: int, move_a: np.ndarray, move_b: np.ndarray) -> float:
    (al, at, ar, ab), (bl, bt, br, bb) = masks.boxes_xyxy[a].tolist(), masks.boxes_xyxy[b].tolist()
    dx, dy = (move_b - move_a).tolist()
    bl, br, bt, bb = bl + dx, br + dx, bt + dy, bb + dy
    x0, x1, y0, y1 = max(al, bl), min(ar, br), max(at, bt), min(ab, bb)
    if x0 >= x1 or y0 >= y1:
        return 0.0
    shared = masks.crops[a][y0 - at : y1 - at, x0 - al : x1 - al] & masks.crops[b][y0 - bt : y1 - bt, x0 - bl : x1 - bl]
    return np.count_nonzero(shared) / min(np.count_nonzero(masks.crops[a]), np.count_nonzero(masks.crops[b]))


def _outline(masks: BoneMasks, index: int) -> np.ndarray:
    """Some forty points (n, 2) of a bone's outline."""
    points = np.concatenate(masks.rings()[index])
    return points[:: max(1, len(points) // 40)]


def _gap(a: np.ndarray, b: np.ndarray) -> float:
    """Pixels between the nearest points of two outlines."""
    return float(np.sqrt(((a[:, None] - b[None]) ** 2).sum(-1)).min())


def main() -> pd.DataFrame:
    """Fit, write, and return the agreement of the mean person."""
    scale, shift = np.ones((anatomy.COUNT, 3)), np.zeros((anatomy.COUNT, 3))
    waist = np.zeros(anatomy.COUNT)
    # MyoHand's third metacarpal, the unit of all figures, is long for its hand: shortened, the others stay as they are.
    scale[_UNIT, 1] = 0.87
    start = shift.copy()
    for turn in range(6):
        for _ in range(2):
            fit_sizes(scale, waist, mean_hands(scale, shift, waist)[0])
        hands, bends, px_per_mm = mean_hands(scale, shift, waist)
        fit_places(shift, hands, bends, px_per_mm, start)
        fit_joints(shift, hands)
        if turn == 1:
            # The first two turns bring the lofted forearm into place; from there on it is held like the others.
            start[list(FOREARM)] = shift[list(FOREARM)]
    table = {
        name: {
            "scale": scale[index].round(4).tolist(),
            "shift": shift[index].round(3).tolist(),
            "waist": round(float(waist[index]), 4),
        }
        for index, name in enumerate(anatomy.NAMES)
    }
    lines = [f" {json.dumps(name)}: {json.dumps(row)}" for name, row in table.items()]
    write_text(people.PROPORTIONS, "{\n" + ",\n".join(lines) + "\n}\n")
    return agreement(mean_hands(scale, shift, waist)[0])


if __name__ == "__main__":
    main()
