"""From a picture and its outlines to what a network reads and what it shall answer."""

from collections.abc import Callable

import numpy as np

from handbone.data.cache import as_image
from handbone.data.labels import Rings
from handbone.frame import Frame
from handbone.masks.rasterise import coverage

#: Moves a picture (h, w) and outlines in its pixels together; see `handbone.data.augment.Augmenter`.
Augmentation = Callable[[np.ndarray, Rings, np.random.Generator], tuple[np.ndarray, Rings]]


def network_input(values: np.ndarray, frame: Frame) -> np.ndarray:
    """What a network reads of a picture: float32 (h, w) in [0, 1], black outside the picture.

    Parameters
    ----------
    values: (H, W) float32 in [0, 1], or uint8 or uint16 as `PictureCache.open` gives them.
    frame: the picture's map to the network's grid.
    """
    # Warping whole numbers costs a third of warping float32, and the grid is smaller than the picture.
    return as_image(frame.warp(np.asarray(values)))


def training_pair(
    values: np.ndarray,
    rings: Rings,
    frame: Frame,
    *,
    augment: Augmentation | None = None,
    rng: np.random.Generator | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """A network's input and its target, augmented at the network's size.

    Parameters
    ----------
    values: the picture (H, W), as for `network_input`.
    rings: outlines in the picture's pixels.
    frame: the picture's map to the network's grid.
    augment: changes the input and moves the outlines; needs `rng`.

    Returns
    -------
    image float32 (h, w) in [0, 1], and coverage uint8 (29, h, w): 255 where a bone covers the whole grid pixel.
    """
    image = network_input(values, frame)
    if augment is not None:
        in_grid = {
            bone: [frame.to_grid(ring).astype(np.float32) for ring in outlines] for bone, outlines in rings.items()
        }
        image, moved = augment(image, in_grid, rng if rng is not None else np.random.default_rng())
        # Coverage is defined by outlines in the picture's pixels: the frame says how large a picture pixel is.
        rings = {bone: [frame.to_picture(ring) for ring in outlines] for bone, outlines in moved.items()}
    return image, target(rings, frame)


def target(rings: Rings, frame: Frame) -> np.ndarray:
    """Coverage uint8 (29, h, w) of outlines in the picture's pixels: 255 where a bone covers the whole grid pixel."""
    covered = coverage(rings, frame, frame.size_hw)
    return covered if covered.dtype == np.uint8 else np.rint(covered * 255).astype(np.uint8)
