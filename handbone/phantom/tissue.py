"""Soft tissue: a smooth union of tapered capsules around the bones, as an outline and a thickness."""

import cv2
import numba
import numpy as np

from handbone import anatomy
from handbone.phantom.body import Body

# Millimetres from a bone's axis to the skin, at its end towards the elbow and at its tip, for the middle finger.
_PHALANX_RADII = {"distal": (7.9, 6.9), "middle": (9.0, 8.0), "proximal": (10.6, 9.3)}
_THUMB_RADII = {"distal": (10.0, 8.4), "proximal": (12.2, 10.4)}
_DIGIT_SIZE = {"thumb": 1.0, "index": 0.98, "middle": 1.0, "ring": 0.95, "little": 0.86}
_GRID = 8  # pixels of the picture per cell in which distances are computed


def skin_parts(body: Body, fullness: float, growth: float) -> tuple[np.ndarray, np.ndarray]:
    """Capsules (n, 7): start x, y, radius, end x, y, radius, half thickness; and each one's digit (n,), 0 for the palm.

    fullness: how thick the flesh is, 1 in an average person. growth: size of the hand relative to an adult's.
    """
    parts, digits = [], []
    flesh = fullness * growth
    ends = body.ends[:, :, :2]

    def add(a, ra, b, rb, half, digit=0):
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
            tip = root + (tip - root) * (1 + 1.0 / max(1.0, np.linalg.norm(tip - root))) - 3.0 * _unit(tip - root)
            add(root, radii[0] * size, tip, radii[1] * size, radii[0] * size, order.index(digit) + 1)
        else:
            add(root, radii[0] * size, tip, radii[1] * size, radii[0] * size * 0.95, order.index(digit) + 1)
    # Thenar muscle: from the first metacarpal to the index's.
    thumb, index = ends[2], ends[6]
    root = thumb[1] + 0.3 * (thumb[0] - thumb[1])
    add(root, 14.0, thumb[1] + 0.75 * (thumb[0] - thumb[1]), 13.0, 15.0)
    add(thumb[1] + 0.55 * (thumb[0] - thumb[1]), 11.0, index[1] + 0.55 * (index[0] - index[1]), 12.0, 12.0)
    middle = {name: ends[anatomy.INDEX[name]].mean(0) for name in ("Capitate", "Hamate", "Triquetrum", "Scaphoid")}
    radius, ulna = ends[anatomy.INDEX["Radius"]], ends[anatomy.INDEX["Ulna"]]
    # The edges of the wrist: from the outer metacarpals past the carpals to the forearm.
    add(middle["Capitate"], 14.0, middle["Capitate"], 14.0, 16.0)
    for start, joint, bone in ((ends[18, 1], middle["Triquetrum"], ulna), (ends[2, 1], middle["Scaphoid"], radius)):
        side = 9.5 if bone is ulna else 13.0
        near, far = bone[0] + 0.06 * (bone[1] - bone[0]), bone[0] + 0.45 * (bone[1] - bone[0])
        add(start, 12.0, joint, side + 1.0, 14.0)
        add(joint, side + 1.0, near, side, 16.0)
        add(near, side, far, side + 8.0, 20.0)
        add(far, side + 8.0, bone[1], side + 15.0, 28.0)
    return np.array(parts), np.array(digits, np.int64)


def _unit(vector: np.ndarray) -> np.ndarray:
    return vector / max(1e-9, np.linalg.norm(vector))


@numba.njit(cache=True, nogil=True, fastmath=True)
def _distances(parts, digits, left, top, step, height, width, web):
    """Distance to the skin (negative inside) and half thickness on a grid of `step` millimetres from (left, top)."""
    distance = np.empty((height, width), np.float32)
    half = np.empty((height, width), np.float32)
    for row in range(height):
        y = top + row * step
        for column in range(width):
            x = left + column * step
            palm, finger, weight, mean = 0.0, 1e9, 1e-12, 0.0
            for k in range(parts.shape[0]):
                ax, ay, ra, bx, by, rb, deep = parts[k]
                dx, dy = bx - ax, by - ay
                square = dx * dx + dy * dy
                t = 0.0 if square < 1e-9 else min(1.0, max(0.0, ((x - ax) * dx + (y - ay) * dy) / square))
                d = np.hypot(x - ax - t * dx, y - ay - t * dy) - (ra + t * (rb - ra))
                if digits[k] == 0:
                    palm += np.exp(-min(max(d, -60.0), 60.0) / 4.0)
                else:
                    finger = min(finger, d)
                share = np.exp(-min(max(d, -30.0), 60.0) / 2.5)
                weight += share
                mean += share * deep
            palm = -4.0 * np.log(palm + 1e-12) + 3.0
            # Polynomial smooth minimum (Quilez): webs appear only where fingers meet the palm.
            h = min(1.0, max(0.0, 0.5 + 0.5 * (finger - palm) / web))
            distance[row, column] = finger * (1 - h) + palm * h - web * h * (1 - h)
            half[row, column] = mean / weight if weight > 1e-9 else 10.0
    return distance, half


def soft_tissue(
    parts: np.ndarray, digits: np.ndarray, size_hw: tuple[int, int], px_per_mm: float
) -> tuple[np.ndarray, np.ndarray]:
    """Skin distance in millimetres (H, W) float32, negative inside, and ray length in millimetres (H, W) float32.

    parts, digits: from `skin_parts`, in millimetres from the picture's first pixel.
    """
    rows, columns = -(-size_hw[0] // _GRID) + 3, -(-size_hw[1] // _GRID) + 3
    step = _GRID / px_per_mm
    distance, half = _distances(parts, digits, -step, -step, step, rows, columns, 7.0)
    matrix = np.array([[_GRID, 0.0, -_GRID], [0.0, _GRID, -_GRID]])
    shape = size_hw[::-1]
    distance = cv2.warpAffine(distance, matrix, shape, flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    half = cv2.warpAffine(half, matrix, shape, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return distance, _lengths(distance, half)


@numba.njit(cache=True, nogil=True, fastmath=True)
def _lengths(distance, half):
    lengths = np.zeros(distance.shape, np.float32)
    for row in range(distance.shape[0]):
        for column in range(distance.shape[1]):
            if distance[row, column] < 0:
                u = min(1.0, -distance[row, column] / half[row, column])
                lengths[row, column] = 2 * half[row, column] * np.sqrt(u * (2 - u))
    return lengths
