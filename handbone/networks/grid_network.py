"""A trained network as a function of arrays, whatever library computes it."""

from abc import ABC, abstractmethod
from typing import Literal

import cv2
import numpy as np

from handbone.core.errors import ShapeError

#: Numbers to calculate with: "auto" is bfloat16 where the hardware multiplies it.
Precision = Literal["auto", "32", "bf16"]


class GridNetwork(ABC):
    """Maps a batch (N, C, H, W) float32 to logits (N, 29, H, W) float32; torch is one of the libraries that do so."""

    #: Whether it computes in half precision.
    half: bool = False

    @abstractmethod
    def __call__(self, batch: np.ndarray) -> np.ndarray:
        """Logits (N, 29, H, W) float32 of images (N, C, H, W) float32, the radiograph in [0, 1] first.

        The caller may change the array that comes.
        """

    def logits(self, image: np.ndarray, *, flip: bool = False) -> np.ndarray:
        """Logits of one image.

        Parameters
        ----------
        image: (C, H, W) float32, the radiograph in [0, 1] and, for some refiners, 29 probabilities.
        flip: also read the mirrored image and average the two logits.

        Returns
        -------
        (29, H, W) float32.

        Raises
        ------
        ShapeError: an image that is not (C, H, W).
        """
        if np.ndim(image) != 3:
            raise ShapeError("the image", "(C, H, W)", np.shape(image))
        batch = np.asarray(image, np.float32)[None]
        logits = self(np.ascontiguousarray(batch))[0]
        if flip:
            # One after the other: a batch of two takes as long on a CPU and twice the memory.
            mirrored = self(np.ascontiguousarray(batch[..., ::-1]))[0]
            width = mirrored.shape[-1]
            logits += cv2.flip(mirrored.reshape(-1, width), 1).reshape(mirrored.shape)
            logits *= 0.5
        return logits
