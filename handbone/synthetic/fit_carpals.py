"""How wide, long and turned each carpal has to be for its silhouette to agree with real ones.

Carpals are round: a small change of shape turns their axis far, so that steps by what each measurement lacks would not
settle. Here a bone's length, width, area and angle, in straight and in bent wrists, are weighed at once against how far
it leaves the skeleton's shape (Nelder and Mead, Computer Journal 1965).
"""

import numpy as np
from scipy.optimize import minimize

from handbone import anatomy
from handbone.synthetic.measure import POSES, axis_measurements, reference
from handbone.synthetic.render import box_of, ray_lengths
from handbone.synthetic.rigid import rotation
from handbone.synthetic.skeleton import PROXIMAL_ROW, bone_edges, load_skeleton

_UNIT = anatomy.INDEX["finger-11"]
_PX = 240  # pixels of the unit
_BENDS = (2.8, 41.7)  # mean degrees of real straight and bent wrists
#: Usual departures from the skeleton: ln(width), ln(length), degrees, waist; and what a bent wrist adds to the first 3.
_USUAL = np.array([0.12, 0.12, 14.0, 0.06, 0.06, 0.08, 14.0])
_MEASUREMENTS = ("angle", "len", "wid", "area")


def fit_carpal(index: int, unit_mm: float) -> tuple[np.ndarray, np.ndarray, float]:
    """(3,) ln(width), ln(length), turn at no bend; (3,) what each degree of bend adds; the waist."""
    real = reference().loc[anatomy.NAMES[index]]

    def misfit(departures: np.ndarray) -> float:
        total = float((departures**2).sum())
        values = departures * _USUAL
        for pose, bend, share in zip(POSES, _BENDS, (0.0, 1.0), strict=True):
            width, length, turn = values[:3] + share * values[4:]
            found = silhouette_measurements(index, width, length, turn, values[3], bend, unit_mm)
            for measurement in _MEASUREMENTS:
                mean, std = real.loc[(measurement, pose), ["mean", "std"]]
                lack = found[measurement] - mean
                lack = (lack + 90) % 180 - 90 if measurement == "angle" else lack
                total += 4 * (lack / std) ** 2
        return total

    simplex = np.vstack([np.zeros(7), np.eye(7)])
    best = minimize(misfit, np.zeros(7), method="Nelder-Mead", options={"initial_simplex": simplex, "maxfev": 500})
    values = best.x * _USUAL
    slope = values[4:] / (_BENDS[1] - _BENDS[0])
    return values[:3] - slope * _BENDS[0], slope, float(values[3])


def silhouette_measurements(
    index: int, width: float, length: float, turn: float, waist: float, bend: float, unit_mm: float
) -> dict[str, float]:
    """Angle, length, width and area, as `measure.bone_measurements` gives them, of one carpal in a hand bent so far.

    width, length: ln of factors. turn: degrees towards the thumb. unit_mm: length of the third metacarpal.
    """
    skeleton = load_skeleton()
    frame = skeleton.frame[index]
    local = (skeleton.vertices[index] - skeleton.base[index]) @ frame.T
    along = (local[:, 1] - local[:, 1].min()) / np.ptp(local[:, 1])
    local = local * np.exp([width, length, width])
    local[:, [0, 2]] *= (1 + waist * np.cos(2 * np.pi * along))[:, None]
    long = skeleton.frame[_UNIT][1]
    lean = np.degrees(np.arctan2(long[0], long[1]))
    back = (PROXIMAL_ROW.get(index, 1.0) - 1.0) * bend
    points = local @ frame @ rotation([0, 0, 1], lean + back - turn).T
    points = points * (_PX / unit_mm) + _PX
    mask = ray_lengths(points, skeleton.faces[index], box_of(points, (2 * _PX, 2 * _PX)), bone_edges(index)) > 0
    pixels = np.argwhere(mask)[:, ::-1].astype(np.float64)
    # The frame's x axis points to the thumb and its y axis to the fingertip, the image's the other way.
    return axis_measurements(-pixels / _PX, _PX) | {"area": len(pixels) / _PX**2}
