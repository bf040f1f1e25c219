"""Test-time augmentation: several views of the same place, and the mean of what a network says of them."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import groupby, product

import numpy as np

from handbone.core.bone_probabilities import BoneProbabilities
from handbone.core.errors import UnknownNameError
from handbone.core.frame import Frame


@dataclass(frozen=True)
class View:
    """A place as a network reads it: turned, enlarged, brighter.

    Parameters
    ----------
    degrees, magnification: of the frame, about its middle. brightness: times the grey values.
    """

    degrees: float = 0.0
    magnification: float = 1.0
    brightness: float = 1.0

    def of_frame(self, frame: Frame) -> Frame:
        """The frame, turned and enlarged."""
        middle = (np.array(frame.size_hw[::-1]) - 1) / 2
        angle = np.deg2rad(self.degrees)
        linear = self.magnification * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        return frame.then(np.column_stack([linear, middle - linear @ middle]))

    def of_grid(self, grid: np.ndarray) -> np.ndarray:
        """The radiograph on the grid, float32 in [0, 1] of any shape, brighter or darker; white stays white."""
        return grid if self.brightness == 1 else np.clip(grid * np.float32(self.brightness), 0, 1)


#: The place as it is.
PLAIN = (View(),)
#: What each name of `predict.views` stands for; a uniform vote, as contest teams found no better weights.
#: brightness: the factors of the contest system that handbone grew out of.
VIEWS = {
    "turned": (*PLAIN, View(degrees=7), View(degrees=-7), View(magnification=0.92), View(magnification=1.08)),
    "brightness": (View(brightness=0.9), *PLAIN, View(brightness=1.1), View(brightness=1.2)),
}


def views_of(names: Iterable[str]) -> tuple[View, ...]:
    """Every combination of some names' views; the place as it is without any, and a name twice counts once.

    Raises
    ------
    UnknownNameError: no such name.
    """
    chosen = set(names)
    if unknown := sorted(chosen - set(VIEWS)):
        raise UnknownNameError("views", unknown[0], VIEWS)
    turned, brightness = (VIEWS[name] if name in chosen else PLAIN for name in ("turned", "brightness"))
    return tuple(replace(place, brightness=grey.brightness) for place, grey in product(turned, brightness))


def tta_mean(
    frame: Frame,
    image_hw: tuple[int, int],
    views: Sequence[View],
    logits: Callable[[Frame, View], np.ndarray],
) -> BoneProbabilities:
    """The mean over views, in the image's own pixels: of logits on one grid, of probabilities over several.

    Parameters
    ----------
    frame: image to grid. image_hw: the image's height and width.
    views: from `views_of`; each frame has as many, one after the other.
    logits: what a network says of a frame, float32 (29, h, w), with its grey values as the view has them.
    """
    parts = []
    for _, group in groupby(views, key=lambda view: (view.degrees, view.magnification)):
        several = list(group)
        changed = several[0].of_frame(frame)
        mean = np.asarray(sum(logits(changed, each) for each in several) / len(several))
        parts.append(BoneProbabilities.from_grid_logits(mean, changed, image_hw))
    return parts[0] if len(parts) == 1 else BoneProbabilities.mean(parts)
