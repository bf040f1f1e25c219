"""Random changes of training images, in which contours move with the image.

The only module that knows albumentations. Vertices of contours travel as its keypoints: that is exact, and cheaper than
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
from handbone.core.polygons import Polygons, polygon_centroids_xy
from handbone.data.bend import Bend, Wrist
from handbone.recipe import schema
from handbone.synthetic.processing import unsharp
from handbone.synthetic.texture import EXPONENTS, grain_tile, spread


class Augmenter:
    """Draws changes as a recipe's table `augment` asks for them.

    Parameters
    ----------
    settings: how much of what. `probability` is that of the turn, scaling and shift of the whole image; bend, flip
        and elastic warp have their own.
    """

    def __init__(self, settings: schema.Augment):
        self.settings = settings
        points = A.KeypointParams(format="xy", remove_invisible=False, check_each_transform=False)
        self._compose = A.Compose([*_geometric(settings), *_photometric(settings)], keypoint_params=points)

    def __call__(
        self, image: np.ndarray, polygons: Polygons, rng: np.random.Generator | int
    ) -> tuple[np.ndarray, dict[int, list[np.ndarray]]]:
        """One random change.

        Parameters
        ----------
        image: float32 (h, w) in [0, 1].
        polygons: key to contours (n, 2) in the image's pixels; keys from 29 on move along, but do not tell where the
            wrist is.
        rng: all chance comes from it: the same generator or seed gives the same change.

        Returns
        -------
        The changed image, of the same shape, and the contours where it shows them; none is dropped or clipped.
        """
        rng = np.random.default_rng(rng)
        # albumentations would give every transform the same seed, so that flips came only with bends: one stream for
        # all.
        self._compose.set_random_state(rng, random.Random(int(rng.integers(2**63))))
        contours = [polygon for group in polygons.values() for polygon in group]
        points = np.concatenate(contours) if contours else np.empty((0, 2))
        bones = {key: group for key, group in polygons.items() if key < anatomy.COUNT}
        wrist = Wrist.find(polygon_centroids_xy(bones))
        changed = self._compose(image=image, keypoints=points.astype(np.float32), wrist=wrist)
        parts = iter(np.split(changed["keypoints"], np.cumsum([len(polygon) for polygon in contours])[:-1]))
        moved = {key: [np.asarray(next(parts), np.float32) for _ in group] for key, group in polygons.items()}
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
    if settings.grain:
        transforms.append(Grain(settings.grain, p=0.5))
    if settings.clahe:
        transforms.append(A.CLAHE(clip_limit=(1, 4), p=settings.clahe))
    if settings.sharpen:
        transforms.append(A.Sharpen(p=settings.sharpen))
    if settings.halo:
        transforms.append(Halo(p=settings.halo))
    if settings.noise:
        transforms.append(A.GaussNoise(std_range=(0, settings.noise), p=0.5))
    if settings.invert:
        transforms.append(A.InvertImg(p=settings.invert))
    return transforms


class Grain(A.ImageOnlyTransform):
    """Adds noise whose amplitude falls as a power of frequency, as trabeculae and flesh give it to a radiograph.

    limit: largest standard deviation where the image is white; it is a third of that where it is black.
    """

    def __init__(self, limit: float, p: float = 0.5):
        super().__init__(p=p)
        self.limit = limit

    def get_params_dependent_on_data(self, params: dict[str, Any], data: dict[str, Any]) -> dict[str, Any]:
        """The noise of this image, float32 (h, w), with a standard deviation of up to `limit`."""
        exponent = float(self.random_generator.choice([e for e in EXPONENTS if e]))
        noise = spread(grain_tile(exponent), params["shape"][:2], self.random_generator)
        strength = self.random_generator.uniform(0, self.limit)
        return {"noise": (noise - noise.mean()) * np.float32(strength / noise.std())}

    def apply(self, img: np.ndarray, noise: np.ndarray, **params: Any) -> np.ndarray:
        """The image with grain."""
        return np.clip(img + noise * (1 + 2 * img) / 3, 0, 1)


class Halo(A.ImageOnlyTransform):
    """Adds an unsharp mask of random width and strength, which leaves halos along edges.

    albumentations' own leaves weak detail as it is; vendors' software sharpens grain and trabeculae, too.
    """

    def get_params(self) -> dict[str, Any]:
        """The mask of this image: standard deviation in pixels and strength."""
        width = math.exp(self.py_random.uniform(math.log(2), math.log(12)))
        return {"halo": (width, self.py_random.uniform(0.5, 2.5))}

    def apply(self, img: np.ndarray, halo: tuple[float, float], **params: Any) -> np.ndarray:
        """The image with halos."""
        return np.clip(unsharp(img, (halo,)), 0, 1)


class WristBend(A.DualTransform):
    """Turns the hand against the forearm by up to `limit` degrees each way (see `handbone.data.bend`).

    Three of four turns take the fingers away from the thumb, as bent hands do in practice. Needs `wrist=` (a `Wrist`,
    or None, which leaves the image as it is) beside the image.
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
        """The bend of this image."""
        wrist = data["wrist"]
        angle = math.radians(self.py_random.uniform(0, self.limit))
        away = self.py_random.random() < (self._AWAY if wrist is not None and wrist.away else 0.5)
        if wrist is None:
            return {"bend": None}
        bend = Bend(wrist, angle * (1 if away else -1) * (wrist.away or 1))
        points = data["keypoints"][:, :2]
        return {"bend": bend.kept_inside(points, params["shape"][1]) if len(points) else bend}

    def apply(self, img: np.ndarray, bend: Bend | None = None, **params: Any) -> np.ndarray:
        """The image, bent; black where nothing is known."""
        if bend is None:
            return img
        return cv2.remap(img, *bend.sources(img.shape[:2]), cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT)

    def apply_to_keypoints(self, keypoints: np.ndarray, bend: Bend | None = None, **params: Any) -> np.ndarray:
        """The vertices where the bend takes them."""
        if bend is None:
            return keypoints
        return np.column_stack([bend.move(keypoints[:, :2]), keypoints[:, 2:]])


