"""Rotations and rigid motions of points in millimetres."""

import numpy as np
from numpy.typing import ArrayLike


def rotation(axis: ArrayLike, degrees: float) -> np.ndarray:
    """(3, 3) rotation about an axis (Rodrigues)."""
    x, y, z = np.asarray(axis, np.float64) / np.linalg.norm(axis)
    angle = np.deg2rad(degrees)
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    return np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * cross @ cross


def about(point: np.ndarray, rotation: np.ndarray) -> np.ndarray:
    """(3, 4) rotation about a point."""
    return np.column_stack([rotation, point - rotation @ point])


def after(second: np.ndarray, first: np.ndarray) -> np.ndarray:
    """(3, 4) the first motion, then the second."""
    return np.column_stack([second[:, :3] @ first[:, :3], second[:, :3] @ first[:, 3] + second[:, 3]])
