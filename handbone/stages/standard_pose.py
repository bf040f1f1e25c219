"""Where the bones lie in a right hand that stands upright: the layout that frames are fitted to.

Lengths are in units of the third metacarpal's length. The origin is the mean of the eight carpals, x grows to the
little finger's side, y grows towards the forearm (as picture rows do), and the axis of the hand (mean of the carpals to
the mean of the four long metacarpals) points straight up.
"""

import numpy as np

from handbone.anatomy import NAMES

# x, y, and how far the centroid strays (root mean square) once the hand is aligned: over hand shapes, and for the
# thumb, the fingers and the forearm above all over poses, because the wrist bends between forearm and hand.
_LAYOUT: dict[str, tuple[float, float, float]] = {
    "finger-1": (-1.25, -1.35, 0.40),
    "finger-2": (-1.05, -0.95, 0.30),
    "finger-3": (-0.70, -0.45, 0.15),
    "finger-4": (-0.55, -2.45, 0.40),
    "finger-5": (-0.52, -2.15, 0.35),
    "finger-6": (-0.47, -1.70, 0.25),
    "finger-7": (-0.32, -0.85, 0.08),
    "finger-8": (-0.12, -2.65, 0.40),
    "finger-9": (-0.11, -2.30, 0.35),
    "finger-10": (-0.09, -1.75, 0.25),
    "finger-11": (-0.05, -0.82, 0.06),
    "finger-12": (0.32, -2.45, 0.40),
    "finger-13": (0.30, -2.12, 0.35),
    "finger-14": (0.26, -1.60, 0.25),
    "finger-15": (0.16, -0.73, 0.07),
    "finger-16": (0.70, -1.95, 0.40),
    "finger-17": (0.66, -1.72, 0.35),
    "finger-18": (0.58, -1.32, 0.25),
    "finger-19": (0.34, -0.65, 0.09),
    "Trapezium": (-0.37, -0.06, 0.07),
    "Trapezoid": (-0.21, -0.13, 0.06),
    "Capitate": (-0.02, -0.08, 0.05),
    "Hamate": (0.17, -0.05, 0.06),
    "Scaphoid": (-0.23, 0.12, 0.07),
    "Lunate": (0.03, 0.19, 0.07),
    "Triquetrum": (0.24, 0.12, 0.07),
    "Pisiform": (0.30, 0.10, 0.08),
    "Radius": (-0.13, 0.95, 0.35),
    "Ulna": (0.26, 0.95, 0.35),
}

#: (29, 2) centroids in the standard pose, in units of the third metacarpal's length.
CENTROIDS_XY = np.array([_LAYOUT[name][:2] for name in NAMES])
#: (29,) how far each centroid strays, in the same unit.
SPREAD = np.array([_LAYOUT[name][2] for name in NAMES])