class SmoothWarp(A.DualTransform):
    """Moves parts of an image by up to 1.5 % of its side, smoothly.

    albumentations' own elastic warps redraw every keypoint as a disc, which is slow and blunt for thousands of
    vertices; here a vertex goes exactly where the image shows it, by fixed-point iteration.
    """

    _targets = (A.core.type_definitions.Targets.IMAGE, A.core.type_definitions.Targets.KEYPOINTS)
    _KNOTS = 6
    _LARGEST = 0.015

    def get_params_dependent_on_data(self, params: dict[str, Any], data: dict[str, Any]) -> dict[str, Any]:
        """The displacement of this image, float32 (h, w, 2): where each pixel comes from, minus the pixel."""
        height, width = params["shape"][:2]
        reach = self._LARGEST * max(height, width)
        knots = self.random_generator.uniform(-reach, reach, (self._KNOTS, self._KNOTS, 2)).astype(np.float32)
        return {"field": cv2.resize(knots, (width, height), interpolation=cv2.INTER_CUBIC)}

    def apply(self, img: np.ndarray, field: np.ndarray, **params: Any) -> np.ndarray:
        """The image, warped; black where nothing is known."""
        height, width = img.shape[:2]
        x = field[..., 0] + np.arange(width, dtype=np.float32)
        y = field[..., 1] + np.arange(height, dtype=np.float32)[:, None]
        return cv2.remap(img, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT)

    def apply_to_keypoints(self, keypoints: np.ndarray, field: np.ndarray, **params: Any) -> np.ndarray:
        """The vertices where the image shows them; the displacement beyond the image's edge is that at the edge."""
        goal = keypoints[:, :2].astype(np.float32)
        points = goal.copy()
        for _ in range(6):
            points = goal - _displacements(field, points)
        return np.column_stack([points, keypoints[:, 2:]])


def _displacements(field: np.ndarray, points: np.ndarray) -> np.ndarray:
    """(n, 2) the field (h, w, 2) read at points (n, 2); OpenCV reads at most 32,766 of them at once."""
    parts = np.array_split(points, 1 + len(points) // 30_000)
    read = [cv2.remap(field, p[:, :1], p[:, 1:], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE) for p in parts]
    return np.concatenate(read)[:, 0]
