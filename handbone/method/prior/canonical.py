"""Masks of an image in the hand's canonical pose: upright, thumb to the left, in a square around the hand."""

import numpy as np

from handbone import anatomy
from handbone.core.bone_masks import BoneMasks
from handbone.core.bone_probabilities import BoneProbabilities
from handbone.core.frame import Frame
from handbone.method.pose.registration import fit_pose

#: Side of the square in pixels of the grid that the prior reads.
SIZE = 256


def canonical_frame(masks: BoneMasks) -> Frame | None:
    """The image's frame in which the hand stands canonically; None where fewer than two bones were found."""
    fits = fit_pose(masks.centroids_xy(), tuple(range(anatomy.COUNT)))
    if fits is None:
        return None
    return fits[0].square(SIZE, mirrored=fits[0].mirrored)


def canonical_coverage(probabilities: BoneProbabilities, frame: Frame) -> np.ndarray:
    """Probabilities, or coverage by masks, on the frame's grid: float32 (29, h, w) in [0, 1], averaged over areas."""
    grid = np.zeros((anatomy.COUNT, *frame.size_hw), np.float32)
    for plane, crop, box in zip(grid, probabilities.crops, probabilities.boxes_xyxy.tolist(), strict=True):
        if crop.size:
            _paste(plane, crop, box, frame)
    return grid


def _paste(plane: np.ndarray, crop: np.ndarray, box_xyxy: list[int], frame: Frame) -> None:
    """Write one bone's crop where it lies on the frame's grid."""
    left, top, right, bottom = grid_box(box_xyxy, frame)
    if left >= right or top >= bottom:
        return
    # Area averaging reads beyond the crop's edge, where there is nothing.
    margin = 2 + int(np.ceil(1 / frame.scale))
    matrix = frame.matrix.copy()
    matrix[:, 2] += frame.matrix[:, :2] @ (box_xyxy[0] - margin, box_xyxy[1] - margin) - (left, top)
    part = Frame(matrix, (bottom - top, right - left)).warp(np.pad(crop, margin).astype(np.float32))
    plane[top:bottom, left:right] = part / 255


def grid_box(box_xyxy: list[int], frame: Frame) -> tuple[int, int, int, int]:
    """The half-open box of the frame's grid around a box of the image, cut to the grid."""
    left, top, right, bottom = box_xyxy
    corners = frame.to_grid(np.array([[left, top], [right, top], [right, bottom], [left, bottom]]))
    height, width = frame.size_hw
    low = np.clip(np.floor(corners.min(0)).astype(int) - 2, 0, (width, height))
    high = np.clip(np.ceil(corners.max(0)).astype(int) + 2, 0, (width, height))
    return int(low[0]), int(low[1]), int(high[0]), int(high[1])
