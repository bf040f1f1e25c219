"""Casts, bandages and splints around the wrist, as they lie over the bones of an injured hand."""

import cv2
import numpy as np

from handbone import anatomy


def add_support(
    attenuation: np.ndarray, skin: np.ndarray, ends_px: np.ndarray, px_per_mm: float, rng: np.random.Generator
) -> None:
    """Add a plaster cast, a bandage, or a splint with its metal and straps to an attenuation (H, W) float32.

    skin: (H, W) millimetres to the skin, negative inside. ends_px: (29, 2, 2) each bone's tip and root in pixels.
    """
    limb = _Limb(attenuation.shape, ends_px, px_per_mm)
    kind = rng.random()
    if kind < 0.4:
        _plaster(attenuation, skin, limb, rng)
    elif kind < 0.7:
        _bandage(attenuation, skin, limb, rng)
    else:
        _splint(attenuation, skin, limb, rng)


class _Limb:
    """The image in the limb's own coordinates.

    along, across: (H, W) float32 millimetres from the wrist's middle towards the fingertips and to one side.
    up, side: (2,) the same directions in pixels. knuckle: millimetres from the wrist to the knuckles.
    """

    def __init__(self, size_hw: tuple[int, int], ends_px: np.ndarray, px_per_mm: float):
        self.px_per_mm = px_per_mm
        self.wrist = ends_px[anatomy.INDEX["Capitate"]].mean(0)
        upwards = ends_px[anatomy.INDEX["finger-11"], 0] - self.wrist
        self.knuckle = max(1e-3, float(np.linalg.norm(upwards))) / px_per_mm
        self.up = upwards / (self.knuckle * px_per_mm)
        self.side = np.array([-self.up[1], self.up[0]])
        x = (np.arange(size_hw[1], dtype=np.float32) - np.float32(self.wrist[0])) / np.float32(px_per_mm)
        y = (np.arange(size_hw[0], dtype=np.float32)[:, None] - np.float32(self.wrist[1])) / np.float32(px_per_mm)
        self.along = x * np.float32(self.up[0]) + y * np.float32(self.up[1])
        self.across = x * np.float32(self.side[0]) + y * np.float32(self.side[1])

    def pixel(self, along_mm: float, across_mm: float) -> np.ndarray:
        """(2,) the pixel at these millimetres."""
        return self.wrist + (along_mm * self.up + across_mm * self.side) * self.px_per_mm


def _shell(skin: np.ndarray, thick_mm: float) -> np.ndarray:
    """(H, W) millimetres through a sleeve of this thickness around the limb; 0 where there is none."""
    thick = np.float32(thick_mm)
    share = np.clip((thick - skin) / thick, 0, 1)
    edge = np.sqrt(share) * np.exp(-np.maximum(-skin, 0) / np.float32(6.0))
    return np.where(skin < thick, thick * (edge + np.float32(0.4)), 0)


def _plaster(attenuation: np.ndarray, skin: np.ndarray, limb: _Limb, rng: np.random.Generator) -> None:
    """A cast: a thick sleeve whose turns overlap at slanting edges, with blotches of more and less plaster."""
    limit = limb.knuckle * rng.uniform(0.2, 1.1)
    sleeve = _shell(skin, rng.uniform(2.5, 7.0)) * (limb.along < limit)
    pitch = rng.uniform(18, 45)
    slant = np.float32(rng.uniform(-0.5, 0.5))
    turns = (limb.along + slant * limb.across) / np.float32(pitch)
    layers = 1 + np.float32(rng.uniform(0.1, 0.4)) * (turns - np.floor(turns) < rng.uniform(0.2, 0.6))
    blotches = rng.standard_normal((24, 24)).astype(np.float32)
    blotches = cv2.resize(blotches, skin.shape[::-1], interpolation=cv2.INTER_CUBIC)
    layers *= np.clip(1 + np.float32(rng.uniform(0.05, 0.3)) * blotches, 0.3, 2)
    attenuation += sleeve * layers * np.float32(rng.uniform(0.015, 0.06))


def _bandage(attenuation: np.ndarray, skin: np.ndarray, limb: _Limb, rng: np.random.Generator) -> None:
    """A thin sleeve of woven cloth from the forearm up to somewhere in the hand."""
    limit = limb.knuckle * rng.uniform(-0.5, 1.2)
    thick = rng.uniform(1.0, 4.0)
    turn, pitch = rng.uniform(0, np.pi), rng.uniform(0.8, 2.5)
    cosine, sine = (np.float32(2 * np.pi / pitch * f(turn)) for f in (np.cos, np.sin))
    weave = np.sin(cosine * limb.across + sine * limb.along) * np.sin(cosine * limb.along - sine * limb.across)
    share = np.minimum(1, 2 * np.clip((np.float32(thick) - skin) / np.float32(thick), 0, 1))
    cloth = _shell(skin, thick) + np.float32(rng.uniform(0.3, 1.5)) * weave * share
    attenuation += cloth * (limb.along < limit) * np.float32(rng.uniform(0.01, 0.05))


def _splint(attenuation: np.ndarray, skin: np.ndarray, limb: _Limb, rng: np.random.Generator) -> None:
    """A cloth sleeve with one or two metal bars along the limb and straps across it."""
    low, high = -limb.knuckle * rng.uniform(1.2, 2.2), limb.knuckle * rng.uniform(0.4, 0.85)
    sleeve = (limb.along > low) & (limb.along < high)
    attenuation += _shell(skin, rng.uniform(1.0, 3.0)) * sleeve * np.float32(rng.uniform(0.008, 0.025))
    for _ in range(rng.integers(1, 4)):
        middle, half = rng.uniform(low, high), rng.uniform(5, 14)
        strap = (np.abs(limb.along - middle) < half) & (skin < 2.5)
        rim = (np.abs(np.abs(limb.along - middle) - half) < 0.8) & (skin < 2.5)
        attenuation += (strap + 0.8 * rim) * np.float32(rng.uniform(0.02, 0.08))
    for _ in range(rng.integers(1, 3)):
        _bar(attenuation, limb, low, high, rng)


def _bar(attenuation: np.ndarray, limb: _Limb, low: float, high: float, rng: np.random.Generator) -> None:
    """A bar of aluminium, bent a little, with round ends and sometimes with holes."""
    across, drift = rng.uniform(-0.35, 0.35) * limb.knuckle, rng.normal(0, 4.0)
    bow = rng.normal(0, 3.0)
    places = np.linspace(low + 4, high - 4, 12)
    shares = np.linspace(0, 1, 12)
    beside = across + drift * shares + bow * (2 * shares - 1) ** 2
    points = np.array([limb.pixel(*place) for place in zip(places, beside, strict=True)])
    width = rng.uniform(6, 18) * limb.knuckle / 60
    layer = np.zeros(attenuation.shape, np.uint8)
    thick = max(1, round(width * limb.px_per_mm))
    cv2.polylines(layer, [np.rint(points * 16).astype(np.int32)], False, 255, thick, cv2.LINE_AA, 4)
    if rng.random() < 0.5:
        for point in points[1:-1:2]:
            cv2.circle(layer, np.rint(point * 16).astype(int).tolist(), max(16, thick * 3), 0, -1, cv2.LINE_AA, 4)
    attenuation += layer * np.float32(rng.uniform(0.15, 0.9) / 255)
