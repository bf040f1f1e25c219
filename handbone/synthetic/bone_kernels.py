"""Compiled loops over the pixels of a bone."""

import numba
import numpy as np

# Half widths of a growth plate beyond which nothing of it is left.
_PLATE_REACH = 5.0


@numba.njit(cache=True, nogil=True, fastmath=True)
def add_bone(
    total: np.ndarray,
    outer: np.ndarray,
    inner: np.ndarray,
    left: int,
    top: int,
    tip: np.ndarray,
    along: np.ndarray,
    span: float,
    px_per_mm: float,
    pattern: np.ndarray,
    shift: np.ndarray,
    values: np.ndarray,
    plate: np.ndarray,
) -> None:
    """Add one bone's attenuation to `total` (H, W)."""
    cortical, marrow, hollow, trabeculae, porosity, slope_v, slope_u, scale = values
    cells, last, flat = np.int32(pattern.shape[0]), np.int32(pattern.shape[0] - 1), pattern.ravel()
    line = np.empty(outer.shape[1])
    right, down = along / px_per_mm
    for row in range(outer.shape[0]):
        start, stop = 0, outer.shape[1]
        while start < stop and outer[row, start] <= 0:
            start += 1
        while stop > start and outer[row, stop - 1] <= 0:
            stop -= 1
        y = top + row - tip[1]
        # Without branches, so that the processor takes many pixels at once; outside of the bone lengths are 0.
        for column in range(start, stop):
            x = left + column - tip[0]
            length = np.float64(outer[row, column])
            inside = min(np.float64(inner[row, column]), length)
            v, u = x * right + y * down, y * right - x * down
            t = min(1.0, max(0.0, v / span))
            # Struts fill the ends, the middle of a shaft is hollow.
            full = 1.0 - hollow * min(1.0, max(0.0, 4.5 * min(t - 0.08, 0.92 - t)))
            tu, tv = u * scale + shift[0], v * scale + shift[1]
            below_u, below_v = np.floor(tu), np.floor(tv)
            fu, fv = tu - below_u, tv - below_v
            # The side is a power of two.
            iu, iv = np.int32(below_u) & last, np.int32(below_v) & last
            ju, jv = (iu + 1) & last, (iv + 1) & last
            low = flat[iv * cells + iu] * (1 - fu) + flat[iv * cells + ju] * fu
            high = flat[jv * cells + iu] * (1 - fu) + flat[jv * cells + ju] * fu
            strut = low * (1 - fv) + high * fv
            value = cortical * (length - inside) * max(0.2, 1 + porosity * strut)
            value += marrow * inside * full * max(0.0, 1 + trabeculae * strut / (1 + 0.07 * inside))
            line[column] = value * (1 + slope_v * (2 * t - 1) + slope_u * min(1.0, max(-1.0, 5 * u / span)))
        if plate[1] > 0:
            _cross_plate(line, start, stop, left - tip[0], y, right, down, shift, plate)
        for column in range(start, stop):
            total[top + row, left + column] += line[column]


@numba.njit(cache=True, nogil=True, fastmath=True)
def _cross_plate(
    line: np.ndarray,
    start: int,
    stop: int,
    left: float,
    y: float,
    right: float,
    down: float,
    shift: np.ndarray,
    plate: np.ndarray,
) -> None:
    """Darken the growth plate in a row of a bone's attenuation, and brighten the rims on both of its sides."""
    place, width, dark, bright_before, bright_after = plate
    for column in range(start, stop):
        x = left + column
        v, u = x * right + y * down, y * right - x * down
        if abs(v - place) > _PLATE_REACH * width + 0.6:
            continue
        off = v - place - 0.3 * np.sin(u * 0.8 + shift[0]) - 0.3 * np.sin(u * 0.37 + shift[1])
        off /= width
        rim = np.exp(-((abs(off) - 1.5) ** 2) * 2.2)
        line[column] *= 1 - dark * np.exp(-(off**4)) + (bright_before if off < 0 else bright_after) * rim
