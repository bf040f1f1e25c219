"""Are an image's labels where a hand has these bones? Geometry alone, without a trained network.

A labelling costs the distance between the contours of bones that touch in every hand, and the deviation of areas from
those of real hands. Where exchanging two labels (or two whole fingers) makes it much cheaper, they are probably
swapped.
"""

from dataclasses import dataclass
from itertools import combinations

import numpy as np

from handbone import anatomy
from handbone.core.polygons import Polygons, polygon_areas

#: Mean areas over 288 adult hands, in squares of the third metacarpal's length.
REFERENCE_AREAS = np.array(
    [
        *(0.0403, 0.083, 0.1354),  # thumb, from its tip
        *(0.0257, 0.0502, 0.1096, 0.1791),
        *(0.0294, 0.0634, 0.1225, 0.1629),
        *(0.0285, 0.0556, 0.1026, 0.122),
        *(0.0202, 0.0327, 0.0723, 0.1232),
        *(0.0501, 0.0314, 0.0797, 0.0571, 0.0579, 0.0425, 0.0368, 0.0237),  # carpals
        *(0.4085, 0.2213),  # Radius, Ulna
    ]
)
# The image's edge cuts Radius and Ulna: their areas tell them from each other, but no length from them.
_WHOLE = np.arange(anatomy.COUNT) < anatomy.INDEX["Radius"]
_SPREAD = 0.15  # of the logarithm of an area from hand to hand
_AREA_WEIGHT = 0.05  # what one spread costs, in units of length
_FARTHEST = 1.0  # beyond this distance more distance costs nothing
_LEAST_GAIN = 0.12  # right labels of 24 synthetic hands: no exchange gains more than -0.1
_APART = 0.3  # parts of one bone are not farther apart
_PAIRS = np.array([[anatomy.INDEX[a], anatomy.INDEX[b]] for a, b in sorted(anatomy.NEIGHBOURS)])
_FINGERS = [range(3, 7), range(7, 11), range(11, 15), range(15, 19)]


@dataclass(frozen=True)
class Doubt:
    """Labels that do not fit each other.

    Parameters
    ----------
    rule: "swapped-labels", "far-apart" (parts of one label) or "odd-area".
    bones: indices of the bones concerned.
    message: what was found, as a clause.
    """

    rule: str
    bones: tuple[int, ...]
    message: str


def hand_unit(areas: np.ndarray) -> float:
    """The length in pixels that the third metacarpal should have, by the areas (29,) of all bones; NaN without any.

    The median over the bones: a few wrong labels do not move it.
    """
    known = (areas > 0) & _WHOLE
    return float(np.median(np.sqrt(areas[known] / REFERENCE_AREAS[known]))) if known.any() else float("nan")


def doubts(polygons: Polygons) -> list[Doubt]:
    """What is doubtful about the labels of one image; nothing for fewer than six bones, which say too little."""
    areas = polygon_areas(polygons)
    unit = hand_unit(areas)
    if len(polygons) < 6 or not unit > 0:
        return []
    return [*_scattered(polygons, unit), *_swapped(polygons, areas, unit), *_odd_areas(areas, unit)]


def _scattered(polygons: Polygons, unit: float) -> list[Doubt]:
    missing = [anatomy.NAMES[i] for i in range(anatomy.COUNT) if i not in polygons]
    found = []
    for bone, contours in polygons.items():
        gaps = [min(_distance(part, other) for other in contours if other is not part) for part in contours[1:]]
        if gaps and max(gaps) > _APART * unit:
            message = f"contours of {anatomy.NAMES[bone]} are {max(gaps):.0f} pixels apart"
            if len(missing) == 1:
                message += f"; one may be {missing[0]}, which is missing"
            found.append(Doubt("far-apart", (bone,), message))
    return found


