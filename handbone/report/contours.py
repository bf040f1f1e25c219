"""Contours of bones as smooth polygons in a view of the image, for drawing on pixels and as SVG paths."""

import cv2
import numpy as np

from handbone.core.bone_masks import BoneMasks
from handbone.core.frame import Frame

# Standard deviation, in contour points (about image pixels), that takes the stairs out of a pixel contour; the
# outline of a bone moves by less than a quarter of a pixel.
_SMOOTHING = 1.5


def contours(masks: BoneMasks, view: Frame | None = None) -> dict[int, list[np.ndarray]]:
    """Closed contours of every bone that has a mask, holes included.

    Parameters
    ----------
    masks: the bones in the image.
    view: where to see them; the image itself by default. Nothing is clipped.

    Returns
    -------
    Bone index to a list of (n, 2) float64 points (x, y), without the first point repeated.
    """
    found: dict[int, list[np.ndarray]] = {}
    for bone in np.flatnonzero(masks.present()):
        left, top = masks.boxes_xyxy[bone][:2]
        crop = np.pad(np.asarray(masks.crops[bone], np.uint8), 1)
        contours, _ = cv2.findContours(
            crop, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE, offset=(int(left) - 1, int(top) - 1)
        )
        polygons = [_smooth(contour.reshape(-1, 2).astype(np.float64)) for contour in contours]
        found[int(bone)] = [view.to_grid(polygon) if view else polygon for polygon in polygons]
    return found


def _smooth(polygon: np.ndarray) -> np.ndarray:
    reach = int(np.ceil(3 * _SMOOTHING))
    if len(polygon) < 4 * reach:
        return polygon
    weights = np.exp(-0.5 * (np.arange(-reach, reach + 1) / _SMOOTHING) ** 2)
    wrapped = np.concatenate([polygon[-reach:], polygon, polygon[:reach]])
    return np.stack([np.convolve(wrapped[:, axis], weights / weights.sum(), "valid") for axis in (0, 1)], axis=1)


def dashes(polygon: np.ndarray, on: float, off: float) -> list[np.ndarray]:
    """A closed polygon (n, 2) cut into open dashes of about `on` with gaps of about `off`, as many as fit evenly."""
    closed = np.vstack([polygon, polygon[:1]])
    along = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(closed, axis=0).T))])
    length = along[-1]
    count = max(2, round(length / (on + off)))
    period = length / count
    pieces = []
    for start in np.arange(count) * period:
        end = start + period * on / (on + off)
        inside = closed[(along > start) & (along < end)]
        ends = [[np.interp(at, along, closed[:, axis]) for axis in (0, 1)] for at in (start, end)]
        pieces.append(np.vstack([ends[0], *inside, ends[1]]))
    return pieces


def svg_path(polygons: list[np.ndarray], *, tolerance: float = 0.35) -> str:
    """The polygons of one bone as the `d` of an SVG path, simplified to within `tolerance` of the view's pixels."""
    parts = []
    for polygon in polygons:
        points = cv2.approxPolyDP(polygon.astype(np.float32).reshape(-1, 1, 2), tolerance, True).reshape(-1, 2)
        # Pixel centres are whole numbers here, pixel corners in SVG.
        parts.append("M" + " ".join(f"{x + 0.5:.1f},{y + 0.5:.1f}" for x, y in points) + "Z")
    return "".join(parts)
