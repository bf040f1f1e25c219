"""Where a hand's bones lie, and how synthetic hands agree with real ones.

`assets/positions.json` holds aggregates of 284 real adult hands: means and standard deviations of each bone's
measurements in the frame of the third metacarpal, for straight wrists (less than 15 degrees) and bent ones (more than
30), and the mean overlap of each pair of bones. The frame's origin is the third metacarpal's centroid, its y axis
points along that bone to the fingertip, x towards the thumb, and the bone's length is the unit.
"""

import json
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path

import numpy as np
import pandas as pd

from handbone import anatomy
from handbone.core.bone_masks import BoneMasks
from handbone.synthetic.skeleton import FOREARM

POSES = ("straight", "bent")
#: What is measured of every bone; lengths of forearms, which images cut off, have no real counterpart.
METRICS = ("x", "y", "angle", "len", "wid", "area")
FOREARM_METRICS = ("angle", "wid", "tip_x", "tip_y")

_REFERENCE = Path(__file__).parent / "assets" / "positions.json"
_UNIT, _THUMB, _CAPITATE = anatomy.INDEX["finger-11"], anatomy.INDEX["finger-3"], anatomy.INDEX["Capitate"]
_KNUCKLE = anatomy.INDEX["finger-10"]
_LEAST_PIXELS = 60
#: Pixels of the unit where real hands were measured, between the outermost pixels' centres.
_REAL_UNIT_PX = 448.0


@lru_cache(maxsize=1)
def reference() -> pd.DataFrame:
    """Real hands: rows (bone or "bone|bone", measurement, pose), columns mean and std (NaN for overlaps)."""
    table = json.loads(_REFERENCE.read_text(encoding="utf-8"))
    rows = [
        (bone, measurement, pose, *values)
        for bone, measurements in table["bones"].items()
        for measurement, poses in measurements.items()
        for pose, values in poses.items()
    ]
    for pair, poses in table["overlap"].items():
        rows += [(pair, "overlap", pose, mean, np.nan) for pose, mean in poses.items()]
    columns = ["name", "measurement", "pose", "mean", "std"]
    return pd.DataFrame(rows, columns=columns).set_index(columns[:3]).sort_index()


def bone_measurements(masks: BoneMasks) -> dict[tuple[str, str], float] | None:
    """The measurements of one hand by bone and measurement, overlaps by pair, the wrist's bend in degrees as ("wrist",
    "bend").

    Angles are degrees from the frame's y axis towards its x axis, overlaps shares of the smaller bone. None if a bone
    is missing.
    """
    areas = masks.areas()
    if areas.min() < _LEAST_PIXELS:
        return None
    points = [_points(masks, index) for index in range(anatomy.COUNT)]
    centre = masks.centroids_xy()
    frame = _frame(points, centre)
    unit = _extent(points[_UNIT] @ frame[1])
    measurements = {("wrist", "bend"): _bend(points, centre, frame)}
    for index, name in enumerate(anatomy.NAMES):
        here = (points[index] - centre[_UNIT]) @ frame.T / unit
        values = axis_measurements(here, unit)
        if index in FOREARM:
            values["tip_y"] = np.percentile(here[:, 1], 99.5)
            values["tip_x"] = here[here[:, 1] >= np.percentile(here[:, 1], 98), 0].mean()
        else:
            values["x"], values["y"] = here.mean(0)
            values["area"] = areas[index] / unit**2
        measurements |= {(name, measurement): float(value) for measurement, value in values.items()}
    return measurements | _overlaps(masks, areas)


def axis_measurements(points: np.ndarray, mc3_length_px: float) -> dict[str, float]:
    """Angle in degrees, length and width along and across the long axis of points (n, 2) in the frame and its unit."""
    axis = _axis(points)
    axis = axis if axis[1] > 0 else -axis
    # A coarse image's outermost centres lie further inside the bone than the reference's.
    rim = 1 / mc3_length_px - 1 / _REAL_UNIT_PX
    return {
        "angle": float(np.degrees(np.arctan2(axis[0], axis[1]))),
        "len": float(np.ptp(points @ axis)) + rim,
        "wid": float(np.ptp(points @ [-axis[1], axis[0]])) + rim,
    }


