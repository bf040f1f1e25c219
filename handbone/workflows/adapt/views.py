"""The views of a radiograph on which the teacher has to agree with itself: mirrored, turned, scaled, brightened."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from handbone.anatomy import COUNT
from handbone.core.bone_masks import BoneMasks, shared_area
from handbone.core.bone_probabilities import BoneProbabilities
from handbone.core.frame import Frame
from handbone.method.coarse import predict_coarse
from handbone.method.two_stage import Stage


@dataclass(frozen=True)
class View:
    """One way to look at a radiograph.

    Parameters
    ----------
    degrees, magnify: turn and scale about the middle of the grid.
    gamma: exponent of the grey values; below 1 brightens.
    mirrored: whether left and right change places.
    """

    degrees: float = 0.0
    magnify: float = 1.0
    gamma: float = 1.0
    mirrored: bool = False

    def of(self, frame: Frame) -> Frame:
        """The frame as this view sees it.

        >>> frame = Frame.around((50, 40), 64, 32)
        >>> View().of(frame) == frame
        True
        """
        angle, middle = np.deg2rad(self.degrees), (np.array(frame.size_hw[::-1]) - 1) / 2
        linear = self.magnify * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        if self.mirrored:
            linear = np.diag([-1.0, 1.0]) @ linear
        return frame.then(np.column_stack([linear, middle - linear @ middle]))


#: Turns, scales and brightness within what any image of the same hand might show; half of them mirrored.
VIEWS = (
    View(),
    View(mirrored=True),
    View(degrees=6.0),
    View(degrees=-6.0, mirrored=True),
    View(gamma=0.75),
    View(gamma=1.3, mirrored=True),
    View(degrees=-4.0, magnify=1.06, gamma=1.15),
    View(degrees=4.0, magnify=0.94, gamma=0.85, mirrored=True),
)


def read_views(stage: Stage, image: np.ndarray, frame: Frame) -> list[BoneProbabilities]:
    """What a coarse network sees in each of `VIEWS`, in the image's own pixels.

    Parameters
    ----------
    image: float32 (H, W) in [0, 1].
    frame: the square that the network reads.
    """
    brightened = {gamma: image if gamma == 1.0 else image**gamma for gamma in {view.gamma for view in VIEWS}}
    return [predict_coarse(stage.predictor, brightened[view.gamma], stage.size, frame=view.of(frame)) for view in VIEWS]


def agreement(passes: Sequence[BoneMasks], mean: BoneMasks) -> np.ndarray:
    """(29,) float64, mean Dice of each bone's masks in several views with its mask `mean`; 0 where a view has none."""
    own, values = mean.areas(), np.zeros((len(passes), COUNT))
    for row, masks in zip(values, passes, strict=True):
        areas = masks.areas()
        for bone in np.flatnonzero((areas > 0) & (own > 0)).tolist():
            row[bone] = 2 * shared_area(masks, bone, mean, bone) / (areas[bone] + own[bone])
    return values.mean(0)
