"""Test-time augmentation: the same place read several times, a little turned and scaled, and the mean of it."""

from collections.abc import Callable

import numpy as np

from handbone.core.bone_probabilities import BoneProbabilities
from handbone.core.frame import Frame

#: Degrees and magnification of each reading; a uniform vote, as contest teams found no better weights.
READINGS = ((0.0, 1.0), (7.0, 1.0), (-7.0, 1.0), (0.0, 0.92), (0.0, 1.08))


def mean_of_readings(
    frame: Frame, predict: Callable[[Frame], BoneProbabilities], *, several: bool
) -> BoneProbabilities:
    """What `predict` makes of a frame, or the mean over `READINGS` of it.

    Parameters
    ----------
    frame: picture to grid. predict: probabilities in the picture's pixels, given a frame.
    several: whether to take all readings; that costs as many times the time.
    """
    if not several:
        return predict(frame)
    return BoneProbabilities.mean([predict(_changed(frame, *reading)) for reading in READINGS])


def _changed(frame: Frame, degrees: float, magnify: float) -> Frame:
    middle = (np.array(frame.size_hw[::-1]) - 1) / 2
    angle = np.deg2rad(degrees)
    linear = magnify * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    return frame.then(np.column_stack([linear, middle - linear @ middle]))
