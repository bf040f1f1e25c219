"""Soft tissue: a smooth union of tapered capsules around the bones, as a contour and a thickness."""

import cv2
import numpy as np

from handbone import anatomy
from handbone.synthetic.body import Body
from handbone.synthetic.skin_kernels import CELL, distances, on_pixels

# Millimetres from a bone's axis to the skin, at its end towards the elbow and at its tip, for the middle finger.
_PHALANX_RADII = {"distal": (7.9, 6.9), "middle": (9.0, 8.0), "proximal": (10.6, 9.3)}
_THUMB_RADII = {"distal": (10.0, 8.4), "proximal": (12.2, 10.4)}
_DIGIT_SIZE = {"thumb": 1.0, "index": 0.98, "middle": 1.0, "ring": 0.95, "little": 0.86}
_DISTAL = (0, 3, 7, 11, 15)  # the bones that carry nails


def skin_parts(
    body: Body, fullness: float, growth: float, *, ulnar: float = 0.0, filled: bool = False
) -> tuple[np.ndarray, np.ndarray]:
    """Capsules (n, 7): start x, y, radius, end x, y, radius, half thickness; and each one's digit (n,), 0 for the palm.

    fullness: how thick the flesh is, 1 in an average patient. growth: size of the hand relative to an adult's.
    ulnar: millimetres of flesh beyond the least on the little finger's side of palm and forearm.
    filled: whether muscle fills the spaces between the metacarpals and between the forearm's bones.
    """
    parts: list[list[float]] = []
    digits: list[int] = []
    flesh = fullness * growth
    ends = body.ends[:, :, :2]

    def add(a: np.ndarray, ra: float, b: np.ndarray, rb: float, half: float, digit: int = 0) -> None:
        parts.append([*a, ra * flesh, *b, rb * flesh, half * flesh])
        digits.append(digit)

    order = list(_DIGIT_SIZE)
    for bone in anatomy.BONES[:19]:
        digit, part, *_ = bone.title.split(" ")
        size, (tip, root) = _DIGIT_SIZE[digit], ends[bone.index]
        if part == "metacarpal":
            inner = root + 0.25 * (tip - root)
            add(inner, 12.5 * size, tip + 0.02 * (root - tip), 12.2 * size, 13.0)
            continue
        radii = (_THUMB_RADII if digit == "thumb" else _PHALANX_RADII)[part]
        if part == "distal":
            tip = (
                root + (tip - root) * (1 + 1.0 / max(1.0, float(np.linalg.norm(tip - root)))) - 3.0 * _unit(tip - root)
            )
            add(root, radii[0] * size, tip, radii[1] * size, radii[0] * size, order.index(digit) + 1)
        else:
            add(root, radii[0] * size, tip, radii[1] * size, radii[0] * size * 0.95, order.index(digit) + 1)
    # Thenar muscle: from the first metacarpal to the index's.
    thumb, index = ends[2], ends[6]
    root = thumb[1] + 0.3 * (thumb[0] - thumb[1])
    add(root, 14.0, thumb[1] + 0.75 * (thumb[0] - thumb[1]), 13.0, 15.0)
    add(thumb[1] + 0.55 * (thumb[0] - thumb[1]), 11.0, index[1] + 0.55 * (index[0] - index[1]), 12.0, 12.0)
    # Hypothenar muscle: a belly beside the fifth metacarpal.
    little = ends[18]
    outwards = little.mean(0) - ends[10].mean(0)
    outwards = _unit(outwards - _unit(little[0] - little[1]) * (outwards @ _unit(little[0] - little[1])))
    belly = outwards * max(0.0, ulnar) * growth
    add(little[1] + 0.4 * belly, 11.5, little[1] + 0.4 * (little[0] - little[1]) + belly, 11.0, 14.0)
    add(little[1] + 0.4 * (little[0] - little[1]) + belly, 11.0, little[0] + 0.3 * belly, 10.0, 12.0)
    middle = {name: ends[anatomy.INDEX[name]].mean(0) for name in ("Capitate", "Hamate", "Triquetrum", "Scaphoid")}
    radius, ulna = ends[anatomy.INDEX["Radius"]], ends[anatomy.INDEX["Ulna"]]
    # The edges of the wrist: from the outer metacarpals past the carpals to the forearm.
    add(middle["Capitate"], 14.0, middle["Capitate"], 14.0, 16.0)
    for start, joint, bone in ((ends[18, 1], middle["Triquetrum"], ulna), (ends[2, 1], middle["Scaphoid"], radius)):
        side = 9.5 + ulnar if bone is ulna else 13.0
        near, far = bone[0] + 0.06 * (bone[1] - bone[0]), bone[0] + 0.45 * (bone[1] - bone[0])
        add(start, 12.0, joint, side + 1.0, 14.0)
        add(joint, side + 1.0, near, side, 16.0)
        add(near, side, far, side + 8.0, 20.0)
        add(far, side + 8.0, bone[1], side + 15.0, 28.0)
    if filled:
        for a, b in ((6, 10), (10, 14), (14, 18)):
            add((ends[a, 1] + ends[b, 1]) / 2, 11.0, (ends[a, 0] + ends[b, 0]) / 2, 9.0, 13.0)
        add(thumb[1] + 0.8 * (thumb[0] - thumb[1]), 8.0, index[1] + 0.7 * (index[0] - index[1]), 9.0, 11.0)
        add(ends[6, 1], 11.0, ends[18, 1], 11.0, 14.0)
        add(middle["Triquetrum"], 11.0, middle["Scaphoid"], 12.0, 16.0)
        add(middle["Capitate"], 14.0, (radius[0] + ulna[0]) / 2, 14.0, 17.0)
        add((radius[0] + ulna[0]) / 2, 12.0, (radius[1] + ulna[1]) / 2, 14.0, 24.0)
    return np.array(parts), np.array(digits, np.int64)


