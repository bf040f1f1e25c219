"""Images without a hand, drawn: other parts of the body, patterns, letters and noise, float32 (H, W) in [0, 1]."""

from collections.abc import Callable

import cv2
import numpy as np

Draw = Callable[[np.random.Generator], np.ndarray]


def _film(image: np.ndarray, rng: np.random.Generator, blur: float = 4) -> np.ndarray:
    soft = cv2.GaussianBlur(image, (0, 0), blur)
    return (soft + rng.normal(0, 0.015, soft.shape)).astype(np.float32).clip(0, 1)


def noise(rng: np.random.Generator) -> np.ndarray:
    """Grains."""
    return rng.normal(0.3, 0.05, (600, 510)).astype(np.float32).clip(0, 1)


def clouds(rng: np.random.Generator) -> np.ndarray:
    """Soft blobs."""
    return cv2.normalize(cv2.GaussianBlur(rng.random((600, 600), np.float32), (0, 0), 25), None, 0, 1, cv2.NORM_MINMAX)


def gradient(rng: np.random.Generator) -> np.ndarray:
    """From dark to bright."""
    y, x = np.mgrid[:600, :600] / np.float32(600)
    angle = rng.uniform(0, 2 * np.pi)
    return cv2.normalize(np.cos(angle) * x + np.sin(angle) * y, None, 0, 1, cv2.NORM_MINMAX).astype(np.float32)


def flat(rng: np.random.Generator) -> np.ndarray:
    """One grey."""
    return np.full((400, 300), rng.uniform(0, 1), np.float32)


def ribs(rng: np.random.Generator) -> np.ndarray:
    """Bent stripes."""
    y, x = np.mgrid[:600, :600] / np.float32(600)
    bent = np.sin(2 * np.pi * rng.uniform(6, 14) * (y + rng.uniform(0.1, 0.4) * (x - 0.5) ** 2)) > 0.2
    return _film((0.25 + 0.5 * bent).astype(np.float32), rng, 2)


