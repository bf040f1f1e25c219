"""Lines that touch two bones on the same side."""

import numpy as np

from handbone.measure.outline import Outline, across

_ROUNDS = 50


def common_tangent(first: Outline, second: Outline, side: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The line that touches two contours on one side of both.

    side: (2,) unit vector roughly across the line, towards the side on which it lies.

    Returns
    -------
    The points (2,) where it touches the first and the second, and its unit normal (2,) to the side.
    """
    start, end, normal = first.support(side), second.support(side), side
    for _ in range(_ROUNDS):
        normal = across(end - start) / np.linalg.norm(end - start)
        normal = normal if normal @ side >= 0 else -normal
        touched = first.support(normal), second.support(normal)
        if np.array_equal(touched, (start, end)):
            break
        start, end = touched
    return start, end, normal
