"""Radius and Ulna as lofted solids: cross-sections along the shaft, closed by a joint surface.

The proportions are those of textbook adult anatomy (radial inclination about 20 degrees, palmar tilt about 11 degrees,
ulnar styloid) in millimetres for a third metacarpal of 65 mm; the contest's measurements then scale them. Coordinates
as in `build_assets`: x away from the thumb, y towards the elbow, z dorsal.
"""

from collections.abc import Callable

import numpy as np

LENGTH = 230.0
_COLUMNS = 72
_CAP_RINGS = 9


def loft_radius() -> tuple[np.ndarray, np.ndarray]:
    """Vertices (n, 3) and faces (m, 3) of the distal 230 mm of a right Radius, placed below the capitate."""
    # Distance from the rim along the bone, half width, half depth, and the section's centre (x, z).
    profile = np.array(
        [
            [0.0, 13.9, 8.2, 0.0, 0.0],
            [1.5, 14.9, 9.2, 0.0, 0.0],
            [5.0, 15.3, 10.0, 0.0, 0.0],
            [10.0, 14.9, 10.2, 0.0, 0.0],
            [16.0, 13.3, 9.6, 0.1, 0.0],
            [24.0, 10.9, 8.4, 0.2, 0.2],
            [34.0, 8.9, 7.0, 0.2, 0.6],
            [48.0, 7.5, 6.2, -0.6, 1.2],
            [75.0, 7.0, 6.2, -2.8, 2.0],
            [120.0, 7.2, 6.6, -4.2, 1.6],
            [170.0, 7.0, 6.4, -2.0, 0.0],
            [LENGTH, 6.8, 6.2, 3.0, -2.0],
        ]
    )

    def joint(x: np.ndarray, z: np.ndarray) -> np.ndarray:
        # Styloid towards the thumb, dorsal rim further distal than the palmar one, a shallow dish between.
        slope = -4.2 * np.tanh((-x - 1.0) / 9.0) - 1.8 * np.clip((-x - 9.0) / 5.0, 0, 1.2) ** 2
        dish = 2.6 * (1 - np.clip((x / 14.5) ** 2 + (z / 9.0) ** 2, 0, 1))
        return slope - 0.20 * z + dish

    vertices, faces = _loft(profile, joint, squareness=2.5)
    return vertices + np.array([-6.0, 24.5, -1.0]), faces


def loft_ulna() -> tuple[np.ndarray, np.ndarray]:
    """Vertices (n, 3) and faces (m, 3) of the distal 230 mm of a right Ulna, beside the Radius."""
    profile = np.array(
        [
            [0.0, 7.0, 6.6, 0.0, 0.0],
            [1.4, 8.1, 7.6, 0.0, 0.0],
            [4.0, 8.7, 8.2, 0.0, 0.0],
            [8.0, 8.4, 8.0, 0.1, 0.0],
            [13.0, 7.2, 6.8, 0.3, 0.0],
            [20.0, 6.0, 5.8, 0.6, 0.2],
            [32.0, 5.4, 5.3, 0.8, 0.5],
            [60.0, 5.8, 5.8, 0.6, 0.6],
            [110.0, 6.5, 6.8, 0.4, 0.2],
            [170.0, 7.2, 7.8, -1.0, 0.0],
            [LENGTH, 8.2, 9.2, -2.0, 0.0],
        ]
    )

    def joint(x: np.ndarray, z: np.ndarray) -> np.ndarray:
        styloid = -6.2 * np.exp(-(((x - 6.3) / 2.3) ** 2) - ((z - 1.0) / 2.8) ** 2)
        groove = 0.9 * np.exp(-(((x - 2.6) / 1.9) ** 2))
        return styloid + groove + 0.014 * (x**2 + z**2)

    vertices, faces = _loft(profile, joint, squareness=2.1)
    return vertices + np.array([18.5, 27.0, 2.5]), faces


def _loft(
    profile: np.ndarray, joint: Callable[[np.ndarray, np.ndarray], np.ndarray], *, squareness: float
) -> tuple[np.ndarray, np.ndarray]:
    """A closed surface: the joint's cap from its centre outwards, the shaft's sections, a point at the far end.

    profile: (k, 5) distance from the rim, half width, half depth, centre x and z of each section.
    joint: height (y) of the joint surface over (x, z), negative is distal.
    squareness: exponent of the sections' superellipse; 2 is an ellipse.
    """
    angle = np.arange(_COLUMNS) / _COLUMNS * 2 * np.pi
    unit_x = np.sign(np.cos(angle)) * np.abs(np.cos(angle)) ** (2 / squareness)
    unit_z = np.sign(np.sin(angle)) * np.abs(np.sin(angle)) ** (2 / squareness)
    rings = [np.array([[0.0, joint(np.zeros(1), np.zeros(1)).item(), 0.0]])]
    for share in np.sin(np.linspace(0, np.pi / 2, _CAP_RINGS + 1))[1:-1]:
        x, z = share * profile[0, 1] * unit_x, share * profile[0, 2] * unit_z
        rings.append(np.stack([x, joint(x, z), z], 1))
    rim = joint(profile[0, 1] * unit_x, profile[0, 2] * unit_z)
    for distance in _steps(profile[-1, 0]):
        width, depth, centre_x, centre_z = (_smooth(distance, profile[:, 0], profile[:, i]) for i in range(1, 5))
        # Near the joint the sections follow the slanted rim, further down they are level.
        y = distance + rim * np.exp(-distance / 14.0)
        rings.append(np.stack([centre_x + width * unit_x, y, centre_z + depth * unit_z], 1))
    rings.append(np.add(rings[-1].mean(0, keepdims=True), [[0.0, 1.0, 0.0]]))
    return np.vstack(rings), sphere_faces(len(rings) - 2, _COLUMNS)


def _steps(length: float) -> np.ndarray:
    """Distances of the sections: half a millimetre at the joint, growing to a few along the shaft."""
    steps = [0.0]
    while steps[-1] < length:
        steps.append(min(length, steps[-1] + 0.4 + 0.045 * steps[-1]))
    return np.array(steps)


def _smooth(x: float, xs: np.ndarray, ys: np.ndarray) -> float:
    """Catmull-Rom interpolation over uneven knots."""
    slopes = np.gradient(ys, xs)
    k = int(np.clip(np.searchsorted(xs, x, side="right") - 1, 0, len(xs) - 2))
    h = xs[k + 1] - xs[k]
    t = (x - xs[k]) / h
    a, b = (2 * t**3 - 3 * t**2 + 1), (t**3 - 2 * t**2 + t)
    c, d = (-2 * t**3 + 3 * t**2), (t**3 - t**2)
    return float(a * ys[k] + b * h * slopes[k] + c * ys[k + 1] + d * h * slopes[k + 1])


def sphere_faces(rings: int, columns: int) -> np.ndarray:
    """Faces (m, 3) of a point, `rings` rings of `columns` points, and another point."""
    faces = []
    for column in range(columns):
        after = (column + 1) % columns
        faces.append((0, 1 + after, 1 + column))
        for row in range(rings - 1):
            a, b = 1 + row * columns + column, 1 + row * columns + after
            faces += [(a, b, b + columns), (a, b + columns, a + columns)]
        last = 1 + (rings - 1) * columns
        faces.append((last + column, last + after, last + columns))
    return np.array(faces)
