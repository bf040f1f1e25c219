"""Rotations and rigid motions of points in millimetres."""

import math
from collections.abc import Sequence

import numpy as np


def rotation(axis: Sequence[float] | np.ndarray, degrees: float) -> np.ndarray:
    """(3, 3) rotation about an axis (Rodrigues)."""
    # With Python's numbers: NumPy takes ten times as long for three.
    x, y, z = map(float, axis)
    length = math.sqrt(x * x + y * y + z * z)
    x, y, z = x / length, y / length, z / length
    angle = math.radians(degrees)
    cosine, sine = math.cos(angle), math.sin(angle)
    rest = 1 - cosine
    return np.array(
        [
            [cosine + rest * x * x, rest * x * y - sine * z, rest * x * z + sine * y],
            [rest * x * y + sine * z, cosine + rest * y * y, rest * y * z - sine * x],
            [rest * x * z - sine * y, rest * y * z + sine * x, cosine + rest * z * z],
        ]
    )


def about(point: np.ndarray, rotation: np.ndarray) -> np.ndarray:
    """(3, 4) rotation about a point."""
    motion = np.empty((3, 4))
    motion[:, :3] = rotation
    motion[:, 3] = point - rotation @ point
    return motion


def after(second: np.ndarray, first: np.ndarray) -> np.ndarray:
    """(3, 4) the first motion, then the second."""
    motion = second[:, :3] @ first
    motion[:, 3] += second[:, 3]
    return motion
