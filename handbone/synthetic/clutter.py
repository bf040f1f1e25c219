"""Clutter that hides bones or looks like them: wires, plates and screws, bracelets, another hand, detector marks.

None of them changes a mask: a bone under a plate is still there.
"""

import cv2
import numpy as np

from handbone import anatomy
from handbone.synthetic.supports import add_support

_SHIFT = 4  # binary digits of a pixel's fraction in OpenCV's drawing
_SHAFTS = (*range(19), anatomy.INDEX["Radius"], anatomy.INDEX["Ulna"])


def add_clutter(
    attenuation: np.ndarray, skin: np.ndarray, ends_px: np.ndarray, px_per_mm: float, rng: np.random.Generator
) -> None:
    """Randomly add clutter to an attenuation map (H, W) float32.

    skin: (H, W) millimetres to the skin, negative inside. ends_px: (29, 2, 2) each bone's tip and root in pixels.
    """
    if rng.random() < 0.06:
        _hardware(attenuation, ends_px, px_per_mm, rng)
    if rng.random() < 0.065:
        add_support(attenuation, skin, ends_px, px_per_mm, rng)
    if rng.random() < 0.03:
        _bracelet(attenuation, ends_px, px_per_mm, rng)
    if rng.random() < 0.05:
        _other_hand(attenuation, skin, rng)
    if rng.random() < 0.1:
        _dust(attenuation, px_per_mm, rng)


def _unit(vector: np.ndarray) -> np.ndarray:
    return vector / max(1e-6, float(np.linalg.norm(vector)))


def _metal(attenuation: np.ndarray, points: np.ndarray, thick_px: float, depth: float) -> None:
    """Add a line of metal through points (n, 2) in pixels."""
    reach = thick_px + 2
    height, width = attenuation.shape
    left, top = np.clip(np.floor(points.min(0) - reach), 0, [width, height]).astype(int)
    right, bottom = np.clip(np.ceil(points.max(0) + reach), 0, [width, height]).astype(int)
    if left >= right or top >= bottom:
        return
    layer = np.zeros((bottom - top, right - left), np.uint8)
    local = np.rint((points - [left, top]) * 2**_SHIFT).astype(np.int32)
    cv2.polylines(layer, [local], False, 255, max(1, round(thick_px)), cv2.LINE_AA, _SHIFT)
    attenuation[top:bottom, left:right] += layer * np.float32(depth / 255)


def _hardware(attenuation: np.ndarray, ends_px: np.ndarray, px_per_mm: float, rng: np.random.Generator) -> None:
    """Osteosynthesis: pins through a bone, one screw, or a plate with its screws beside the shaft."""
    bone = int(rng.choice(_SHAFTS))
    tip, root = ends_px[bone]
    if bone > 18:
        root = tip + 60 * px_per_mm * _unit(root - tip)
    along = _unit(root - tip)
    across = np.array([-along[1], along[0]])
    length = float(np.linalg.norm(root - tip))
    kind = rng.random()
    if kind < 0.5:
        for _ in range(rng.integers(1, 4)):
            _pin(attenuation, tip, along, across, length, px_per_mm, rng)
    elif kind < 0.65:
        middle = tip + along * length * rng.uniform(0.2, 0.8)
        _screw(attenuation, middle, _unit(along + across * rng.normal(0, 1)), rng.uniform(8, 25), px_per_mm, rng)
    else:
        _plate(attenuation, tip, along, across, length, px_per_mm, rng, wide=bone > 18)


def _pin(
    attenuation: np.ndarray,
    tip: np.ndarray,
    along: np.ndarray,
    across: np.ndarray,
    length: float,
    px_per_mm: float,
    rng: np.random.Generator,
) -> None:
    """A Kirschner wire, 0.8 to 2 mm thick, that may end in a hook outside of the bone."""
    slant = rng.normal(0, 0.25)
    way = _unit(along + across * slant)
    start = tip - along * length * rng.uniform(-0.1, 0.6) + across * rng.normal(0, 2.5) * px_per_mm
    points = [start + way * length * rng.uniform(0.7, 1.5), start]
    if rng.random() < 0.4:
        points.append(start + _unit(across - way) * rng.uniform(2, 6) * px_per_mm)
    _metal(attenuation, np.array(points), rng.uniform(0.8, 2.0) * px_per_mm, rng.uniform(0.8, 3.5))


def _screw(
    attenuation: np.ndarray,
    middle: np.ndarray,
    way: np.ndarray,
    length_mm: float,
    px_per_mm: float,
    rng: np.random.Generator,
) -> None:
    """A screw of a core, a thread of short strokes and a head."""
    across = np.array([-way[1], way[0]])
    half = 0.5 * length_mm * px_per_mm * way
    depth, thick = rng.uniform(0.8, 2.5), rng.uniform(1.2, 2.2) * px_per_mm
    _metal(attenuation, np.array([middle - half, middle + half]), thick, depth)
    for share in np.arange(-0.9, 1.0, 1.6 / length_mm):
        centre = middle + share * half
        _metal(attenuation, np.array([centre - 0.8 * thick * across, centre + 0.8 * thick * across]), 1.0, 0.4 * depth)
    _metal(attenuation, np.array([middle - half - across * thick, middle - half + across * thick]), thick, depth)


