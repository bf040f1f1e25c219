"""Random changes of training pictures, in which outlines move with the picture.

The only module that knows albumentations. Vertices of outlines travel as its keypoints: that is exact, and cheaper than
warping 29 masks.
"""

import math
import os
import random
from typing import Any

# albumentations asks the network for newer versions of itself when it is imported; nothing here may need a network.
os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")

import albumentations as A
import cv2
import numpy as np

from handbone import anatomy
from handbone.core.polygons import Rings, ring_centroids_xy
from handbone.data.bend import Bend, Wrist
from handbone.recipe import schema


class Augmenter:
    """Draws changes as a recipe's table `augment` asks for them.

    Parameters
    ----------
    settings: how much of what. `probability` is that of the turn, scaling and shift of the whole picture; bend, flip
        and elastic warp have their own.
    """

    def __init__(self, settings: schema.Augment):
        self.settings = settings
        points = A.KeypointParams(format="xy", remove_invisible=False, check_each_transform=False)
        self._compose = A.Compose([*_geometric(settings), *_photometric(settings)], keypoint_params=points)

    def __call__(
        self, image: np.ndarray, rings: Rings, rng: np.random.Generator | int
    ) -> tuple[np.ndarray, dict[int, list[np.ndarray]]]:
        """One random change.

        Parameters
        ----------
        image: float32 (h, w) in [0, 1].
        rings: key to outlines (n, 2) in the image's pixels; keys from 29 on move along, but do not tell where the
            wrist is.
        rng: all chance comes from it: the same generator or seed gives the same change.

        Returns
        -------
        The changed image, of the same shape, and the outlines where it shows them; none is dropped or clipped.
        """
        rng = np.random.default_rng(rng)
        # albumentations would give every transform the same seed, so that flips came only with bends: one stream for
        # all.
        self._compose.set_random_state(rng, random.Random(int(rng.integers(2**63))))
        outlines = [ring for group in rings.values() for ring in group]
        points = np.concatenate(outlines) if outlines else np.empty((0, 2))
        bones = {key: group for key, group in rings.items() if key < anatomy.COUNT}
        wrist = Wrist.find(ring_centroids_xy(bones))
        changed = self._compose(image=image, keypoints=points.astype(np.float32), wrist=wrist)
        parts = iter(np.split(changed["keypoints"], np.cumsum([len(ring) for ring in outlines])[:-1]))
        moved = {key: [np.asarray(next(parts), np.float32) for _ in group] for key, group in rings.items()}
        return np.clip(changed["image"], 0, 1, dtype=np.float32), moved


def _geometric(settings: schema.Augment) -> list[A.BasicTransform]:
    transforms: list[A.BasicTransform] = []
    if settings.wrist_bend and settings.wrist_bend_probability:
        transforms.append(WristBend(settings.wrist_bend, p=settings.wrist_bend_probability))
    if settings.rotate or settings.scale or settings.shift:
        affine = A.Affine(
            rotate=(-settings.rotate, settings.rotate),
            scale=(1 - settings.scale, 1 + settings.scale),
            translate_percent=(-settings.shift, settings.shift),
            interpolation=cv2.INTER_LINEAR,
            border_mode=cv2.BORDER_CONSTANT,
            p=settings.probability,
        )
        transforms.append(affine)
    if settings.flip:
        transforms.append(A.HorizontalFlip(p=settings.flip))
    if settings.elastic:
        transforms.append(SmoothWarp(p=settings.elastic))
    # Keypoints need a transform that takes them.
    return transforms or [A.NoOp()]


def _photometric(settings: schema.Augment) -> list[A.BasicTransform]:
    transforms: list[A.BasicTransform] = []
    if settings.brightness or settings.contrast:
        transforms.append(
            A.RandomBrightnessContrast(brightness_limit=settings.brightness, contrast_limit=settings.contrast, p=0.8)
        )
    if settings.gamma:
        limits = 100 * max(1 - settings.gamma, 0.05), 100 * (1 + settings.gamma)
        transforms.append(A.RandomGamma(gamma_limit=limits, p=0.8))
    if settings.blur:
        transforms.append(A.GaussianBlur(blur_limit=0, sigma_limit=(0.4, 1.2), p=settings.blur))
    if settings.noise:
        transforms.append(A.GaussNoise(std_range=(0, settings.noise), p=0.5))
    if settings.invert:
        transforms.append(A.InvertImg(p=settings.invert))
    return transforms


