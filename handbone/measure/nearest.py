"""Where two contours run closest to each other, exactly, without a spatial tree.

Both are cut into short stretches. A stretch is looked at point by point only where its distance to the other contour,
by the triangle inequality, may be small enough.
"""

import numpy as np

_STRETCH = 16  # points; square root of a contour's few hundred


def close_points(mine: np.ndarray, theirs: np.ndarray, slack: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Points of a contour that are at most `slack` farther from another one than its nearest point is.

    Parameters
    ----------
    mine, theirs: (n, 2) and (m, 2) float64, points in the order of their contours.

    Returns
    -------
    Those points (k, 2) in their order, those of the other contour nearest to each (k, 2), and their distances (k,).
    """
    (my_middles, my_radii), (their_middles, their_radii) = _stretches(mine), _stretches(theirs)
    between = _distances(my_middles, their_middles)
    # Middles are points of the contours, so that no two nearest points are farther apart.
    close = between - my_radii[:, None] - their_radii[None] <= between.min() + slack
    mine, theirs = mine[_points_of(close.any(1), len(mine))], theirs[_points_of(close.any(0), len(theirs))]
    distances = _distances(mine, theirs)
    indices = distances.argmin(1)
    nearest = distances[np.arange(len(mine)), indices]
    kept = nearest <= nearest.min() + slack
    return mine[kept], theirs[indices[kept]], nearest[kept]


def _stretches(points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The middle point (k, 2) of each stretch, and how far its points lie from it at most (k,)."""
    count = -(-len(points) // _STRETCH)
    # The last one is filled up with its own end.
    rows = np.minimum(np.arange(count * _STRETCH), len(points) - 1).reshape(count, _STRETCH)
    parts = points[rows]
    middles = parts[:, _STRETCH // 2]
    return middles, np.linalg.norm(parts - middles[:, None], axis=-1).max(1)


def _points_of(stretches: np.ndarray, count: int) -> np.ndarray:
    return np.flatnonzero(np.repeat(stretches, _STRETCH)[:count])


def _distances(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return np.hypot(a[:, None, 0] - b[None, :, 0], a[:, None, 1] - b[None, :, 1])
