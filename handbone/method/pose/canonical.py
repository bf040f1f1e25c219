"""Where the bones lie in a right hand that stands upright: the layout that frames are fitted to.

Lengths are in units of the third metacarpal's length. The origin is the mean of the eight carpals, x grows to the
little finger's side, y grows towards the forearm (as image rows do), and the axis of the hand (mean of the carpals to
the mean of the four long metacarpals) points straight up.
"""

import numpy as np

from handbone.anatomy import NAMES

# x, y, and how far the centroid strays once the hand is aligned by its carpals and long metacarpals. From 180 synthetic
# hand hands of both varieties in all poses (generalised Procrustes analysis; Radius and Ulna in straight wrists of
# adults). Spreads are 1.8 times those of synthetic hands and at least 0.05, for the anatomy that synthetic hands don't
# have and for the errors of coarse masks. Forearm and fingers stray widely because the wrist bends and fingers spread.
_LAYOUT: dict[str, tuple[float, float, float]] = {
    "finger-1": (-1.38, -0.99, 0.33),
    "finger-2": (-1.12, -0.71, 0.23),
    "finger-3": (-0.74, -0.28, 0.10),
    "finger-4": (-0.60, -2.27, 0.32),
    "finger-5": (-0.57, -1.99, 0.24),
    "finger-6": (-0.51, -1.50, 0.12),
    "finger-7": (-0.38, -0.68, 0.05),
    "finger-8": (-0.07, -2.42, 0.35),
    "finger-9": (-0.10, -2.10, 0.25),
    "finger-10": (-0.11, -1.54, 0.12),
    "finger-11": (-0.10, -0.74, 0.05),
    "finger-12": (0.39, -2.24, 0.35),
    "finger-13": (0.34, -1.92, 0.25),
    "finger-14": (0.23, -1.42, 0.13),
    "finger-15": (0.13, -0.69, 0.05),
    "finger-16": (0.85, -1.71, 0.32),
    "finger-17": (0.74, -1.50, 0.24),
    "finger-18": (0.55, -1.16, 0.14),
    "finger-19": (0.34, -0.58, 0.05),
    "Trapezium": (-0.35, -0.06, 0.05),
    "Trapezoid": (-0.24, -0.12, 0.05),
    "Capitate": (-0.04, -0.07, 0.05),
    "Hamate": (0.15, -0.13, 0.05),
    "Scaphoid": (-0.16, 0.12, 0.05),
    "Lunate": (0.09, 0.18, 0.05),
    "Triquetrum": (0.26, 0.02, 0.05),
    "Pisiform": (0.29, 0.05, 0.07),
    "Radius": (-0.09, 0.63, 0.40),
    "Ulna": (0.35, 0.70, 0.40),
}

#: (29, 2) centroids in the canonical pose, in units of the third metacarpal's length.
CENTROIDS_XY = np.array([_LAYOUT[name][:2] for name in NAMES])
#: (29,) how far each centroid strays, in the same unit.
SPREAD = np.array([_LAYOUT[name][2] for name in NAMES])

#: A square around the hand, its centre and side in the same unit: from beyond the fingertips to below the wrist, so
#: that the unit is about a quarter of the side, as in images that a hand fills.
SQUARE_CENTRE_XY = (-0.08, -0.65)
SQUARE_SIDE = 4.3