class WristBend(A.DualTransform):
    """Turns the hand against the forearm by up to `limit` degrees each way (see `handbone.data.bend`).

    Three of four turns take the fingers away from the thumb, as bent hands do in practice. Needs `wrist=` (a `Wrist`,
    or None, which leaves the picture as it is) beside the image.
    """

    _AWAY = 0.75
    _targets = (A.core.type_definitions.Targets.IMAGE, A.core.type_definitions.Targets.KEYPOINTS)

    def __init__(self, limit: float, p: float = 0.5):
        super().__init__(p=p)
        self.limit = limit

    @property
    def targets_as_params(self) -> list[str]:
        """The further things that a call needs."""
        return ["wrist"]

    def get_params_dependent_on_data(self, params: dict[str, Any], data: dict[str, Any]) -> dict[str, Any]:
        """The bend of this picture."""
        wrist = data["wrist"]
        angle = math.radians(self.py_random.uniform(0, self.limit))
        away = self.py_random.random() < (self._AWAY if wrist is not None and wrist.away else 0.5)
        if wrist is None:
            return {"bend": None}
        bend = Bend(wrist, angle * (1 if away else -1) * (wrist.away or 1))
        points = data["keypoints"][:, :2]
        return {"bend": bend.kept_inside(points, params["shape"][1]) if len(points) else bend}

    def apply(self, img: np.ndarray, bend: Bend | None = None, **params: Any) -> np.ndarray:
        """The picture, bent; black where nothing is known."""
        if bend is None:
            return img
        return cv2.remap(img, *bend.sources(img.shape[:2]), cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT)

    def apply_to_keypoints(self, keypoints: np.ndarray, bend: Bend | None = None, **params: Any) -> np.ndarray:
        """The vertices where the bend takes them."""
        if bend is None:
            return keypoints
        return np.column_stack([bend.move(keypoints[:, :2]), keypoints[:, 2:]])


class SmoothWarp(A.DualTransform):
    """Moves parts of a picture by up to 1.5 % of its side, smoothly.

    albumentations' own elastic warps redraw every keypoint as a disc, which is slow and blunt for thousands of
    vertices; here a vertex goes exactly where the picture shows it, by fixed-point iteration.
    """

    _targets = (A.core.type_definitions.Targets.IMAGE, A.core.type_definitions.Targets.KEYPOINTS)
    _KNOTS = 6
    _LARGEST = 0.015

    def get_params_dependent_on_data(self, params: dict[str, Any], data: dict[str, Any]) -> dict[str, Any]:
        """The displacement of this picture, float32 (h, w, 2): where each pixel comes from, minus the pixel."""
        height, width = params["shape"][:2]
        reach = self._LARGEST * max(height, width)
        knots = self.random_generator.uniform(-reach, reach, (self._KNOTS, self._KNOTS, 2)).astype(np.float32)
        return {"field": cv2.resize(knots, (width, height), interpolation=cv2.INTER_CUBIC)}

    def apply(self, img: np.ndarray, field: np.ndarray, **params: Any) -> np.ndarray:
        """The picture, warped; black where nothing is known."""
        height, width = img.shape[:2]
        x = field[..., 0] + np.arange(width, dtype=np.float32)
        y = field[..., 1] + np.arange(height, dtype=np.float32)[:, None]
        return cv2.remap(img, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT)

    def apply_to_keypoints(self, keypoints: np.ndarray, field: np.ndarray, **params: Any) -> np.ndarray:
        """The vertices where the picture shows them; the displacement beyond the picture's edge is that at the edge."""
        goal = keypoints[:, :2].astype(np.float32)
        points = goal.copy()
        for _ in range(6):
            x, y = points[:, :1], points[:, 1:]
            points = goal - cv2.remap(field, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)[:, 0]
        return np.column_stack([points, keypoints[:, 2:]])
