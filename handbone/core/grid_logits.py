"""A network's logits mapped back to the image: interpolated only around the bone, then quantised to 1/255."""

import cv2
import numpy as np

from handbone.core.box import Box
from handbone.core.frame import Frame

#: Steps of 1/255 below which nothing is kept (p = 0.02).
FLOOR = 5
#: The logit of that floor less half a step.
FLOOR_LOGIT = float(np.log((FLOOR - 0.5) / (255.5 - FLOOR)))
# Stands for "certainly not" where a grid says nothing; finite, so that interpolation stays finite.
_NO_LOGIT = -20.0
_NOTHING = np.zeros((0, 0), np.uint8)


def from_grid(plane: np.ndarray, frame: Frame, image_hw: tuple[int, int]) -> tuple[np.ndarray, Box]:
    """One bone's logits in the image.

    Parameters
    ----------
    plane: float32 (h, w) on the frame's grid.
    frame: maps the image to the grid.
    image_hw: the image's height and width.

    Returns
    -------
    round(255 p) as uint8 and its half-open box in the image, around all pixels where p is at least 0.02; 0 outside
    the frame.
    """
    rows, columns = plane.shape
    likely = cv2.compare(plane, FLOOR_LOGIT, cv2.CMP_GE)
    x, y, width, height = cv2.boundingRect(likely)
    if not width:
        return _NOTHING, Box(0, 0, 0, 0)
    # Interpolation reaches one grid pixel further, and area-averaging one image pixel.
    reach = 1 + int(np.ceil(frame.scale))
    left, right = max(x - reach, 0), min(x + width + reach, columns)
    top, bottom = max(y - reach, 0), min(y + height + reach, rows)
    box = image_box(frame, Box(left, top, right, bottom), image_hw)
    if box.is_empty:
        return _NOTHING, Box(0, 0, 0, 0)
    # Logits go on beyond the grid's edge: without that, bones that the edge cuts would fade there.
    part = cv2.copyMakeBorder(plane[top:bottom, left:right], reach, reach, reach, reach, cv2.BORDER_REPLICATE)
    corner = np.array([[1, 0, reach - left], [0, 1, reach - top]], np.float64)
    part_frame = frame.then(corner, part.shape)
    logits = part_frame.unwarp(part, image_hw, border=_NO_LOGIT, box_xyxy=box)
    pixels = _quantised_sigmoid(logits)
    if left == 0 or top == 0 or right == columns or bottom == rows:
        pixels[~_inside(frame, box)] = 0
    return pixels, box


def grid_box(frame: Frame, box: Box) -> Box:
    """The pixels of a frame's grid that a box of the image touches."""
    left, top, right, bottom = box
    points = frame.to_grid(np.array([[left, top], [right, top], [right, bottom], [left, bottom]]) - 0.5)
    low, high = np.floor(points.min(0)).astype(int).tolist(), np.ceil(points.max(0) + 1).astype(int).tolist()
    return Box(*low, *high).shared(Box.whole(frame.size_hw))


def grid_boxes(frame: Frame, boxes_xyxy: np.ndarray, margin: int) -> Box:
    """The box around those of several boxes (n, 4) of the image in a frame's grid, and so many pixels more each way."""
    left, top, right, bottom = Box.around(grid_box(frame, Box(*box)) for box in boxes_xyxy.tolist())
    around = Box(left - margin, top - margin, right + margin, bottom + margin)
    return around.shared(Box.whole(frame.size_hw))


def image_box(frame: Frame, box: Box, image_hw: tuple[int, int]) -> Box:
    """The pixels of an image that a box of a frame's grid touches."""
    left, top, right, bottom = box
    corners = np.array([[left, top], [right, top], [right, bottom], [left, bottom]]) - 0.5
    points = frame.to_image(corners)
    low = np.maximum(np.floor(points.min(0)), 0).astype(int).tolist()
    high = np.minimum(np.ceil(points.max(0)) + 1, image_hw[::-1]).astype(int).tolist()
    return Box(*low, *high)


def _inside(frame: Frame, box: Box) -> np.ndarray:
    """Which pixel centres of an image's box lie on the grid, bool (h, w)."""
    left, top, right, bottom = box
    inside = np.ones(box.size_hw, bool)
    for (along_x, along_y, offset), size in zip(frame.matrix, frame.size_hw[::-1], strict=True):
        place = (along_x * np.arange(left, right) + offset)[None, :] + (along_y * np.arange(top, bottom))[:, None]
        inside &= (place >= -0.5) & (place <= size - 0.5)
    return inside


def _quantised_sigmoid(logits: np.ndarray) -> np.ndarray:
    # Through OpenCV's vectorised exp and rounding division: a third of NumPy's time.
    denominator = cv2.exp(-logits)
    denominator += 1
    return cv2.divide(255.0, denominator, dtype=cv2.CV_8U)
