"""How a hand is held: its bend at the wrist and the side of its thumb, from the centroids of its bones."""

import numpy as np

from handbone.anatomy import INDEX

#: From this many degrees on, a hand counts as bent.
BENT_DEGREES = 25.0


def bend_degrees(centroids_xy: np.ndarray) -> float:
    """Angle between the forearm (Radius to Capitate) and the hand (Capitate to finger-11), in degrees; 0 is straight.

    Parameters
    ----------
    centroids_xy: (29, 2) in a picture, NaN for absent bones.

    Returns
    -------
    0 to 180; NaN where one of the three bones is absent.
    """
    radius, capitate, metacarpal = (centroids_xy[INDEX[name]] for name in ("Radius", "Capitate", "finger-11"))
    (ax, ay), (bx, by) = capitate - radius, metacarpal - capitate
    return float(np.degrees(np.abs(np.arctan2(ax * by - ay * bx, ax * bx + ay * by))))


def pose(degrees: float) -> str:
    """'bent', 'straight', or 'unknown' where the bend is NaN."""
    if np.isnan(degrees):
        return "unknown"
    return "bent" if degrees >= BENT_DEGREES else "straight"


def thumb_side(centroids_xy: np.ndarray) -> str | None:
    """'left' or 'right': the side of the thumb, seen with the fingers upwards; None where bones are absent.

    Of one person's two hands, radiographed in the same view, one has its thumb left and the other right.
    """
    index, little = centroids_xy[INDEX["finger-7"]], centroids_xy[INDEX["finger-19"]]
    capitate, metacarpal = centroids_xy[INDEX["Capitate"]], centroids_xy[INDEX["finger-11"]]
    (ux, uy), (vx, vy) = metacarpal - capitate, index - little
    turn = ux * vy - uy * vx
    if np.isnan(turn) or turn == 0:
        return None
    return "right" if turn > 0 else "left"
