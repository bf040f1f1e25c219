"""Hands made of discs, for tests that need bones in the right places only."""

import cv2
import numpy as np

from handbone.anatomy import COUNT
from handbone.core.bone_masks import BoneMasks
from handbone.method.pose.canonical import CENTROIDS_XY, SPREAD

UNIT = 440.0
HAND_AT = np.array([1000.0, 1250.0])


def hand_points(*, degrees=0.0, mirrored=False, unit=UNIT, at=HAND_AT, noise=0.4, seed=0):
    """Centroids of a patient's hand in a 2048 image: the canonical pose, a little different for everybody."""
    rng = np.random.default_rng(seed)
    points = CENTROIDS_XY + rng.normal(0, 1, (COUNT, 2)) * SPREAD[:, None] * noise
    if mirrored:
        points = points * (-1, 1)
    angle = np.deg2rad(degrees)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    return unit * points @ turn.T + at


def masks_at(points, size=2048, radius=30):
    polygons = {}
    for bone, (x, y) in enumerate(points):
        if np.isfinite([x, y]).all() and 0 <= x < size and 0 <= y < size:
            polygons[bone] = [
                cv2.ellipse2Poly((round(x), round(y)), (radius, radius), 0, 0, 360, 20).astype(np.float32)
            ]
    return BoneMasks.from_polygons(polygons, (size, size))


_SQUARE = np.ones((3, 3), np.uint8)


class DiscReader:
    """Stands in for a trained network: knows each bone's disc by its grey value, as `disc_image` draws it."""

    def __init__(self, *, misses=(), shrinks=0, size=None):
        self.misses, self.shrinks, self.size = misses, shrinks, size
        self.seen = []

    def logits(self, image, flip=False, within=None):
        self.seen.append(image)
        logits = np.full((COUNT, *image.shape[1:]), -9.0, np.float32)
        for bone in set(range(COUNT)) - set(self.misses):
            mask = (np.abs(image[0] * (COUNT + 1) - bone - 1) < 0.3).astype(np.uint8)
            # Between two greys an edge takes every value: opening drops those thin polygons.
            mask = cv2.dilate(cv2.morphologyEx(mask, cv2.MORPH_OPEN, _SQUARE), _SQUARE)
            mask &= image[0] * (COUNT + 1) > (bone + 1) / 2
            mask = cv2.erode(mask, _SQUARE, iterations=self.shrinks)
            logits[bone][mask > 0] = 9.0
        return logits


def disc_image(points, size_hw, radius):
    """Discs on black, one per bone, with the bone's index as grey value; and their masks."""
    image, polygons = np.zeros(size_hw, np.float32), {}
    for bone, (x, y) in enumerate(points):
        disc = np.zeros(size_hw, np.uint8)
        cv2.circle(disc, (round(x), round(y)), radius, 1, -1)
        image[disc > 0] = (bone + 1) / (COUNT + 1)
        polygons[bone] = disc > 0
    return image, BoneMasks.from_crops({bone: (mask, (0, 0)) for bone, mask in polygons.items()}, size_hw)
