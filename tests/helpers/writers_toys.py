"""Masks of any shape, with holes, specks and absent bones, for writers."""

import cv2
import numpy as np

from handbone.anatomy import COUNT
from handbone.core.bone_masks import BoneMasks


def ragged_masks(seed: int, size_hw: tuple[int, int] = (60, 47), share: float = 0.8) -> BoneMasks:
    """29 overlapping masks, ragged, some with holes or in several pieces, some absent."""
    random = np.random.default_rng(seed)
    dense = np.zeros((COUNT, *size_hw), bool)
    for bone in range(COUNT):
        if random.random() < share:
            noise = cv2.GaussianBlur(random.random(size_hw, np.float32), (0, 0), float(random.uniform(0.1, 4)))
            dense[bone] = noise > np.quantile(noise, random.uniform(0.3, 0.99))
    return BoneMasks.from_dense(dense)


def without_holes(masks: BoneMasks) -> BoneMasks:
    """The masks with their holes filled."""
    dense = np.zeros((COUNT, *masks.size_hw), np.uint8)
    for bone in range(COUNT):
        outer, _ = cv2.findContours(masks.mask(bone).astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
        cv2.drawContours(dense[bone], outer, -1, 1, -1)
    return BoneMasks.from_dense(dense)
