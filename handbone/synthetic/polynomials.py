"""Exponential and cosine as polynomials: loops that call them take many numbers at once, unlike those of libraries."""

import numba
import numpy as np

# In single precision, so that a sum with them has the precision of the other number.
_HALF, _ONE, _TWO = np.float32(0.5), np.float32(1), np.float32(2)


@numba.njit(cache=True, nogil=True, inline="always")
def exponential(x: float) -> float:
    """exp(x) for |x| of 3 at most, to 1e-9 of itself: the eighth power of a Taylor polynomial of an eighth of x."""
    y = 0.125 * x
    series = 1.0 + y / 8.0 * (1.0 + y / 9.0)
    series = 1.0 + y / 5.0 * (1.0 + y / 6.0 * (1.0 + y / 7.0 * series))
    series = 1.0 + y * (1.0 + y / 2.0 * (1.0 + y / 3.0 * (1.0 + y / 4.0 * series)))
    square = series * series
    fourth = square * square
    return fourth * fourth


@numba.njit(cache=True, nogil=True, inline="always")
def cosine(x: np.float32) -> np.float32:
    """cos(x) in single precision: 1 - 2 sin(x / 2) ** 2, the sine by its Taylor polynomial over half a turn."""
    turns = x * np.float32(1 / (2 * np.pi))
    turns -= np.floor(turns + _HALF)
    half = turns * np.float32(np.pi)
    square = half * half
    series = np.float32(1 / 362880) - square * np.float32(1 / 39916800)
    series = np.float32(1 / 120) + square * (square * series - np.float32(1 / 5040))
    sine = half * (_ONE + square * (square * series - np.float32(1 / 6)))
    return _ONE - _TWO * sine * sine
