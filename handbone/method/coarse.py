"""The first stage: one network reads the whole image, letterboxed."""

from collections.abc import Sequence

import numpy as np

from handbone.core.bone_probabilities import BoneProbabilities
from handbone.core.frame import Frame
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
    """

    def logits(frame: Frame, seen: View) -> np.ndarray:
        return predictor.logits(seen.of_grid(view(image, frame))[None], flip=flip)

    return tta_mean(frame or Frame.letterbox(image.shape, (size, size)), image.shape, views, logits)