def _swapped(polygons: Polygons, areas: np.ndarray, unit: float) -> list[Doubt]:
    distances = np.full((anatomy.COUNT, anatomy.COUNT), np.nan)
    points = {bone: np.concatenate(contours) for bone, contours in polygons.items()}
    ends = {bone: (contour.min(0), contour.max(0)) for bone, contour in points.items()}
    for a, b in combinations(points, 2):
        # Most bones lie too far apart for their distance to count, as their boxes show.
        gap = np.maximum(np.maximum(ends[a][0] - ends[b][1], ends[b][0] - ends[a][1]), 0)
        near = np.hypot(*gap) < _FARTHEST * unit
        apart = min(_distance(points[a], points[b]) / unit, _FARTHEST) if near else _FARTHEST
        distances[a, b] = distances[b, a] = apart
    with np.errstate(divide="ignore"):
        sizes = np.log(np.where(areas > 0, areas, np.nan) / unit**2)
    order = np.arange(anatomy.COUNT)
    found = []
    moves = _moves(polygons)
    while moves:
        before, *after = _costs([order, *(_exchanged(order, move) for move in moves)], distances, sizes)
        gains = before - np.array(after)
        best = int(np.argmax(gains))
        if gains[best] < _LEAST_GAIN * np.sqrt(len(moves[best])):
            break
        move = moves.pop(best)
        order = _exchanged(order, move)
        names = " and ".join("-".join(sorted({anatomy.NAMES[b] for b in side})) for side in zip(*move, strict=True))
        bones = tuple(sorted(b for pair in move for b in pair))
        found.append(Doubt("swapped-labels", bones, f"the labels {names} look swapped"))
    return found


def _moves(polygons: Polygons) -> list[tuple[tuple[int, int], ...]]:
    """Exchanges worth trying: any two bones, any two whole fingers, and the four fingers in the opposite order."""
    singles = [((a, b),) for a, b in combinations(sorted(polygons), 2)]
    fingers = [tuple(zip(a, b, strict=True)) for a, b in combinations(_FINGERS, 2)]
    mirrored = (*zip(_FINGERS[0], _FINGERS[3], strict=True), *zip(_FINGERS[1], _FINGERS[2], strict=True))
    return [*singles, *(m for m in (*fingers, mirrored) if all(b in polygons for pair in m for b in pair))]


def _exchanged(order: np.ndarray, move: tuple[tuple[int, int], ...]) -> np.ndarray:
    order = order.copy()
    for a, b in move:
        order[[a, b]] = order[[b, a]]
    return order


def _costs(orders: list[np.ndarray], distances: np.ndarray, sizes: np.ndarray) -> list[float]:
    """Of each order, (29,), the cost of calling the contours of bone order[i] bone i."""
    several = np.array(orders)
    apart = distances[several[:, _PAIRS[:, 0]], several[:, _PAIRS[:, 1]]]
    deviation = np.abs(sizes[several] - np.log(REFERENCE_AREAS)) / _SPREAD
    return (np.nansum(apart, 1) + _AREA_WEIGHT * np.nansum(np.minimum(deviation, 6), 1)).tolist()


def _odd_areas(areas: np.ndarray, unit: float) -> list[Doubt]:
    found = []
    for bone in np.flatnonzero((areas > 0) & _WHOLE):
        ratio = areas[bone] / unit**2 / REFERENCE_AREAS[bone]
        if ratio > 3 or ratio < 1 / 3:
            message = f"{anatomy.NAMES[bone]} has {ratio:.2f} times the usual area for a hand of this size"
            found.append(Doubt("odd-area", (int(bone),), message))
    return found


def _distance(points: np.ndarray, others: np.ndarray) -> float:
    """Least distance between two sets of points; up to 60 of each are looked at."""
    points, others = (p[:: max(1, len(p) // 60)] for p in (points, others))
    # x and y apart: NumPy adds two numbers along an axis several times as slowly.
    x, y = (points[:, None, axis] - others[None, :, axis] for axis in (0, 1))
    return float(np.sqrt((x * x + y * y).min()))
