"""The first stage: one network reads the whole picture, letterboxed."""

import numpy as np

from handbone.core.bone_probabilities import BoneProbabilities
from handbone.core.frame import Frame
from handbone.data.grid_dataset import GridDataset, LabelledPicture
from handbone.data.view import view
from handbone.method.tta import mean_of_readings
from handbone.training.inference import Predictor


class CoarseDataset(GridDataset):
    """Whole pictures, letterboxed to the network's size. See `GridDataset`."""

    def frame_of(self, picture: LabelledPicture, rng: np.random.Generator) -> Frame:
        """The letterbox."""
        return Frame.letterbox(picture.size_hw, (self.size, self.size))


def predict_coarse(
    predictor: Predictor,
    image: np.ndarray,
    size: int,
    *,
    frame: Frame | None = None,
    flip: bool = False,
    tta: bool = False,
) -> BoneProbabilities:
    """All bones of a picture of any size, in the picture's own pixels.

    Parameters
    ----------
    predictor: the coarse network.
    image: float32 (H, W) in [0, 1].
    size: side of the network's grid.
    frame: where it looks; by default the whole picture, letterboxed.
    flip: average with the prediction of the mirrored picture.
    tta: mean of several readings, see `handbone.method.tta`.
    """

    def read(frame: Frame) -> BoneProbabilities:
        logits = predictor.logits(view(image, frame)[None], flip=flip)
        return BoneProbabilities.from_grid_logits(logits, frame, image.shape)

    return mean_of_readings(frame or Frame.letterbox(image.shape, (size, size)), read, several=tta)
