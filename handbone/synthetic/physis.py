"""The growing ends of bones: where their growth plates lie, and how a young end differs from a grown one."""

import numpy as np

from handbone import anatomy
from handbone.synthetic.skeleton import FOREARM, load_skeleton


def growing_end(index: int) -> int:
    """0 if a long bone grows at its end towards the fingertip, 1 at the end towards the elbow, -1 for carpals."""
    if index in anatomy.CARPALS:
        return -1
    finger_metacarpal = index in anatomy.METACARPALS and index != anatomy.METACARPALS[0]
    return 0 if finger_metacarpal or index in FOREARM else 1


def physis(index: int) -> float:
    """Millimetres of a grown bone between its growing end and its growth plate."""
    if index in FOREARM:
        return 15.0 if index == FOREARM[0] else 11.0
    if index in anatomy.METACARPALS:
        return 11.0 if growing_end(index) == 0 else 6.5
    return 1.6 + 0.065 * float(load_skeleton().length[index])


def physis_share(index: int, cap: float) -> float:
    """Where the growth plate lies between a bone's two ends when its growing end is `cap` as high as a grown one."""
    end = growing_end(index)
    if end < 0:
        return np.nan
    inside = physis(index)
    share = cap * inside / (load_skeleton().length[index] - (1 - cap) * inside)
    return share if end == 0 else 1 - share


def young_end(
    index: int, local: np.ndarray, share: np.ndarray, *, epiphysis: float, cap: float
) -> tuple[np.ndarray, np.ndarray]:
    """Points (n, 3) whose growing end is as high as a patient's, and the factor (n,) of its width.

    Parameters
    ----------
    share: (n,) of the way from the bone's end towards the fingertip to the other one.
    epiphysis, cap: width and height of the growing end relative to a grown one.
    """
    end = growing_end(index)
    inside = (share if end == 0 else 1 - share) * load_skeleton().length[index]
    narrow = 1 + (epiphysis - 1) / (1 + np.exp(np.clip((inside - physis(index)) / 0.25, -30, 30)))
    height = np.maximum(physis(index) - inside, 0)
    # A young Radius' end is less slanted: its low side is nearly as high as its styloid.
    level = 0.6 if index in FOREARM else 1.0
    pressed = height - cap * physis(index) * (height / physis(index)) ** level
    moved = local.copy()
    moved[:, 1] += pressed if end == 0 else -pressed
    return moved, narrow
