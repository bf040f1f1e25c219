"""Masks of a picture in the hand's canonical pose: upright, thumb to the left, in a square around the hand."""

import numpy as np

from handbone import anatomy
from handbone.frame import Frame
from handbone.masks.bone_masks import BoneMasks
from handbone.masks.probabilities import BoneProbabilities
from handbone.stages.fit import fit_pose

#: Side of the square in pixels of the grid that the prior reads.
SIZE = 256


def canonical_frame(masks: BoneMasks) -> Frame | None:
    """The picture's frame in which the hand stands canonically; None where fewer than two bones were found."""
    fits = fit_pose(masks.centroids_xy(), tuple(range(anatomy.COUNT)))
    if fits is None:
        return None
    return fits[0].square(SIZE, mirrored=fits[0].mirrored)


def canonical_coverage(probabilities: BoneProbabilities, frame: Frame) -> np.ndarray:
    """Probabilities, or coverage by masks, on the frame's grid: float32 (29, h, w) in [0, 1], averaged over areas."""
    grid = np.zeros((anatomy.COUNT, *frame.size_hw), np.float32)
    for bone, (crop, box) in enumerate(zip(probabilities.crops, probabilities.boxes_xyxy.tolist(), strict=True)):
        if crop.size:
            grid[bone] = _warped(crop, box, frame)
    return grid


def _warped(crop: np.ndarray, box_xyxy: list[int], frame: Frame) -> np.ndarray:
    """One bone's crop on the frame's grid."""
    # Area averaging reads beyond the crop's edge, where there is nothing.
    margin = 2 + int(np.ceil(1 / frame.scale))
    padded = np.pad(crop, margin).astype(np.float32) / 255
    left, top = box_xyxy[0] - margin, box_xyxy[1] - margin
    matrix = frame.matrix.copy()
    matrix[:, 2] += frame.matrix[:, :2] @ (left, top)
    return Frame(matrix, frame.size_hw).warp(padded)
