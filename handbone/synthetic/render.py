"""Projects closed bone meshes to ray lengths: signed depth per triangle, added up over a pixel grid.

A ray enters a closed surface as often as it leaves it, so the sum of the depths where it leaves minus the depths where
it enters is the length of the ray inside. Adding `sign * depth` for every triangle that covers a pixel's centre gives
that length for all pixels without sorting; neighbours share an edge by one rule, so that no pixel is counted twice or
missed.
"""

import math

import numba
import numpy as np

# Pixels by which rounding may move the place where a row crosses an edge.
_SLACK = 1e-6


@numba.njit(cache=True, nogil=True)
def _add_depths(lengths: np.ndarray, points: np.ndarray, faces: np.ndarray, left: int, top: int) -> None:
    """Add the signed depth of every face to `lengths` (h, w), whose first pixel is the image's (left, top)."""
    height, width = lengths.shape
    for face in range(faces.shape[0]):
        a, b, c = faces[face, 0], faces[face, 1], faces[face, 2]
        ax, ay, az = points[a, 0] - left, points[a, 1] - top, points[a, 2]
        bx, by, bz = points[b, 0] - left, points[b, 1] - top, points[b, 2]
        cx, cy, cz = points[c, 0] - left, points[c, 1] - top, points[c, 2]
        first = max(0, int(np.ceil(min(ay, by, cy))))
        last = min(height - 1, int(np.ceil(max(ay, by, cy))) - 1)
        # Most triangles are smaller than a pixel and cover the centre of none.
        if first > last or np.ceil(min(ax, bx, cx) - _SLACK) >= np.ceil(max(ax, bx, cx) + _SLACK):
            continue
        area = (bx - ax) * (cy - ay) - (by - ay) * (cx - ax)
        if area == 0.0:
            continue
        slope_x = ((bz - az) * (cy - ay) - (cz - az) * (by - ay)) / area
        slope_y = ((cz - az) * (bx - ax) - (bz - az) * (cx - ax)) / area
        sign = 1.0 if area > 0 else -1.0
        x_ab, y_ab, slope_ab = _edge(ax, ay, bx, by)
        x_bc, y_bc, slope_bc = _edge(bx, by, cx, cy)
        x_ca, y_ca, slope_ca = _edge(cx, cy, ax, ay)
        for row in range(first, last + 1):
            # Where the row crosses the triangle's edges; half-open rules give each shared edge to one side only.
            low, high = np.inf, -np.inf
            if (ay <= row) != (by <= row):
                x = x_ab + (row - y_ab) * slope_ab
                low, high = min(low, x), max(high, x)
            if (by <= row) != (cy <= row):
                x = x_bc + (row - y_bc) * slope_bc
                low, high = min(low, x), max(high, x)
            if (cy <= row) != (ay <= row):
                x = x_ca + (row - y_ca) * slope_ca
                low, high = min(low, x), max(high, x)
            if low > high:
                continue
            start = max(0, int(np.ceil(low)))
            stop = min(width, int(np.ceil(high)))
            depth = az + slope_x * (start - ax) + slope_y * (row - ay)
            for column in range(start, stop):
                lengths[row, column] += sign * depth
                depth += slope_x


@numba.njit(cache=True, nogil=True, inline="always")
def _edge(ax: float, ay: float, bx: float, by: float) -> tuple[float, float, float]:
    """An edge's upper end, whichever way round the edge comes, and its x a row; 0 along a row, which no row crosses."""
    if ay > by:
        ax, ay, bx, by = bx, by, ax, ay
    return ax, ay, (bx - ax) / (by - ay) if by > ay else 0.0


@numba.njit(cache=True, nogil=True)
def _positive(lengths: np.ndarray) -> np.ndarray:
    """Lengths (h, w) as float32, turned to positive sums; 0 where they are negative then."""
    total = 0.0
    for row in range(lengths.shape[0]):
        for column in range(lengths.shape[1]):
            total += lengths[row, column]
    sign = 1.0 if total >= 0 else -1.0
    positive = np.empty(lengths.shape, np.float32)
    for row in range(lengths.shape[0]):
        for column in range(lengths.shape[1]):
            positive[row, column] = max(sign * lengths[row, column], 0.0)
    return positive


def box_of(points: np.ndarray, size_hw: tuple[int, int], margin: int = 2) -> tuple[int, int, int, int]:
    """The half-open box (left, top, right, bottom) of points (n, 2+) in an image; empty boxes are (0, 0, 0, 0)."""
    # x and y apart: NumPy compares pairs along an axis several times as slowly.
    x, y = points[:, 0], points[:, 1]
    left, top = max(math.floor(x.min()) - margin, 0), max(math.floor(y.min()) - margin, 0)
    right = min(math.ceil(x.max()) + margin + 1, size_hw[1])
    bottom = min(math.ceil(y.max()) + margin + 1, size_hw[0])
    if left >= right or top >= bottom:
        return 0, 0, 0, 0
    return left, top, right, bottom


def ray_lengths(points: np.ndarray, faces: np.ndarray, box_xyxy: tuple[int, int, int, int]) -> np.ndarray:
    """Ray lengths of a closed mesh along z.

    Parameters
    ----------
    points: (n, 3) float64, x and y in pixels of the image, z in the unit that the lengths shall have.
    faces: (m, 3) integer, all turned outwards or all turned inwards.
    box_xyxy: half-open box of the image to fill.

    Returns
    -------
    (bottom - top, right - left) float32, 0 outside the mesh and where an inverted part gives a negative length.
    """
    left, top, right, bottom = box_xyxy
    lengths = np.zeros((bottom - top, right - left), np.float64)
    _add_depths(lengths, points, faces, left, top)
    return _positive(lengths)