def _plate(
    attenuation: np.ndarray,
    tip: np.ndarray,
    along: np.ndarray,
    across: np.ndarray,
    length: float,
    px_per_mm: float,
    rng: np.random.Generator,
    *,
    wide: bool,
) -> None:
    """A plate with holes, screws in most of them, seen from above or from its edge."""
    middle = tip + along * length * rng.uniform(0.35, 0.65) + across * rng.normal(0, 2.0) * px_per_mm
    long = rng.uniform(0.5, 0.95) * length
    thick = (rng.uniform(6, 12) if wide else rng.uniform(3, 6)) * px_per_mm
    depth = rng.uniform(0.6, 2.2)
    edge_on = rng.random() < 0.3
    ends = np.array([middle - along * long / 2, middle + along * long / 2])
    _metal(attenuation, ends, thick * (0.3 if edge_on else 1.0), depth)
    for share in np.linspace(-0.45, 0.45, int(rng.integers(4, 8))):
        hole = middle + along * long * share
        if edge_on:
            _metal(attenuation, np.array([hole, hole + across * rng.uniform(8, 14) * px_per_mm]), 0.3 * thick, depth)
            continue
        filled = rng.random() < 0.7
        _metal(attenuation, np.array([hole, hole]), 0.55 * thick, depth if filled else -0.8 * depth)


def _bracelet(attenuation: np.ndarray, ends_px: np.ndarray, px_per_mm: float, rng: np.random.Generator) -> None:
    """A bangle, or a chain of links, around the wrist."""
    radius, ulna = (ends_px[anatomy.INDEX[name]] for name in ("Radius", "Ulna"))
    along = _unit(radius[1] - radius[0])
    across = np.array([-along[1], along[0]])
    wide = float(np.linalg.norm(ends_px[anatomy.INDEX["finger-7"], 1] - ends_px[anatomy.INDEX["finger-19"], 1]))
    middle = (radius[0] + ulna[0]) / 2 + along * rng.uniform(0.3, 1.5) * wide
    half, flat = rng.uniform(0.75, 1.1) * wide, rng.uniform(0.05, 0.25) * wide
    angle = np.linspace(0, 2 * np.pi, 61)[:, None]
    points = middle + half * np.cos(angle) * across + flat * np.sin(angle) * along
    depth, thick = rng.uniform(0.3, 3.0), rng.uniform(0.8, 3.0) * px_per_mm
    if rng.random() < 0.5:
        _metal(attenuation, points, thick, depth)
        return
    for link in range(0, 60, 2):
        _metal(attenuation, points[link : link + 2], thick, depth)


def _other_hand(attenuation: np.ndarray, skin: np.ndarray, rng: np.random.Generator) -> None:
    """The edge of the other hand, which comes in from the side where there is room; it has no masks.

    Often it keeps clear of the hand; otherwise, where there is little room, it touches or covers the hand's edge.
    """
    columns = np.flatnonzero((skin < 0).any(0))
    if columns.size == 0:
        return
    width = attenuation.shape[1]
    low, high = int(columns[0]), int(columns[-1]) + 1
    right = width - high > low
    # The mirror image of the hand's outer part, as far as it fits beside the hand.
    gap = rng.uniform(0.01, 0.06) * width if rng.random() < 0.4 else -rng.uniform(0, 0.12) * (high - low)
    room = (width - high if right else low) - int(gap)
    shown = int(np.clip(room, 0, (high - low) // 2))
    if right:
        attenuation[:, width - shown :] += attenuation[:, high - shown : high][:, ::-1].copy()
    else:
        attenuation[:, :shown] += attenuation[:, low : low + shown][:, ::-1].copy()


def _dust(attenuation: np.ndarray, px_per_mm: float, rng: np.random.Generator) -> None:
    """Grains and hairs on the plate."""
    height, width = attenuation.shape
    for _ in range(rng.integers(1, 12)):
        spot = rng.uniform(0, 1, 2) * [width, height]
        path = np.cumsum(rng.normal(0, rng.uniform(0.1, 2.5), (4, 2)) * px_per_mm, 0)
        _metal(attenuation, spot + path, rng.uniform(0.5, 1.0) * px_per_mm * 0.4, rng.uniform(-0.1, 0.4))


def mark_detector(image: np.ndarray, rng: np.random.Generator) -> None:
    """Leave traces of the detector in grey values (H, W): a grid's lines, uneven columns, a panel of another level."""
    if rng.random() < 0.08:
        pitch = rng.uniform(2.0, 7.0)
        wave = rng.uniform(0.003, 0.02) * np.sin(2 * np.pi / pitch * np.arange(max(image.shape)))
        _along_an_axis(image, wave, rng)
    if rng.random() < 0.08:
        _along_an_axis(image, rng.uniform(0.002, 0.012) * rng.standard_normal(max(image.shape)), rng)
    if rng.random() < 0.1:
        _panel(image, rng)
    np.clip(image, 0, 1, out=image)


def _along_an_axis(image: np.ndarray, profile: np.ndarray, rng: np.random.Generator) -> None:
    height, width = image.shape
    profile = profile.astype(np.float32)
    image += profile[:height, None] if rng.random() < 0.5 else profile[:width]


def _panel(image: np.ndarray, rng: np.random.Generator) -> None:
    """A side of the image that is darker or brighter from a sharp or soft line on."""
    height, width = image.shape
    upright = rng.random() < 0.5
    count = height if upright else width
    place = np.arange(count, dtype=np.float32) / count
    if rng.random() < 0.5:
        place = 1 - place
    share = np.clip((rng.uniform(0.03, 0.2) - place) / rng.uniform(0.001, 0.03), 0, 1) * rng.uniform(-0.5, 0.4)
    factor = (1 + share).astype(np.float32)
    image *= factor[:, None] if upright else factor
