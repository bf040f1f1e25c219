"""The first stage: one network reads the whole image, letterboxed."""

from collections.abc import Sequence

import numpy as np

from handbone.core.bone_probabilities import BoneProbabilities
from handbone.core.box import Box
from handbone.core.frame import Frame
from handbone.core.grid_logits import grid_box, image_box
from handbone.data.view import view
from handbone.method.tta import PLAIN, View, tta_mean
from handbone.networks.grid_network import GridNetwork


def predict_coarse(
    predictor: GridNetwork,
    image: np.ndarray,
    size: int,
    *,
    frame: Frame | None = None,
    flip: bool = False,
    views: Sequence[View] = PLAIN,
    within: Box | None = None,
) -> BoneProbabilities:
    """All bones of an image of any size, in the image's own pixels.

    Parameters
    ----------
    predictor: the coarse network.
    image: float32 (H, W) in [0, 1].
    size: side of the network's grid.
    frame: where it looks; by default the whole image, letterboxed.
    flip: average with the prediction of the mirrored image.
    views: the mean of these, see `handbone.method.tta`.
    within: the box of its grid outside of which no bone is looked for; where the image lies by default.
    """
    there = frame or Frame.letterbox(image.shape, (size, size))
    asked = within or grid_box(there, Box.whole(image.shape))

    def logits(frame: Frame, seen: View) -> np.ndarray:
        box = asked if frame == there else grid_box(frame, image_box(there, asked, image.shape))
        return predictor.logits(seen.of_grid(view(image, frame))[None], flip=flip, within=box)

    return tta_mean(there, image.shape, views, logits)
