"""Small masks, probabilities and images for contract tests."""

from pathlib import Path

import numpy as np

from handbone.anatomy import COUNT
from handbone.core.bone_masks import BoneMasks
from handbone.core.bone_probabilities import BoneProbabilities

#: Not square, so that a height that is taken for a width shows.
SIZE_HW = (96, 72)


def toy_masks(seed: int = 0, *, absent: tuple[int, ...] = ()) -> BoneMasks:
    """Discs for bones that overlap their neighbours, a little shifted and resized by the seed."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[: SIZE_HW[0], : SIZE_HW[1]]
    dense = np.zeros((COUNT, *SIZE_HW), bool)
    for bone in range(COUNT):
        row, column = divmod(bone, 6)
        centre = np.array([SIZE_HW[0] * (row + 1) / 6, SIZE_HW[1] * (column + 1) / 7]) + rng.uniform(-1, 1, 2)
        dense[bone] = np.hypot(y - centre[0], x - centre[1]) < 8 + rng.uniform(-1, 1)
    dense[list(absent)] = False
    return BoneMasks.from_dense(dense)


def toy_probabilities(seed: int = 0, *, absent: tuple[int, ...] = ()) -> BoneProbabilities:
    """The discs of `toy_masks` with soft rims."""
    import cv2

    dense = toy_masks(seed, absent=absent).dense().astype(np.float32)
    return BoneProbabilities.from_dense(np.stack([cv2.GaussianBlur(plane, (0, 0), 2.0) for plane in dense]))


def write_toy_image(path: Path) -> Path:
    """A grey PNG of SIZE_HW."""
    import cv2

    dense = toy_masks().dense()
    cv2.imwrite(str(path), np.clip(dense.sum(0) * 60 + 20, 0, 255).astype(np.uint8))
    return path