def chest(rng: np.random.Generator) -> np.ndarray:
    """Two dark lungs under ribs, a spine and a heart."""
    n = 700
    image = np.full((n, n), 0.55, np.float32)
    for side, (start, end) in ((-1, (180, 270)), (1, (270, 360))):
        lung = (int(n * (0.5 + 0.21 * side)), n // 2)
        cv2.ellipse(image, lung, (int(n * 0.16), int(n * 0.36)), 0, 0, 360, 0.15, -1)
        for rib in range(9):
            at = (int(n * (0.5 + 0.12 * side)), int(n * (0.2 + 0.075 * rib)))
            cv2.ellipse(image, at, (int(n * 0.28), int(n * 0.1)), 0, start, end, 0.6 + 0.02 * rib, 15)
    cv2.rectangle(image, (int(n * 0.46), 0), (int(n * 0.54), n), 0.8, -1)
    cv2.ellipse(image, (int(n * 0.57), int(n * 0.62)), (int(n * 0.16), int(n * 0.13)), 20, 0, 360, 0.75, -1)
    return _film(image, rng)


def circles(rng: np.random.Generator) -> np.ndarray:
    """Discs anywhere."""
    image = np.full((600, 600), 0.05, np.float32)
    for _ in range(25):
        at = tuple(int(value) for value in rng.integers(0, 600, 2))
        cv2.circle(image, at, int(rng.integers(8, 60)), float(rng.uniform(0.3, 1)), -1)
    return _film(image, rng, 2)


def letters(rng: np.random.Generator) -> np.ndarray:
    """Lines of text."""
    image = np.full((600, 600), 5, np.uint8)
    for line in range(14):
        words = "".join(chr(code) for code in rng.integers(65, 91, 18))
        cv2.putText(image, words, (10, 40 * line + 40), cv2.FONT_HERSHEY_SIMPLEX, 1.1, 242, 2)
    return image / np.float32(255)


def checkers(rng: np.random.Generator) -> np.ndarray:
    """Squares."""
    y, x = np.mgrid[:600, :600]
    side = int(rng.integers(40, 90))
    return (((y // side + x // side) % 2) * 0.8 + 0.1).astype(np.float32)


def shafts(rng: np.random.Generator) -> np.ndarray:
    """Two long bones that leave the image on both sides."""
    image = np.full((800, 480), 0.05, np.float32)
    cv2.line(image, (240, 0), (240, 800), 0.35, 290)
    for x in (182, 298):
        cv2.line(image, (x, 0), (x + int(rng.integers(-20, 20)), 800), 0.8, 58)
        cv2.line(image, (x, 0), (x, 800), 0.6, 24)
    return _film(image, rng, 3)


def spine(rng: np.random.Generator) -> np.ndarray:
    """Vertebrae."""
    image = np.full((800, 480), 0.2, np.float32)
    for k in range(8):
        x, y = int(240 + rng.uniform(0, 40) * np.sin(k)), int(800 * (0.06 + 0.12 * k))
        cv2.rectangle(image, (x - 60, y - 34), (x + 60, y + 34), 0.75, -1)
        cv2.rectangle(image, (x - 100, y - 8), (x + 100, y + 8), 0.6, -1)
    return _film(image, rng)


def foot(rng: np.random.Generator) -> np.ndarray:
    """Metatarsals, toes, tarsals and a heel, which lie much as in a hand."""
    n, w = 800, 480
    image = np.full((n, w), 0.04, np.float32)
    for toe in range(5):
        low, high = int(w * (0.32 + 0.09 * toe)), int(w * (0.2 + 0.15 * toe))
        cv2.line(image, (low, n // 2), (high, n // 4), 0.75, 30)
        step = (high - low) // 8
        for phalanx in range(2):
            ends = [(high + step * (phalanx + k), int(n * (0.22 - 0.04 * k - 0.07 * phalanx))) for k in (0, 1)]
            cv2.line(image, *ends, 0.75, 24)
    for _ in range(7):
        cv2.circle(image, (int(w * rng.uniform(0.3, 0.7)), int(n * rng.uniform(0.55, 0.7))), 38, 0.8, -1)
    cv2.ellipse(image, (w // 2, int(n * 0.85)), (90, 110), 0, 0, 360, 0.85, -1)
    return _film(image, rng, 3)


def skull(rng: np.random.Generator) -> np.ndarray:
    """A ring with two sockets."""
    image = np.full((700, 700), 0.05, np.float32)
    cv2.ellipse(image, (350, 350), (260, 300), 0, 0, 360, 0.8, 30)
    cv2.ellipse(image, (350, 350), (245, 285), 0, 0, 360, 0.45, -1)
    for side in (-1, 1):
        cv2.circle(image, (350 + side * 95, 370), 60, 0.25, -1)
    return _film(image, rng)


def knee(rng: np.random.Generator) -> np.ndarray:
    """Two thick bones that meet, and a thin one."""
    image = np.full((800, 560), 0.06, np.float32)
    cv2.line(image, (280, 0), (280, 800), 0.3, 390)
    for start, end, width in (((280, 0), (280, 320), 112), ((280, 464), (280, 800), 112), ((392, 496), (392, 800), 34)):
        cv2.line(image, start, end, 0.75, width)
    for y, height in ((336, 56), (440, 40)):
        cv2.ellipse(image, (280, y), (137, height), 0, 0, 360, 0.85, -1)
    return _film(image, rng)


def bars(rng: np.random.Generator) -> np.ndarray:
    """Five upright bars, like fingers without joints."""
    image = np.full((600, 600), 0.05, np.float32)
    for finger in range(5):
        cv2.line(image, (120 + 80 * finger, int(rng.integers(40, 90))), (120 + 80 * finger, 540), 0.8, 36)
    return _film(image, rng, 3)


#: By name.
KINDS: dict[str, Draw] = {
    each.__name__: each
    for each in (
        *(noise, clouds, gradient, flat, ribs, chest, circles, letters, checkers),
        *(shafts, spine, foot, skull, knee, bars),
    )
}


def no_hand(kind: str, seed: int = 0) -> np.ndarray:
    """An image of a kind."""
    return KINDS[kind](np.random.default_rng(seed))
