"""A right hand of simple shapes, whose every measure can be worked out on paper: millimetres, x away from the thumb, y
towards the elbow."""

from dataclasses import dataclass, field, replace

import numpy as np
from matplotlib.path import Path

from handbone import anatomy
from handbone.core.bone_masks import BoneMasks
from handbone.measure.hand import BONE

#: Lengths from the metacarpal to the tip, and widths at mid-shaft, by digit.
LENGTHS = {1: (45, 31, 22), 2: (66, 40, 23, 17), 3: (64, 44, 28, 18), 4: (58, 41, 26, 18), 5: (52, 33, 18, 16)}
WIDTHS = {"MC": 9.0, "PP": 8.0, "MP": 7.0, "DP": 6.0}
_COLUMNS = {2: -22.0, 3: -7.0, 4: 8.0, 5: 22.0}
_BASE, _GAP, _THUMB = -12.0, 2.0, np.deg2rad(-40)
_ELLIPSES = {
    "Capitate": (-5, 2, 8, 12),
    "Scaphoid": (-17, 17, 8, 9),
    "Lunate": (2, 17, 8, 7),
    "Triquetrum": (17, 12, 6, 6),
    "Pisiform": (19, 14, 4, 4),
    "Hamate": (12, -2, 7, 8),
    "Trapezium": (-28, 4, 6, 6),
    "Trapezoid": (-18, -4, 5, 5),
}
RADIUS = [(-24, 22), (8, 32), (2, 48), (2, 130), (-14, 130), (-14, 48)]
ULNA = [(11, 30), (21.5, 30), (25.5, 24), (27, 31), (23, 42), (23, 130), (14, 130), (14, 42)]


def _tube(length: float, width: float) -> np.ndarray:
    """A bone from (0, 0) upwards whose ends are 1.6 times as wide as its shaft."""
    half, wide = width / 2, 0.8 * width
    side = [(wide, 0), (half, -0.25 * length), (half, -0.75 * length), (wide, -length)]
    return np.array([*side, *[(-x, y) for x, y in reversed(side)]], float)


def _parts(digit: int) -> tuple[str, ...]:
    return ("MC", "PP", "DP") if digit == 1 else ("MC", "PP", "MP", "DP")


def _polygons() -> dict[str, np.ndarray]:
    polygons = {"Radius": np.array(RADIUS, float), "Ulna": np.array(ULNA, float)}
    angle = np.linspace(0, 2 * np.pi, 120, endpoint=False)
    for name, (x, y, a, b) in _ELLIPSES.items():
        polygons[name] = np.stack([x + a * np.cos(angle), y + b * np.sin(angle)], 1)
    for digit, lengths in LENGTHS.items():
        start = 0.0
        for part, length in zip(_parts(digit), lengths, strict=True):
            tube = _tube(length, WIDTHS[part]) + np.array([0.0, -start])
            place = np.array([-31.0, -4.0] if digit == 1 else [_COLUMNS[digit], _BASE])
            polygons[f"{part}{digit}"] = place + (turned(tube, _THUMB) if digit == 1 else tube)
            start += length + _GAP
    return polygons


def turned(points: np.ndarray, radians: float, about: tuple[float, float] = (0.0, 0.0)) -> np.ndarray:
    """Points (n, 2) turned from x towards y about a point."""
    cosine, sine = np.cos(radians), np.sin(radians)
    return (points - about) @ np.array([[cosine, sine], [-sine, cosine]]) + about


@dataclass(frozen=True)
class PlainHand:
    """The hand, and how it lies in its image.

    pixel_mm: width and height of a pixel. degrees: by which it is turned in the image. left: whether it is mirrored.
    forearm_mm: how much of the image lies below the wrist; the image's edge cuts the rest.
    """

    polygons: dict[str, np.ndarray] = field(default_factory=_polygons)
    pixel_mm: tuple[float, float] = (0.25, 0.25)
    degrees: float = 0.0
    left: bool = False
    forearm_mm: float = 90.0

    def with_bone(self, name: str, polygon: np.ndarray) -> "PlainHand":
        """The hand with another outline of a bone."""
        return replace(self, polygons={**self.polygons, name: polygon})

    def moved(self, *names: str, degrees: float = 0.0, about=(0.0, 0.0), by=(0.0, 0.0)) -> "PlainHand":
        """The hand with some bones turned about a point, and moved."""
        changed = {name: turned(self.polygons[name], np.deg2rad(degrees), about) + by for name in names}
        return replace(self, polygons={**self.polygons, **changed})

    def placed(self) -> tuple[dict[int, np.ndarray], tuple[int, int]]:
        """Contours in pixels by bone's index, and the image's height and width."""
        turn = np.deg2rad(self.degrees)
        mirror = np.array([-1.0 if self.left else 1.0, 1.0])
        polygons = {name: turned(polygon, turn) * mirror / self.pixel_mm for name, polygon in self.polygons.items()}
        low = np.min([polygon.min(0) for polygon in polygons.values()], axis=0) - 12
        high = np.max([polygon.max(0) for polygon in polygons.values()], axis=0) + 12
        width, height = np.ceil(high - low).astype(int)
        if self.degrees == 0:
            height = min(height, int((self.forearm_mm + 22) / self.pixel_mm[1] - low[1]))
        return {BONE[name]: polygon - low for name, polygon in polygons.items()}, (int(height), int(width))

    def masks(self, without: tuple[str, ...] = ()) -> BoneMasks:
        """Exact masks: the pixels whose centres lie inside."""
        polygons, (height, width) = self.placed()
        crops = {}
        for index, polygon in polygons.items():
            left, top = np.maximum(np.floor(polygon.min(0)).astype(int), 0)
            right, bottom = np.minimum(np.ceil(polygon.max(0)).astype(int) + 1, (width, height))
            x, y = np.meshgrid(np.arange(left, right), np.arange(top, bottom))
            inside = Path(polygon).contains_points(np.stack([x.ravel(), y.ravel()], 1)).reshape(x.shape)
            if anatomy.SHORT_NAMES[index] not in without:
                crops[index] = inside, (int(left), int(top))
        return BoneMasks.from_crops(crops, (height, width))

    def image(self, wall_mm: float = 2.0) -> np.ndarray:
        """(H, W) float32: flesh around hollow bones, whose rays are as long as in a cylinder of the shaft's width."""
        polygons, size = self.placed()
        assert self.degrees == 0
        image = np.full(size, 0.25, np.float32)
        for digit in (2, 3, 4):
            polygon = polygons[BONE[f"MC{digit}"]]
            low, high = np.floor(polygon.min(0)).astype(int), np.ceil(polygon.max(0)).astype(int)
            x = (np.arange(low[0], high[0] + 1) - (polygon[:, 0].min() + polygon[:, 0].max()) / 2) * self.pixel_mm[0]
            outer, inner = WIDTHS["MC"] / 2, WIDTHS["MC"] / 2 - wall_mm
            rays = 2 * np.sqrt(np.clip(outer**2 - x**2, 0, None)) - 1.6 * np.sqrt(np.clip(inner**2 - x**2, 0, None))
            image[low[1] : high[1], low[0] : high[0] + 1] += np.float32(0.06) * rays.astype(np.float32)
        return image
