"""Masks as a network would give them: sure inside and outside, and less sure over the outline."""

from collections.abc import Iterable

import cv2
import numpy as np

from handbone.core.bone_probabilities import BoneProbabilities
from handbone.core.box import Box
from handbone.core.grid_logits import FLOOR

# Widths of the outline beyond which a probability is as good as 0 or 1.
_FAR = 3


def with_soft_outlines(
    masks: BoneProbabilities, bones: Iterable[int], *, width: float, threshold: float = 0.5
) -> BoneProbabilities:
    """The same masks, with probabilities that increase over the outlines of some bones that have none.

    A mean with them lies between two outlines; a mean with plain masks lies on one of them.

    Parameters
    ----------
    masks: of which bones that are 0 or 1 everywhere change.
    bones: indices of bones.
    width: pixels over which logits increase by 2; probabilities from .27 to .73 where the threshold is .5.
    threshold: where probabilities become masks, which stay as they are.
    """
    chosen, parts = set(bones), []
    height, image_width = masks.size_hw
    room, least = int(np.ceil(_FAR * width)), np.log(threshold / (1 - threshold))
    for bone, (crop, box) in enumerate(zip(masks.crops, masks.boxes_xyxy.tolist(), strict=True)):
        inside = crop == 255
        if bone not in chosen or not crop.size or (crop[~inside] > 0).any():
            parts.append((crop, Box(*box)))
            continue
        left, top, right, bottom = box
        wider = Box(max(left - room, 0), max(top - room, 0), min(right + room, image_width), min(bottom + room, height))
        inside = wider.cut(inside.view(np.uint8), box)
        logits = np.clip(2 * signed_distance(inside) / width + least, -20, 20)
        steps = np.rint(255 / (1 + np.exp(-logits)))
        # Rounding moves no pixel over the threshold.
        limit = int(np.ceil(max(255 * threshold, FLOOR)))
        steps = np.where(inside, np.maximum(steps, limit), np.minimum(steps, limit - 1))
        parts.append((steps.astype(np.uint8), wider))
    return BoneProbabilities.from_crops(parts, masks.size_hw)


def signed_distance(mask: np.ndarray) -> np.ndarray:
    """Pixels from the outline of a mask (h, w), float32, positive inside; beyond the array it goes on as it ends.

    Parameters
    ----------
    mask: uint8, 0 or 1.
    """
    within, beyond = (cv2.distanceTransform(part, cv2.DIST_L2, 5) for part in (mask, 1 - mask))
    # The outline runs between pixels, half a pixel from both. Where nothing is beyond, OpenCV's distances are huge.
    most = float(sum(mask.shape))
    return np.clip(within - beyond, -most, most) - (mask - np.float32(0.5))
