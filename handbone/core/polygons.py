"""Closed outlines of bones as polygons: their areas and centroids, and those of a mask."""

import cv2
import numpy as np

from handbone import anatomy

Rings = dict[int, list[np.ndarray]]


def ring_centroids_xy(rings: Rings) -> np.ndarray:
    """Centroids (29, 2) float64 of bones from their outlines, weighted by area; NaN where a bone has none."""
    centroids = np.full((anatomy.COUNT, 2), np.nan)
    for index, outlines in rings.items():
        moments = [cv2.moments(np.asarray(ring, np.float32)) for ring in outlines]
        area = sum(m["m00"] for m in moments)
        if area > 0:
            centroids[index] = (sum(m["m10"] for m in moments) / area, sum(m["m01"] for m in moments) / area)
        elif outlines:
            centroids[index] = np.concatenate(outlines).mean(0)
    return centroids


def ring_areas(rings: Rings) -> np.ndarray:
    """Areas (29,) float64 inside the outlines in square pixels; 0 where a bone has none."""
    areas = np.zeros(anatomy.COUNT)
    for index, outlines in rings.items():
        areas[index] = sum(cv2.contourArea(np.asarray(ring, np.float32)) for ring in outlines)
    return areas


def outlines_of_mask(mask: np.ndarray, offset_xy: tuple[int, int] = (0, 0)) -> list[np.ndarray]:
    """Outlines of a mask (H, W) that fill to the same mask again, holes apart.

    Returns
    -------
    (n, 2) float32 rings, n >= 3, shifted by `offset_xy`.
    """
    contours, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE, offset=offset_xy)
    rings = [contour[:, 0].astype(np.float32) for contour in contours]
    # A speck or a line of one pixel's width has fewer than three corners; repeating the last keeps it a ring.
    return [np.concatenate([r, np.repeat(r[-1:], 3 - len(r), 0)]) if len(r) < 3 else r for r in rings]
