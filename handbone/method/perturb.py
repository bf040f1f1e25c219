"""True masks made as wrong as a network's: moved, grown or shrunk, with wavy contours and soft edges."""

import cv2
import numpy as np

from handbone.core.bone_masks import BoneMasks
from handbone.core.bone_probabilities import BoneProbabilities
from handbone.method.soft_outlines import signed_distance

# Standard deviations of a contour's error as shares of the grid's side. Together 0.7 %: in an ROI around the wrist
# carpals then agree with the ground truth by a Dice of about .94, as the coarse masks of `recipes/two_stage.toml` do.
_SHIFT, _GROWTH, _WAVE = 0.003, 0.003, 0.006
# Waves are about a sixth of a bone's box long.
_KNOTS = 7
# Pixels over which probabilities rise from .27 to .73.
_SOFT = (1.0, 3.0)


def perturb(ground_truth: BoneProbabilities, rng: np.random.Generator, strength: float = 1.0) -> BoneProbabilities:
    """What a network might have said of these bones; on the same grid, a bone without a mask stays without.

    Each bone's signed distance to its contour is moved and changed smoothly, and becomes a logit.

    Parameters
    ----------
    ground_truth: coverage of all bones on a square grid.
    strength: times the usual error; 0 gives the true contours with soft edges.
    """
    masks, side = ground_truth.threshold(0.5), ground_truth.size_hw[0]
    parts = [_perturbed(masks, bone, side, rng, strength) for bone in range(len(masks.crops))]
    return BoneProbabilities.from_crops(parts, ground_truth.size_hw)


def _perturbed(
    masks: BoneMasks, bone: int, side: int, rng: np.random.Generator, strength: float
) -> tuple[np.ndarray, tuple[int, int, int, int]]:
    if not masks.crops[bone].size:
        return np.zeros((0, 0), np.uint8), (0, 0, 0, 0)
    # Room for contours that move outwards, and for the soft edge.
    room = int(np.ceil(4 * strength * (_SHIFT + _GROWTH + _WAVE) * side + 4 * _SOFT[1]))
    left, top = np.maximum(masks.boxes_xyxy[bone, :2] - room, 0).tolist()
    right, bottom = np.minimum(masks.boxes_xyxy[bone, 2:] + room, side).tolist()
    inside = np.zeros((bottom - top, right - left), np.uint8)
    x, y = masks.boxes_xyxy[bone, :2] - (left, top)
    height, width = masks.crops[bone].shape
    inside[y : y + height, x : x + width] = masks.crops[bone]
    distance = signed_distance(inside)
    move = np.column_stack([np.eye(2), rng.normal(0, strength * _SHIFT * side, 2)])
    # Beyond the ROI the bone goes on as it ends.
    distance = cv2.warpAffine(distance, move, distance.shape[::-1], borderMode=cv2.BORDER_REPLICATE)
    knots = rng.normal(0, strength * _WAVE * side, (_KNOTS, _KNOTS)).astype(np.float32)
    wave = cv2.resize(knots, distance.shape[::-1], interpolation=cv2.INTER_CUBIC)
    distance += wave + np.float32(rng.normal(0, strength * _GROWTH * side))
    logits = np.clip(2 * distance / rng.uniform(*_SOFT), -20, 20)
    return np.rint(255 / (1 + np.exp(-logits))).astype(np.uint8), (left, top, right, bottom)
