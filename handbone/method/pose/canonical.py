"""Where the bones lie in a right hand that stands upright: the layout that frames are fitted to.

Lengths are in units of the third metacarpal's length. The origin is the mean of the eight carpals, x grows to the
little finger's side, y grows towards the forearm (as picture rows do), and the axis of the hand (mean of the carpals to
the mean of the four long metacarpals) points straight up.
"""

import numpy as np

from handbone.anatomy import NAMES

# x, y, and how far the centroid strays once the hand is aligned by its carpals and long metacarpals. From 200 phantom
# hands of both varieties in all poses (generalised Procrustes analysis; Radius and Ulna in straight wrists of adults).
# Spreads are 1.8 times those of phantoms and at least 0.05, for the anatomy that phantoms don't have and for the errors
# of coarse masks. Forearm and fingers stray widely because the wrist bends and fingers spread.
_LAYOUT: dict[str, tuple[float, float, float]] = {
    "finger-1": (-0.96, -1.09, 0.35),
    "finger-2": (-0.81, -0.81, 0.23),
    "finger-3": (-0.53, -0.38, 0.10),
    "finger-4": (-0.78, -2.17, 0.28),
    "finger-5": (-0.69, -1.89, 0.22),
    "finger-6": (-0.53, -1.40, 0.14),
    "finger-7": (-0.31, -0.61, 0.05),
    "finger-8": (-0.33, -2.33, 0.20),
    "finger-9": (-0.27, -2.00, 0.14),
    "finger-10": (-0.19, -1.45, 0.08),
    "finger-11": (-0.09, -0.65, 0.05),
    "finger-12": (0.11, -2.21, 0.26),
    "finger-13": (0.13, -1.90, 0.19),
    "finger-14": (0.12, -1.41, 0.12),
    "finger-15": (0.11, -0.68, 0.05),
    "finger-16": (0.37, -1.91, 0.31),
    "finger-17": (0.35, -1.66, 0.23),
    "finger-18": (0.31, -1.25, 0.14),
    "finger-19": (0.27, -0.59, 0.06),
    "Trapezium": (-0.27, -0.11, 0.05),
    "Trapezoid": (-0.17, -0.09, 0.05),
    "Capitate": (-0.03, -0.04, 0.05),
    "Hamate": (0.14, -0.09, 0.05),
    "Scaphoid": (-0.14, 0.13, 0.06),
    "Lunate": (0.05, 0.18, 0.05),
    "Triquetrum": (0.21, 0.05, 0.07),
    "Pisiform": (0.22, -0.00, 0.08),
    "Radius": (-0.06, 0.85, 0.40),
    "Ulna": (0.35, 0.90, 0.40),
}

#: (29, 2) centroids in the standard pose, in units of the third metacarpal's length.
CENTROIDS_XY = np.array([_LAYOUT[name][:2] for name in NAMES])
#: (29,) how far each centroid strays, in the same unit.
SPREAD = np.array([_LAYOUT[name][2] for name in NAMES])