def _unit(vector: np.ndarray) -> np.ndarray:
    return vector / max(1e-9, float(np.linalg.norm(vector)))


def soft_tissue(
    parts: np.ndarray, digits: np.ndarray, size_hw: tuple[int, int], px_per_mm: float
) -> tuple[np.ndarray, np.ndarray]:
    """Skin distance in millimetres (H, W) float32, negative inside, and ray length in millimetres (H, W) float32.

    parts, digits: from `skin_parts`, in millimetres from the image's first pixel.
    """
    rows, columns = -(-size_hw[0] // CELL) + 3, -(-size_hw[1] // CELL) + 3
    step = CELL / px_per_mm
    distance, half = distances(parts, digits, -step, -step, step, rows, columns, 7.0)
    return on_pixels(distance, half, *size_hw)


def add_folds(thickness: np.ndarray, ends_px: np.ndarray, px_per_mm: float, rng: np.random.Generator) -> None:
    """Lay the first web's folds and the palm's creases into ray lengths (H, W) in millimetres.

    ends_px: (29, 2, 2) each bone's tip and root in pixels.
    """
    thumb, index, little = ends_px[2], ends_px[6], ends_px[18]
    if rng.random() < 0.7:
        for _ in range(rng.integers(1, 4)):
            start = (
                thumb[0] + rng.uniform(-0.2, 0.35) * (thumb[1] - thumb[0]) + rng.uniform(0, 0.3) * (index[0] - thumb[0])
            )
            stop = index[0] + rng.uniform(0.1, 0.7) * (index[1] - index[0])
            sag = thumb[1] + rng.uniform(-0.1, 0.9) * (index[0] - thumb[1])
            _fold(thickness, start, (start + stop + sag) / 3, stop, px_per_mm, rng.uniform(1, 6) * px_per_mm, rng)
    for _ in range(rng.integers(0, 3)):
        start = index[0] + rng.uniform(0, 0.6) * (index[1] - index[0])
        stop = little[0] + rng.uniform(0, 0.6) * (little[1] - little[0])
        middle = (start + stop) / 2 + rng.normal(0, 5, 2) * px_per_mm
        _fold(thickness, start, middle, stop, px_per_mm, rng.uniform(0.5, 2) * px_per_mm, rng)


def add_nails(thickness: np.ndarray, ends_px: np.ndarray, px_per_mm: float, rng: np.random.Generator) -> None:
    """Lay nails over the fingertips: half a millimetre more in the ray lengths (H, W), seen best at their edges.

    ends_px: (29, 2, 2) each bone's tip and root in pixels; px_per_mm: of the patient's own hand.
    """
    shows = rng.uniform(0.0, 1.2)
    for bone in _DISTAL:
        tip, root = ends_px[bone]
        axis = _unit(tip - root)
        across = np.array([-axis[1], axis[0]]) * rng.uniform(5.0, 6.5) * px_per_mm
        across *= 1.15 if bone == 0 else 1.0
        start = root + rng.uniform(0.45, 0.6) * (tip - root)
        stop = tip + axis * rng.uniform(1.0, 5.0) * px_per_mm
        angles = np.linspace(0, 2 * np.pi, 40)
        # A superellipse: straight sides, round corners.
        cosine, sine = (np.sign(f(angles)) * np.abs(f(angles)) ** 0.6 for f in (np.cos, np.sin))
        outline = (start + stop) / 2 + np.outer(cosine, across) + np.outer(sine, (stop - start) / 2)
        _raise(thickness, outline, shows * rng.uniform(0.6, 1.0), 0.5 * px_per_mm)


def _raise(thickness: np.ndarray, outline: np.ndarray, height_mm: float, edge_px: float) -> None:
    """Add a plate inside a contour (n, 2) in pixels, a little thicker along its edge where rays cross it slantwise."""
    filled = _filled(outline, 3 * edge_px + 2, thickness)
    if filled is None:
        return
    part, inside = filled
    plate = inside.astype(np.float32) / 255
    rim = plate - cv2.GaussianBlur(plate, (0, 0), max(0.6, edge_px))
    part += np.float32(height_mm) * (plate + np.maximum(rim, 0))


def _filled(outline: np.ndarray, margin: float, thickness: np.ndarray) -> tuple[np.ndarray, np.ndarray] | None:
    """The part of an image (H, W) around a contour (n, 2), and uint8 coverage inside it; None where little shows."""
    height, width = thickness.shape
    left, top = np.clip(outline.min(0) - margin, 0, [width, height]).astype(int)
    right, bottom = np.clip(outline.max(0) + margin, 0, [width, height]).astype(int)
    if right - left < 4 or bottom - top < 4:
        return None
    inside = np.zeros((bottom - top, right - left), np.uint8)
    cv2.fillPoly(inside, [np.rint((outline - [left, top]) * 16).astype(np.int32)], 255, cv2.LINE_AA, 4)
    return thickness[top:bottom, left:right], inside


def _fold(
    thickness: np.ndarray,
    start: np.ndarray,
    middle: np.ndarray,
    stop: np.ndarray,
    px_per_mm: float,
    reach_px: float,
    rng: np.random.Generator,
) -> None:
    """A step in thickness along a curve that is lost within `reach_px` on both of its sides."""
    t = np.linspace(0, 1, 24)[:, None]
    curve = (1 - t) ** 2 * start + 2 * t * (1 - t) * middle + t**2 * stop
    filled = _filled(curve, 2 * reach_px + 2, thickness)
    if filled is None:
        return
    part, inside = filled
    sharp = inside.astype(np.float32) * np.float32(rng.uniform(-1, 1) * min(3.0, reach_px / px_per_mm) / 255)
    side = 2 * int(reach_px) + 3
    part += np.where(part > 0, sharp - cv2.blur(sharp, (side, side)), 0)
    np.maximum(part, 0, out=part)