def frame_of(masks: BoneMasks) -> tuple[np.ndarray, float]:
    """The third metacarpal's frame in the image, rows x and y (2, 2), and its unit in pixels."""
    points = {_UNIT: _points(masks, _UNIT)}
    frame = _frame(points, masks.centroids_xy())
    return frame, _extent(points[_UNIT] @ frame[1])


def _extent(along: np.ndarray) -> float:
    """Pixels of the unit, from the third metacarpal's pixels along its axis (n,)."""
    between = float(np.ptp(along))
    return between + 1 - between / _REAL_UNIT_PX


def _points(masks: BoneMasks, index: int) -> np.ndarray:
    """Pixels (n, 2) of a bone."""
    rows, columns = np.nonzero(masks.crops[index])
    left, top = masks.boxes_xyxy[index, :2]
    return np.stack([columns + left, rows + top], 1).astype(np.float64)


def _axis(points: np.ndarray) -> np.ndarray:
    """(2,) the direction in which points (n, 2) spread most."""
    centred = points - points.mean(0)
    return np.linalg.eigh(centred.T @ centred)[1][:, 1]


def _frame(points: Mapping[int, np.ndarray] | list[np.ndarray], centre: np.ndarray) -> np.ndarray:
    """(2, 2) rows x (towards the thumb) and y (towards the fingertip) of the third metacarpal's frame."""
    y = _axis(points[_UNIT])
    y = y if (centre[_KNUCKLE] - centre[_UNIT]) @ y > 0 else -y
    x = np.array([-y[1], y[0]])
    return np.array([x if (centre[_THUMB] - centre[_UNIT]) @ x > 0 else -x, y])


def _bend(points: list[np.ndarray], centre: np.ndarray, frame: np.ndarray) -> float:
    """Degrees of the third metacarpal against the Radius, positive away from the thumb."""
    radius = _axis(points[FOREARM[0]])
    radius = radius if (centre[_CAPITATE] - centre[FOREARM[0]]) @ radius > 0 else -radius
    return float(np.degrees(np.arctan2(radius @ frame[0], radius @ frame[1])))


def _overlaps(masks: BoneMasks, areas: np.ndarray) -> dict[tuple[str, str], float]:
    """Shares of the smaller bone, of pairs that overlap in real hands and of those that do here."""
    shares = masks.intersections() / np.minimum.outer(areas, areas)
    pairs = {pair: 0.0 for pair, measurement, _ in reference().index if measurement == "overlap"}
    for a, b in np.argwhere(np.triu(shares, 1)):
        pairs[f"{anatomy.NAMES[a]}|{anatomy.NAMES[b]}"] = float(shares[a, b])
    return {(pair, "overlap"): share for pair, share in pairs.items()}


def agreement(hands: list[BoneMasks]) -> pd.DataFrame:
    """How synthetic hands compare with real ones.

    Rows as in `reference`, columns mean and std of real hands, drawn_mean and drawn_std, and `apart`: the difference
    of the means in standard deviations of real hands (for overlaps, whose spread is not known, the difference alone).
    Hands between the two poses and hands that lack a bone are left out.
    """
    rows = pd.DataFrame([measurements for masks in hands if (measurements := bone_measurements(masks))]).fillna(0.0)
    bend = rows["wrist", "bend"]
    table = reference().copy()
    for pose, chosen in zip(POSES, (rows[bend.abs() < 15], rows[bend > 30]), strict=True):
        for name, measurement, _ in table.xs(pose, level="pose", drop_level=False).index:
            values = chosen[name, measurement]
            mean = table.loc[(name, measurement, pose), "mean"]
            if measurement == "angle":
                # Axes have no direction: 89 and -89 degrees are two degrees apart.
                values = (values - mean + 90) % 180 - 90 + mean
            table.loc[(name, measurement, pose), ["drawn_mean", "drawn_std"]] = values.mean(), values.std()
    table["apart"] = (table["drawn_mean"] - table["mean"]) / table["std"].fillna(1.0).clip(lower=1e-3)
    return table
