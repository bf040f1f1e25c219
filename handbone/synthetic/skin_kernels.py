"""Compiled loops over the cells of a grid around the hand, and over the pixels between them."""

import numba
import numpy as np

from handbone.synthetic.polynomials import exponential

CELL = 8  # pixels of the image per cell in which distances are computed


@numba.njit(cache=True, nogil=True, fastmath=True)
def distances(
    parts: np.ndarray, digits: np.ndarray, left: float, top: float, step: float, height: int, width: int, web: float
) -> tuple[np.ndarray, np.ndarray]:
    """Distance to the skin (negative inside) and half thickness on a grid of `step` millimetres from (left, top)."""
    distance = np.empty((height, width), np.float32)
    half = np.empty((height, width), np.float32)
    most = np.exp(30.0 / 2.5)
    palm, finger, weight, mean = np.empty((4, width))
    for row in range(height):
        y = top + row * step
        palm[:], finger[:], weight[:], mean[:] = 0.0, 1e9, 1e-12, 0.0
        for k in range(parts.shape[0]):
            ax, ay, ra, bx, by, rb, deep = parts[k]
            dx, dy, in_palm = bx - ax, by - ay, digits[k] == 0
            square = dx * dx + dy * dy
            # A capsule without length has its first end everywhere.
            whole = 0.0 if square < 1e-9 else 1 / square
            # Without branches, so that the processor takes many cells at once.
            for column in range(width):
                x = left + column * step - ax
                t = min(1.0, max(0.0, (x * dx + (y - ay) * dy) * whole))
                u, v = x - t * dx, y - ay - t * dy
                d = np.sqrt(u * u + v * v) - (ra + t * (rb - ra))
                # One exponential for both: exp(-d / 4) is its fifth power, exp(-d / 2.5) its eighth.
                root = exponential(min(3.0, max(-3.0, -d / 20.0)))
                fourth = root * root * root * root
                palm[column] += fourth * root if in_palm else 0.0
                finger[column] = min(finger[column], 1e9 if in_palm else d)
                share = min(fourth * fourth, most)
                weight[column] += share
                mean[column] += share * deep
        for column in range(width):
            smooth = -4.0 * np.log(palm[column] + 1e-12) + 3.0
            # Polynomial smooth minimum (Quilez): webs appear only where fingers meet the palm.
            h = min(1.0, max(0.0, 0.5 + 0.5 * (finger[column] - smooth) / web))
            distance[row, column] = finger[column] * (1 - h) + smooth * h - web * h * (1 - h)
            half[row, column] = mean[column] / weight[column] if weight[column] > 1e-9 else 10.0
    return distance, half


@numba.njit(cache=True, nogil=True, fastmath=True)
def on_pixels(distance: np.ndarray, half: np.ndarray, height: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    """Skin distance (height, width) from a grid of every eighth pixel, and lengths of rays through the flesh.

    Between cells both are linear: a cubic's contour would be scalloped where it does not keep a slope straight.
    """
    zero, one, two, least = np.float32(0), np.float32(1), np.float32(2), np.float32(1e-6)
    cells = distance.shape[1] - 1
    skin, lengths = np.empty((height, width), np.float32), np.empty((height, width), np.float32)
    deep = np.empty(cells * CELL, np.float32)
    near = np.empty(cells * CELL, np.float32)
    for row in range(height):
        above, part = row // CELL + 1, np.float32(row % CELL) / np.float32(CELL)
        _along_a_row(near, distance[above], distance[above + 1], part)
        _along_a_row(deep, half[above], half[above + 1], part)
        # Without branches, so that the processor takes many pixels at once; outside of the skin the root is of 0.
        for column in range(width):
            # The grid begins a cell before the image.
            d, h = near[column + CELL], deep[column + CELL]
            u = min(one, max(zero, -d / max(h, least)))
            skin[row, column] = d
            lengths[row, column] = two * h * np.sqrt(u * (two - u))
    return skin, lengths


@numba.njit(cache=True, nogil=True, fastmath=True)
def _along_a_row(line: np.ndarray, above: np.ndarray, below: np.ndarray, part: float) -> None:
    """Fill a row of pixels from the cells above it and below it, of which these have `part` of the weight."""
    start = above[0] + part * (below[0] - above[0])
    for cell in range(above.shape[0] - 1):
        stop = above[cell + 1] + part * (below[cell + 1] - above[cell + 1])
        step = (stop - start) / np.float32(CELL)
        for pixel in range(CELL):
            line[cell * CELL + pixel] = start + np.float32(pixel) * step
        start = stop
