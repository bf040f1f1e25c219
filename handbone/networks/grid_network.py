"""A trained network as a function of arrays, whatever library computes it."""

from abc import ABC, abstractmethod
from typing import Literal

import cv2
import numpy as np

from handbone.core.box import Box
from handbone.core.errors import ShapeError
from handbone.core.grid_logits import FLOOR_LOGIT

#: Numbers to calculate with: "auto" is bfloat16 where the hardware multiplies it.
Precision = Literal["auto", "32", "bf16"]


#: The logit where none was asked for: too low to take part in anything.
ABSENT = -30.0


class GridNetwork(ABC):
    """Maps a batch (N, C, H, W) float32 to logits (N, 29, H, W) float32; torch is one of the libraries that do so."""

    #: Whether it computes in half precision.
    half: bool = False

    @abstractmethod
    def __call__(self, batch: np.ndarray) -> np.ndarray:
        """Logits (N, 29, H, W) float32 of images (N, C, H, W) float32, the radiograph in [0, 1] first.

        The caller may change the array that comes.
        """

    def part(self, batch: np.ndarray, box: Box) -> tuple[np.ndarray, Box]:
        """Logits (29, h, w) of one image (1, C, H, W) in a box of its grid, and the box that they fill.

        The box may be larger than was asked for: here it is the whole grid.
        """
        return self(batch)[0], Box.whole(batch.shape[2:])

    def logits(self, image: np.ndarray, *, flip: bool = False, within: Box | None = None) -> np.ndarray:
        """Logits of one image.

        Parameters
        ----------
        image: (C, H, W) float32, the radiograph in [0, 1] and, for some refiners, 29 probabilities.
        flip: also read the mirrored image and average the two logits. Networks that can decode a part of the grid do
            so for the mirrored image: where the first pass shows anything.
        within: pixels of the grid whose logits are asked for; what lies outside may be `ABSENT`. All by default.

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
        whole = Box.whole(batch.shape[2:])
        there, at = self.part(np.ascontiguousarray(batch), within or whole)
        if flip:
            # One after the other: a batch of two takes as long on a CPU and twice the memory.
            shown = _mirrored(_shown(there, at), whole)
            back, back_at = self.part(np.ascontiguousarray(batch[..., ::-1]), shown)
            _add_mirrored(there, at, back, _mirrored(back_at, whole))
        if at == whole:
            return there
        logits = np.full((len(there), *whole.size_hw), ABSENT, np.float32)
        logits[:, *at.inside(whole)] = there
        return logits


def _shown(logits: np.ndarray, at: Box) -> Box:
    """The box of all pixels where some bone is not negligible; logits (29, h, w) fill the box `at`."""
    x, y, width, height = cv2.boundingRect(cv2.compare(logits.max(0), FLOOR_LOGIT, cv2.CMP_GE))
    return Box(at.left + x, at.top + y, at.left + x + width, at.top + y + height)


def _mirrored(box: Box, whole: Box) -> Box:
    return Box(whole.right - box.right, box.top, whole.right - box.left, box.bottom)


def _add_mirrored(there: np.ndarray, at: Box, back: np.ndarray, back_at: Box) -> None:
    """Average logits (29, h, w) in place with those of the mirrored image, where there are both."""
    both = at.shared(back_at)
    if both.is_empty:
        return
    width = back.shape[-1]
    turned = cv2.flip(back.reshape(-1, width), 1).reshape(back.shape)
    part = there[:, *both.inside(at)]
    part += turned[:, *both.inside(back_at)]
    part *= 0.5
