"""Closed contours of bones as polygons: their areas and centroids, and those of a mask."""

import cv2
import numpy as np

from handbone import anatomy

Polygons = dict[int, list[np.ndarray]]


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
    # A speck or a line of one pixel's width has fewer than three corners; repeating the last keeps it a ring.
    return [np.concatenate([r, np.repeat(r[-1:], 3 - len(r), 0)]) if len(r) < 3 else r for r in polygons]
