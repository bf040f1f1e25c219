"""What a network sees of an image through a frame."""

import numpy as np

from handbone.core.frame import Frame
from handbone.data.targets import network_input


def view(image: np.ndarray, frame: Frame) -> np.ndarray:
    """The image on the frame's grid, float32 (h, w) in [0, 1]; black outside of the image.

    Only the part of the image under the frame is read, so that an ROI of a memory-mapped image costs no more than
    itself.

    Parameters
    ----------
    image: (H, W) float in [0, 1], or uint8 or uint16 over their whole range.
    frame: image to grid.
    """
    height, width = image.shape
    # Area averaging looks one grid pixel further than the frame's edge.
    margin = 2 + 1 / frame.scale
    corners = frame.corners_xy
    left, top = np.clip(np.floor(corners.min(0) - margin), 0, (width, height)).astype(int)
    right, bottom = np.clip(np.ceil(corners.max(0) + margin), 0, (width, height)).astype(int)
    if left >= right or top >= bottom:
        return np.zeros(frame.size_hw, np.float32)
    moved = Frame(frame.matrix + np.outer(frame.matrix[:, :2] @ (left, top), (0, 0, 1)), frame.size_hw)
    return network_input(image[top:bottom, left:right], moved)


def resized(frame: Frame, size: int) -> Frame:
    """The same ROI on a square grid of another size."""
    if frame.size_hw == (size, size):
        return frame
    factor_x, factor_y = size / frame.size_hw[1], size / frame.size_hw[0]
    matrix = np.array([[factor_x, 0, (factor_x - 1) / 2], [0, factor_y, (factor_y - 1) / 2]])
    return frame.then(matrix, (size, size))
