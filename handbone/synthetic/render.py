"""Projects closed bone meshes to ray lengths: along each row of pixels, the depth's changes at the edges are added up.

A ray enters a closed surface as often as it leaves it, so the sum of the depths where it leaves minus the depths where
it enters is the length of the ray inside. Along a row that sum is a chain of straight pieces that bends where the row
crosses an edge of the mesh: there the slope of one face takes the place of its neighbour's. Two running sums over the
bends give the length at every pixel's centre, without sorting and with one visit to each edge.
"""

import math

import numba
import numpy as np

# Square pixels below which a face is seen from its edge, and has no slope that could be told.
_THIN = 1e-9


def edges_of(faces: np.ndarray) -> np.ndarray:
    """Edges (e, 4) int32 of a closed mesh with faces (m, 3): from, to, the face walked so, and the one walked back."""
    starts, ends = faces.ravel(), np.roll(faces, -1, axis=1).ravel()
    forward = starts < ends
    ways = []
    for way in (forward, ~forward):
        low, high = np.minimum(starts, ends)[way], np.maximum(starts, ends)[way]
        ways.append(np.flatnonzero(way)[np.lexsort((high, low))])
    there, back = ways
    return np.column_stack([starts[there], ends[there], there // 3, back // 3]).astype(np.int32)


@numba.njit(cache=True, nogil=True)
def _faces_seen(points: np.ndarray, faces: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Each face's change of depth a pixel to the right (m,), and the side that it shows (m,): 1, -1, or 0 for none."""
    slopes, sides = np.zeros(faces.shape[0]), np.zeros(faces.shape[0], np.int8)
    for face in range(faces.shape[0]):
        a, b, c = faces[face, 0], faces[face, 1], faces[face, 2]
        ax, ay, az = points[a, 0], points[a, 1], points[a, 2]
        bx, by, bz = points[b, 0] - ax, points[b, 1] - ay, points[b, 2] - az
        cx, cy, cz = points[c, 0] - ax, points[c, 1] - ay, points[c, 2] - az
        area = bx * cy - by * cx
        if abs(area) > _THIN:
            slopes[face] = (bz * cy - cz * by) / area
            sides[face] = 1 if area > 0 else -1
    return slopes, sides


@numba.njit(cache=True, nogil=True)
def _add_bends(
    bends: np.ndarray,
    layers: np.ndarray,
    points: np.ndarray,
    edges: np.ndarray,
    slopes: np.ndarray,
    sides: np.ndarray,
    left: int,
    top: int,
) -> None:
    """Add what every edge changes to the right of where a row crosses it.

    bends: (h, w, 2) changes of the depths' sum and of its slope, from this pixel on; the first pixel is the image's
    (left, top). layers: (h, w) changes of the count of faces over a pixel, or of its negative.
    """
    height, width = layers.shape
    rows = np.empty(points.shape[0], np.int32)
    for point in range(points.shape[0]):
        rows[point] = max(0, min(height, int(np.ceil(points[point, 1] - top))))
    for edge in range(edges.shape[0]):
        a, b, way = edges[edge, 0], edges[edge, 1], 1
        if rows[a] == rows[b]:
            continue
        if rows[a] > rows[b]:
            a, b, way = b, a, -1
        ay, by = points[a, 1] - top, points[b, 1] - top
        ax, az = points[a, 0] - left, points[a, 2]
        across = (points[b, 0] - left - ax) / (by - ay)
        face, other = edges[edge, 2], edges[edge, 3]
        bend = way * (slopes[face] - slopes[other])
        layer = way * (sides[face] - sides[other])
        # Faces seen from their edge leave a step: the depth of the neighbour begins or ends here.
        step = way * (abs(sides[face]) - abs(sides[other]))
        deeper = (points[b, 2] - az) / (by - ay) if step else 0.0
        for row in range(rows[a], rows[b]):
            x = ax + (row - ay) * across
            column = max(0, int(np.ceil(x)))
            if column >= width:
                continue
            bends[row, column, 0] += bend * (column - x)
            bends[row, column, 1] += bend
            if layer:
                layers[row, column] += layer
            if step:
                bends[row, column, 0] += step * (az + (row - ay) * deeper)


@numba.njit(cache=True, nogil=True)
def _summed(bends: np.ndarray, layers: np.ndarray) -> np.ndarray:
    """Lengths (h, w) as float32, turned to positive sums; 0 where they are negative then, and where no face is."""
    lengths = np.empty(layers.shape, np.float32)
    total = 0.0
    for row in range(layers.shape[0]):
        length, slope, count = 0.0, 0.0, 0
        for column in range(layers.shape[1]):
            count += layers[row, column]
            length += slope + bends[row, column, 0]
            slope += bends[row, column, 1]
            if count == 0:
                length = slope = 0.0
            total += length
            lengths[row, column] = length
    sign = np.float32(1.0 if total >= 0 else -1.0)
    for row in range(layers.shape[0]):
        for column in range(layers.shape[1]):
            lengths[row, column] = max(sign * lengths[row, column], np.float32(0.0))
    return lengths


@numba.njit(cache=True, nogil=True)
def _lengths(
    points: np.ndarray, faces: np.ndarray, edges: np.ndarray, left: int, top: int, height: int, width: int
) -> np.ndarray:
    bends, layers = np.zeros((height, width, 2)), np.zeros((height, width), np.int16)
    slopes, sides = _faces_seen(points, faces)
    _add_bends(bends, layers, points, edges, slopes, sides, left, top)
    return _summed(bends, layers)


@numba.njit(cache=True, nogil=True)
def _reach(points: np.ndarray) -> tuple[float, float, float, float]:
    """Least and greatest x and y of points (n, 2+)."""
    left, top, right, bottom = np.inf, np.inf, -np.inf, -np.inf
    for point in range(points.shape[0]):
        x, y = points[point, 0], points[point, 1]
        left, right, top, bottom = min(left, x), max(right, x), min(top, y), max(bottom, y)
    return left, top, right, bottom


def box_of(points: np.ndarray, size_hw: tuple[int, int], margin: int = 2) -> tuple[int, int, int, int]:
    """The half-open box (left, top, right, bottom) of points (n, 2+) in an image; empty boxes are (0, 0, 0, 0)."""
    least_x, least_y, most_x, most_y = _reach(points)
    left, top = max(math.floor(least_x) - margin, 0), max(math.floor(least_y) - margin, 0)
    right = min(math.ceil(most_x) + margin + 1, size_hw[1])
    bottom = min(math.ceil(most_y) + margin + 1, size_hw[0])
    if left >= right or top >= bottom:
        return 0, 0, 0, 0
    return left, top, right, bottom


def ray_lengths(
    points: np.ndarray, faces: np.ndarray, box_xyxy: tuple[int, int, int, int], edges: np.ndarray | None = None
) -> np.ndarray:
    """Ray lengths of a closed mesh along z.

    Parameters
    ----------
    points: (n, 3) float64, x and y in pixels of the image, z in the unit that the lengths shall have.
    faces: (m, 3) integer, all turned outwards or all turned inwards.
    box_xyxy: half-open box of the image to fill.
    edges: `edges_of(faces)`, where the caller keeps them.

    Returns
    -------
    (bottom - top, right - left) float32, 0 outside the mesh and where an inverted part gives a negative length.
    """
    left, top, right, bottom = box_xyxy
    edges = edges_of(faces) if edges is None else edges
    return _lengths(points, faces, edges, left, top, bottom - top, right - left)
