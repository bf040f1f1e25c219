"""Where a hand lies on its radiograph: its size, turn and side, the cone of rays, and the room around it."""

from dataclasses import replace

import numpy as np

from handbone import anatomy
from handbone.synthetic.body import Body, Pose, pose_body
from handbone.synthetic.growth import infancy
from handbone.synthetic.patients import Patient, Variety
from handbone.synthetic.skeleton import FOREARM
from handbone.synthetic.vertex_kernels import projected

_UNIT = anatomy.INDEX["finger-11"]
_TUBE = 1000.0  # millimetres from the X-ray tube to the detector


def place(
    patient: Patient, pose: Pose, side: str, size: int, variety: Variety, rng: np.random.Generator
) -> tuple[Body, float]:
    """The posed body in millimetres from the image's first pixel, and pixels per millimetre."""
    body = pose_body(patient.shape, pose)
    unit = float(np.linalg.norm(body.ends[_UNIT, 0] - body.ends[_UNIT, 1]))
    if variety == "upright_adult":
        mc3_length_px = np.clip(rng.normal(0.2191, 0.0134), 0.18, 0.26) * size
        turn = rng.normal(0, 2.5)
    else:
        mc3_length_px = rng.uniform(0.13 - 0.04 * infancy(patient.age) ** 0.5, 0.28) * size
        turn = rng.uniform(-60, 60) if rng.random() < 0.5 else rng.normal(0, 10)
    # A child's hand fills as much of its image as an adult's; what differs is the size of everything around it.
    px_per_mm = mc3_length_px / (unit * patient.growth)
    flip = -1.0 if side == "L" else 1.0
    angle = np.deg2rad(turn)
    linear = (
        patient.growth
        * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        @ np.diag([flip, 1.0])
    )
    floor = min(v[:, 2].min() for v in body.vertices[:27]) - 6.0

    vertices = tuple(projected(v, floor, _TUBE, linear, patient.growth) for v in body.vertices)
    ends = projected(body.ends.reshape(-1, 3), floor, _TUBE, linear, patient.growth).reshape(body.ends.shape)
    offset = _offset(vertices, ends, size / px_per_mm, variety, rng)
    return moved(replace(body, vertices=vertices, ends=ends), offset), float(px_per_mm)


def moved(body: Body, by_mm: np.ndarray) -> Body:
    return replace(body, vertices=tuple(v + by_mm for v in body.vertices), ends=body.ends + by_mm)


def _offset(
    vertices: tuple[np.ndarray, ...], ends: np.ndarray, side_mm: float, variety: Variety, rng: np.random.Generator
) -> np.ndarray:
    """(3,) millimetres that bring the hand into the image."""
    hand = np.vstack([v[::7, :2] for v in vertices[:27]])
    low, high = hand.min(0), hand.max(0)
    wrist = ends[anatomy.INDEX["Capitate"]].mean(0)[0]
    if variety == "upright_adult":
        middle = 0.55 * (low[0] + high[0]) / 2 + 0.45 * wrist
        x = side_mm * (0.5 + rng.normal(0, 0.025)) - middle
        x = np.clip(x, 0.05 * side_mm - low[0], 0.95 * side_mm - high[0])
        # A fifth of the image's height is left to the forearm at least.
        y = min(side_mm * rng.uniform(0.085, 0.145) - low[1], 0.8 * side_mm - ends[FOREARM[0], 0, 1])
        return np.array([x, max(y, 0.02 * side_mm - low[1]), 0.0])
    span = high - low
    room = side_mm - span
    at = low + span / 2
    centre = side_mm / 2 + np.clip(room, 0, None) * rng.uniform(-0.42, 0.42, 2)
    if rng.random() < 0.12:
        centre = centre + rng.normal(0, 0.12, 2) * span
    return np.array([*(centre - at), 0.0])
