"""Compiled loops over the vertices of a bone and over its pixels."""

import numba
import numpy as np


@numba.njit(cache=True, nogil=True)
def moved_inwards(points: np.ndarray, faces: np.ndarray, wall: np.ndarray) -> np.ndarray:
    """Points (n, 3) moved inwards by `wall` (n,) along their area-weighted normals."""
    normals = np.zeros_like(points)
    for f in range(faces.shape[0]):
        a, b, c = faces[f, 0], faces[f, 1], faces[f, 2]
        ux, uy, uz = points[b, 0] - points[a, 0], points[b, 1] - points[a, 1], points[b, 2] - points[a, 2]
        vx, vy, vz = points[c, 0] - points[a, 0], points[c, 1] - points[a, 1], points[c, 2] - points[a, 2]
        nx, ny, nz = uy * vz - uz * vy, uz * vx - ux * vz, ux * vy - uy * vx
        for k in (a, b, c):
            normals[k, 0] += nx
            normals[k, 1] += ny
            normals[k, 2] += nz
    moved = np.empty_like(points)
    for k in range(points.shape[0]):
        length = np.sqrt(normals[k, 0] ** 2 + normals[k, 1] ** 2 + normals[k, 2] ** 2) + 1e-12
        for axis in range(3):
            moved[k, axis] = points[k, axis] - wall[k] * normals[k, axis] / length
    return moved


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
    values: tuple[float, ...],
    plate: tuple[float, ...],
) -> None:
    """Add one bone's attenuation to `total` (H, W)."""
    cortical, marrow, hollow, trabeculae, porosity, slope_v, slope_u, scale = values
    plate_at, plate_width, plate_dark, bright_before, bright_after = plate
    cells = pattern.shape[0]
    for row in range(outer.shape[0]):
        for column in range(outer.shape[1]):
            length = outer[row, column]
            if length <= 0:
                continue
            inside = min(inner[row, column], length)
            x, y = left + column - tip[0], top + row - tip[1]
            v = (x * along[0] + y * along[1]) / px_per_mm
            u = (y * along[0] - x * along[1]) / px_per_mm
            t = min(1.0, max(0.0, v / span))
            # Struts fill the ends, the middle of a shaft is hollow.
            full = 1.0 - hollow * min(1.0, max(0.0, 4.5 * min(t - 0.08, 0.92 - t)))
            tu, tv = u * scale + shift[0], v * scale + shift[1]
            iu, iv = int(np.floor(tu)), int(np.floor(tv))
            fu, fv = tu - iu, tv - iv
            # The side is a power of two.
            iu, iv = iu & (cells - 1), iv & (cells - 1)
            ju, jv = (iu + 1) & (cells - 1), (iv + 1) & (cells - 1)
            low = pattern[iv, iu] * (1 - fu) + pattern[iv, ju] * fu
            high = pattern[jv, iu] * (1 - fu) + pattern[jv, ju] * fu
            strut = low * (1 - fv) + high * fv
            value = cortical * (length - inside) * max(0.2, 1 + porosity * strut)
            value += marrow * inside * full * max(0.0, 1 + trabeculae * strut / (1 + 0.07 * inside))
            value *= 1 + slope_v * (2 * t - 1) + slope_u * min(1.0, max(-1.0, 5 * u / span))
            if plate_width > 0:
                off = v - plate_at - 0.3 * np.sin(u * 0.8 + shift[0]) - 0.3 * np.sin(u * 0.37 + shift[1])
                off /= plate_width
                rim = np.exp(-((abs(off) - 1.5) ** 2) * 2.2)
                value *= 1 - plate_dark * np.exp(-(off**4)) + (bright_before if off < 0 else bright_after) * rim
            total[top + row, left + column] += value
