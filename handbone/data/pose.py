"""How a hand is held: its bend at the wrist and the side of its thumb, from the centroids of its bones."""

import numpy as np

from handbone.anatomy import INDEX

#: From this many degrees on, a hand counts as bent.
BENT_DEGREES = 25.0


#: Degrees by which a straight wrist's centroids seem bent to the thumb, since the Capitate lies on the little finger's
#: side of the Radius: the mean of 120 real hands is 10.5, at a bend of 2.8 degrees between the bones' axes.
_STRAIGHT_DEGREES = 13.3


def bend_degrees(centroids_xy: np.ndarray) -> float:
    """How far the hand is bent at the wrist, away from the thumb or towards it, in degrees; 0 is straight.

    It is the angle between Radius to Capitate and Capitate to finger-11, set right so that real hands whose axes of
    Radius and finger-11 are parallel have 0 on average.

    Parameters
    ----------
    centroids_xy: (29, 2) in an image, NaN for absent bones.

    Returns
    -------
    0 to 180; NaN where one of the three bones is absent. The angle itself where the thumb's side is not to be seen.
    """
    radius, capitate, metacarpal = (centroids_xy[INDEX[name]] for name in ("Radius", "Capitate", "finger-11"))
    (ax, ay), (bx, by) = capitate - radius, metacarpal - capitate
    clockwise = float(np.degrees(np.arctan2(ax * by - ay * bx, ax * bx + ay * by)))
    side = thumb_side(centroids_xy)
    if side is None:
        return abs(clockwise)
    away = clockwise if side == "left" else -clockwise
    return abs(away + _STRAIGHT_DEGREES)


def pose(degrees: float) -> str:
    """'bent', 'straight', or 'unknown' where the bend is NaN."""
    if np.isnan(degrees):
        return "unknown"
    return "bent" if degrees >= BENT_DEGREES else "straight"


def thumb_side(centroids_xy: np.ndarray) -> str | None:
    """'left' or 'right': the side of the thumb, seen with the fingers upwards; None where bones are absent.

    Of one patient's two hands, radiographed in the same view, one has its thumb left and the other right.
    """
    index, little = centroids_xy[INDEX["finger-7"]], centroids_xy[INDEX["finger-19"]]
    capitate, metacarpal = centroids_xy[INDEX["Capitate"]], centroids_xy[INDEX["finger-11"]]
    (ux, uy), (vx, vy) = metacarpal - capitate, index - little
    turn = ux * vy - uy * vx
    if np.isnan(turn) or turn == 0:
        return None
    return "right" if turn > 0 else "left"
