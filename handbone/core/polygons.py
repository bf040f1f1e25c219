"""Closed contours of bones as polygons: what a file may say of them, their areas and centroids, and those of a mask."""

from typing import Any

import cv2
import numpy as np

from handbone import anatomy
from handbone.core.errors import HandboneError

Polygons = dict[int, list[np.ndarray]]

# Native code walks along a contour point by point, so that its length is a matter of memory and time.
_FARTHEST = 10.0  # sides of the image that a point may lie outside of it
_LONGEST = 100.0  # half perimeters of the image that a contour may have


def as_numbers(value: Any) -> np.ndarray:
    """A JSON list of numbers, however nested, as float64; an empty array, which no contour may be, where it isn't one.

    Texts and numbers beyond 64 bits are no coordinates.
    """
    try:
        array = np.asarray(value)
    except (TypeError, ValueError, OverflowError, RecursionError):
        return np.empty((0, 2))
    return array.astype(np.float64) if array.dtype.kind in "fiu" else np.empty((0, 2))


def checked_points(points_xy: np.ndarray, size_hw: tuple[int, int]) -> np.ndarray:
    """A contour (n, 2), n >= 3, unchanged, if native code can draw it in an image of that height and width.

    Raises
    ------
    HandboneError: fewer points, a point that is not a number or far from the image, or a contour without end.
    """
    if points_xy.ndim != 2 or points_xy.shape[1] != 2 or len(points_xy) < 3:
        raise HandboneError("is not a list of three or more points (x, y)")
    if not np.isfinite(points_xy).all():
        raise HandboneError("has a point that is not a number")
    farthest, side = float(np.abs(points_xy).max()), max(size_hw)
    if farthest > (1 + _FARTHEST) * side:
        raise HandboneError(f"has a point at {farthest:.6g}, far from the image of {size_hw[1]} x {size_hw[0]}")
    length = float(np.abs(np.diff(points_xy, axis=0, append=points_xy[:1])).sum())
    if length > _LONGEST * sum(size_hw):
        raise HandboneError(f"is {length / sum(size_hw):.0f} times as long as half the image's border")
    return points_xy


def polygon_centroids_xy(polygons: Polygons) -> np.ndarray:
    """Centroids (29, 2) float64 of bones from their contours, weighted by area; NaN where a bone has none."""
    centroids = np.full((anatomy.COUNT, 2), np.nan)
    for index, contours in polygons.items():
        moments = [cv2.moments(np.asarray(polygon, np.float32)) for polygon in contours]
        area = sum(m["m00"] for m in moments)
        if area > 0:
            centroids[index] = (sum(m["m10"] for m in moments) / area, sum(m["m01"] for m in moments) / area)
        elif contours:
            centroids[index] = np.concatenate(contours).mean(0)
    return centroids


def polygon_areas(polygons: Polygons) -> np.ndarray:
    """Areas (29,) float64 inside the contours in square pixels; 0 where a bone has none."""
    areas = np.zeros(anatomy.COUNT)
    for index, contours in polygons.items():
        areas[index] = sum(cv2.contourArea(np.asarray(polygon, np.float32)) for polygon in contours)
    return areas


def contours_of_mask(mask: np.ndarray, offset_xy: tuple[int, int] = (0, 0)) -> list[np.ndarray]:
    """Contours of a mask (H, W) that fill to the same mask again, holes apart.

    Returns
    -------
    (n, 2) float32 polygons, n >= 3, shifted by `offset_xy`.
    """
    contours, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE, offset=offset_xy)
    polygons = [contour[:, 0].astype(np.float32) for contour in contours]
    # A speck or a line of one pixel's width has fewer than three corners; repeating the last keeps it a polygon.
    return [np.concatenate([r, np.repeat(r[-1:], 3 - len(r), 0)]) if len(r) < 3 else r for r in polygons]
