"""Compiled loops over the vertices of a bone: each takes one walk over them where NumPy takes one for every sum."""

import numba
import numpy as np

from handbone.synthetic.polynomials import cosine, exponential


@numba.njit(cache=True, nogil=True)
def grown(
    local: np.ndarray,
    share: np.ndarray,
    narrow: np.ndarray,
    scale: np.ndarray,
    waves: np.ndarray,
    reach: float,
    roll: float,
) -> np.ndarray:
    """Points (n, 3) of a bone in its own frame, in a patient's size and with a patient's waist and bow.

    share: (n,) of the way along the bone. narrow: (n,) factor of the width. scale: (3,). waves: (4,) see `Shape`.
    reach: length in millimetres that counts for the bow. roll: radians about the bone's own long axis.
    """
    first, second, bow, arch = waves
    cosine_of_roll, sine_of_roll = np.cos(roll), np.sin(roll)
    moved = np.empty(local.shape)
    for k in range(local.shape[0]):
        wave = cosine(np.pi * share[k])
        widen = (1 + first * wave + second * (2 * wave * wave - 1)) * narrow[k]
        bent = reach * 4 * share[k] * (1 - share[k])
        x = local[k, 0] * scale[0] * widen + bow * bent
        z = local[k, 2] * scale[2] * widen + arch * bent
        moved[k, 0] = cosine_of_roll * x + sine_of_roll * z
        moved[k, 1] = local[k, 1] * scale[1]
        moved[k, 2] = cosine_of_roll * z - sine_of_roll * x
    return moved


@numba.njit(cache=True, nogil=True, fastmath=True)
def sum_of_waves(points: np.ndarray, frequencies: np.ndarray, phases: np.ndarray, amplitudes: np.ndarray) -> np.ndarray:
    """Vectors (n, 3) float32 at points (n, 3): the sum over k of amplitudes * cos(frequencies . point + phases).

    frequencies, amplitudes: (k, 3) float32. phases: (k,) float32.
    """
    count = points.shape[0]
    # Axis by axis, so that the processor takes many points at once.
    place, found = np.empty((3, count), np.float32), np.zeros((3, count), np.float32)
    for k in range(count):
        for axis in range(3):
            place[axis, k] = points[k, axis]
    x, y, z = place
    for mode in range(phases.shape[0]):
        fx, fy, fz = frequencies[mode]
        ax, ay, az = amplitudes[mode]
        phase = phases[mode]
        for k in range(count):
            wave = cosine(x[k] * fx + y[k] * fy + z[k] * fz + phase)
            found[0, k] += wave * ax
            found[1, k] += wave * ay
            found[2, k] += wave * az
    vectors = np.empty((count, 3), np.float32)
    for k in range(count):
        for axis in range(3):
            vectors[k, axis] = found[axis, k]
    return vectors


@numba.njit(cache=True, nogil=True)
def projected(points: np.ndarray, floor: float, tube: float, linear: np.ndarray, deeper: float) -> np.ndarray:
    """Points (n, 3) in millimetres as a cone of rays shows them: x and y on the detector, z times `deeper`.

    The tube stands `tube` millimetres above the hand's middle and the detector, which lies at z = `floor`.
    linear: (2, 2) the detector's axes.
    """
    shown = np.empty_like(points)
    for k in range(points.shape[0]):
        # What lies higher appears larger.
        grow = tube / (tube - (points[k, 2] - floor))
        x, y = points[k, 0] * grow, (points[k, 1] + 40.0) * grow
        shown[k, 0] = x * linear[0, 0] + y * linear[0, 1]
        shown[k, 1] = x * linear[1, 0] + y * linear[1, 1]
        shown[k, 2] = points[k, 2] * deeper
    return shown


@numba.njit(cache=True, nogil=True, fastmath=True)
def walls(
    along: np.ndarray,
    depth: np.ndarray,
    vertices: np.ndarray,
    wall: np.ndarray,
    pattern: np.ndarray,
    shift: np.ndarray,
    wave: np.ndarray,
    rough: float,
) -> np.ndarray:
    """Cortical thickness (n,) of a bone in millimetres, which strays: bays, thick and thin sides, all of it.

    along: (n,) share of the way along the bone. depth: (n,) millimetres to the bone's other side. vertices: (n, 3) in
    millimetres. wall: (6,) the shares between which the shaft lies and that over which its wall rises, the shaft's wall
    and its greatest as shares of the depth, and the shell elsewhere in millimetres. pattern: (c, c), of a side that is
    a power of two, read from `shift` (2,) on. wave: (5,) radians a millimetre along each axis, radians at the start,
    and what all of the wall strays by. rough: how far it strays.
    """
    low, high, rise, share, most, shell = wall
    last = np.int32(pattern.shape[0] - 1)
    thick = np.empty(along.shape[0])
    for k in range(along.shape[0]):
        x, y, z = vertices[k, 0], vertices[k, 1], vertices[k, 2]
        middle = min(1.0, max(0.0, min(along[k] - low, high - along[k]) / rise))
        middle = middle * middle * (3 - 2 * middle)
        even = min(shell + middle * max(share * depth[k] - shell, 0.0), most * depth[k])
        bays = pattern[np.int32(2 * y + shift[1]) & last, np.int32(2 * x + shift[0]) & last]
        sides = cosine(x * wave[0] + y * wave[1] + z * wave[2] + wave[3] - 0.5 * np.pi)
        uneven = even * exponential(rough * (bays + 3 * sides + wave[4]))
        # The inner side would cross itself where walls met.
        thick[k] = min(uneven, max(even, 0.25 * depth[k]))
    return thick


@numba.njit(cache=True, nogil=True)
def surfaces(
    vertices: np.ndarray, faces: np.ndarray, wall: np.ndarray, px_per_mm: float
) -> tuple[np.ndarray, np.ndarray]:
    """A bone's surface and that of its cavity, (n, 3) each: x and y in pixels, z in millimetres.

    vertices: (n, 3) in millimetres; inwards of them by `wall` (n,) along area-weighted normals lies the cavity.
    """
    normals = np.zeros_like(vertices)
    for f in range(faces.shape[0]):
        a, b, c = faces[f, 0], faces[f, 1], faces[f, 2]
        x, y, z = vertices[a, 0], vertices[a, 1], vertices[a, 2]
        ux, uy, uz = vertices[b, 0] - x, vertices[b, 1] - y, vertices[b, 2] - z
        vx, vy, vz = vertices[c, 0] - x, vertices[c, 1] - y, vertices[c, 2] - z
        nx, ny, nz = uy * vz - uz * vy, uz * vx - ux * vz, ux * vy - uy * vx
        for k in (a, b, c):
            normals[k, 0] += nx
            normals[k, 1] += ny
            normals[k, 2] += nz
    outer, inner = np.empty_like(vertices), np.empty_like(vertices)
    scale = np.array([px_per_mm, px_per_mm, 1.0])
    for k in range(vertices.shape[0]):
        length = np.sqrt(normals[k, 0] ** 2 + normals[k, 1] ** 2 + normals[k, 2] ** 2) + 1e-12
        for axis in range(3):
            outer[k, axis] = vertices[k, axis] * scale[axis]
            inner[k, axis] = (vertices[k, axis] - wall[k] * normals[k, axis] / length) * scale[axis]
    return outer, inner
