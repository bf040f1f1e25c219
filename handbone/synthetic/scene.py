"""What else is on a radiograph: markers, tags, rings, collimation, strips."""

import cv2
import numpy as np

from handbone.synthetic.patients import Variety

_FONTS = (cv2.FONT_HERSHEY_SIMPLEX, cv2.FONT_HERSHEY_DUPLEX, cv2.FONT_HERSHEY_COMPLEX)
_LETTERS = np.array(list("ABCDEFGHJKLMNPRSTVW"))


def free_spot(skin: np.ndarray, rng: np.random.Generator, reach: int) -> tuple[int, int] | None:
    """A random pixel (x, y) at least about `reach` pixels from the skin and the image's edge, if one is found.

    reach: less than 1 counts as 1.
    """
    height, width = skin.shape
    reach = max(1, reach)
    if min(height, width) <= 2 * reach + 2:
        return None
    for _ in range(30):
        x, y = int(rng.integers(reach, width - reach)), int(rng.integers(reach, height - reach))
        part = skin[max(0, y - reach) : y + reach : 8, max(0, x - reach) : x + reach : 8]
        if part.min() > 0:
            return x, y
    return None


def add_markers(
    attenuation: np.ndarray, skin: np.ndarray, side: str, px_per_mm: float, rng: np.random.Generator, variety: Variety
) -> None:
    """Add lead letters, their tags and a step wedge where the hand is not, to an attenuation (H, W)."""
    diverse = variety == "diverse"
    if rng.random() < (0.85 if diverse else 0.6):
        size = rng.uniform(8, 16) * px_per_mm
        spot = free_spot(skin, rng, int(size * 1.2))
        if spot:
            letters = side + ("" if rng.random() < 0.5 else "\n" + "".join(rng.choice(_LETTERS, rng.integers(1, 4))))
            angle = rng.normal(0, 25) if diverse else rng.normal(0, 6)
            _stamp(attenuation, letters, spot, size, angle, rng, tag=rng.random() < (0.7 if diverse else 0.3))
    if diverse and rng.random() < 0.2:
        _wedge(attenuation, skin, px_per_mm, rng)
    if diverse and rng.random() < 0.12:
        _wire(attenuation, rng, px_per_mm)


def _stamp(
    attenuation: np.ndarray,
    letters: str,
    spot: tuple[int, int],
    size: float,
    angle: float,
    rng: np.random.Generator,
    *,
    tag: bool,
) -> None:
    side = int(size * 2.4) | 1
    lead, plate = np.zeros((side, side), np.uint8), np.zeros((side, side), np.uint8)
    if tag:
        inset, bottom = int(side * 0.16), int(side * rng.uniform(0.8, 0.95))
        cv2.rectangle(plate, (inset, side // 10), (side - inset, bottom), 255, -1)
        cv2.circle(plate, (side // 2, side // 6), side // 22 + 1, 0, -1)
    font = _FONTS[rng.integers(len(_FONTS))]
    for line, text in enumerate(letters.split("\n")):
        height = side * (0.34 if line == 0 else 0.17)
        thick = max(1, int(height * rng.uniform(0.09, 0.2)))
        scale = height / cv2.getTextSize("L", font, 1.0, 1)[0][1]
        (w, _), _ = cv2.getTextSize(text, font, scale, thick)
        cv2.putText(
            lead,
            text,
            ((side - w) // 2, int(side * (0.55 if line == 0 else 0.8))),
            font,
            scale,
            255,
            thick,
            cv2.LINE_AA,
        )
    turn = cv2.getRotationMatrix2D((side / 2, side / 2), float(angle), 1.0)
    layer = rng.uniform(1.5, 5.0) / 255 * cv2.warpAffine(lead, turn, (side, side)).astype(np.float32)
    layer += rng.uniform(0.03, 0.25) / 255 * cv2.warpAffine(plate, turn, (side, side))
    if rng.random() < 0.1:
        layer = layer[:, ::-1]
    _add(attenuation, layer, spot[0] - side // 2, spot[1] - side // 2)


def _add(attenuation: np.ndarray, layer: np.ndarray, left: int, top: int) -> None:
    height, width = attenuation.shape
    x0, y0, x1, y1 = max(0, left), max(0, top), min(width, left + layer.shape[1]), min(height, top + layer.shape[0])
    if x0 < x1 and y0 < y1:
        attenuation[y0:y1, x0:x1] += layer[y0 - top : y1 - top, x0 - left : x1 - left]


def _wedge(attenuation: np.ndarray, skin: np.ndarray, px_per_mm: float, rng: np.random.Generator) -> None:
    long, short = int(rng.uniform(20, 40) * px_per_mm), max(2, int(rng.uniform(5, 9) * px_per_mm))
    spot = free_spot(skin, rng, long // 2 + 2)
    if spot:
        ramp = np.linspace(0.2, rng.uniform(1.5, 3), long, dtype=np.float32)
        _add(attenuation, np.repeat(ramp[:, None], short, 1), spot[0] - short // 2, spot[1] - long // 2)


def _wire(attenuation: np.ndarray, rng: np.random.Generator, px_per_mm: float) -> None:
    height, width = attenuation.shape
    points = rng.uniform(-0.1, 1.1, (3, 2)) * [width, height]
    t = np.linspace(0, 1, 40)[:, None]
    curve = (1 - t) ** 2 * points[0] + 2 * t * (1 - t) * points[1] + t**2 * points[2]
    layer = np.zeros_like(attenuation)
    thick = max(1, int(rng.uniform(0.6, 2.5) * px_per_mm))
    cv2.polylines(layer, [np.rint(curve).astype(np.int32)], False, float(rng.uniform(0.1, 0.8)), thick, cv2.LINE_AA)
    attenuation += layer


def add_ring(
    attenuation: np.ndarray, tip: np.ndarray, root: np.ndarray, px_per_mm: float, rng: np.random.Generator
) -> None:
    """Put a metal ring on a proximal phalanx that runs from `root` to `tip` (pixels)."""
    along = (tip - root) / max(1e-6, np.linalg.norm(tip - root))
    middle = root + rng.uniform(0.35, 0.6) * (tip - root)
    axes = np.array([9.4, rng.uniform(0.8, 2.2)]) * px_per_mm
    angle = float(np.degrees(np.arctan2(along[1], along[0]))) + 90
    layer = np.zeros_like(attenuation)
    thick = max(1, int(rng.uniform(1.2, 2.4) * px_per_mm))
    centre, half = tuple(np.rint(middle).astype(int).tolist()), tuple(np.maximum(1, np.rint(axes)).astype(int).tolist())
    cv2.ellipse(layer, centre, half, angle, 0, 360, float(rng.uniform(1.5, 4.0)), thick, cv2.LINE_AA)
    attenuation += layer


def add_sesamoids(
    attenuation: np.ndarray,
    ends_px: np.ndarray,
    px_per_mm: float,
    size: float,
    density: float,
    rng: np.random.Generator,
) -> None:
    """Add the small bones at the thumb's knuckle, sometimes at the index's and the little finger's; they have no label.

    ends_px: (29, 2, 2) each bone's tip and root. size: of the hand relative to an adult's. density: attenuation per mm.
    """
    for metacarpal, chance in ((2, 0.9), (6, 0.3), (18, 0.3)):
        tip, root = ends_px[metacarpal]
        along = (tip - root) / max(1e-6, np.linalg.norm(tip - root))
        towards_palm = ends_px[10].mean(0) - tip
        across = np.array([-along[1], along[0]])
        across = across * (np.sign(across @ towards_palm) or 1.0)
        for way in (1.0, -1.0):
            if rng.random() > (chance if way > 0 else 0.4 * chance):
                continue
            middle = tip + (across * way * rng.uniform(3, 7) - along * rng.uniform(-2, 5)) * px_per_mm * size
            _ball(
                attenuation,
                middle,
                rng.uniform(1.4, 2.8) * px_per_mm * size,
                rng.uniform(0.75, 1.3),
                density / px_per_mm,
            )


def _ball(attenuation: np.ndarray, middle: np.ndarray, radius: float, stretch: float, density: float) -> None:
    reach = int(radius * 1.4) + 2
    left, top = np.rint(middle).astype(int) - reach
    y, x = np.mgrid[: 2 * reach + 1, : 2 * reach + 1]
    x, y = (x + left - middle[0]) * stretch, (y + top - middle[1]) / stretch
    chord = 2 * np.sqrt(np.maximum(radius**2 - x**2 - y**2, 0)).astype(np.float32)
    _add(attenuation, chord * np.float32(density), int(left), int(top))


def collimation(size_hw: tuple[int, int], corners_px: np.ndarray, softness: float) -> np.ndarray:
    """How open the collimator is at each pixel, (H, W) float32 in [0, 1], for a field with these four corners."""
    field = np.zeros(size_hw, np.uint8)
    cv2.fillConvexPoly(field, np.rint(corners_px).astype(np.int32), 255)
    return cv2.blur(field, (2 * int(softness) + 1,) * 2).astype(np.float32) / 255


def cover_parts(image: np.ndarray, skin: np.ndarray, rng: np.random.Generator) -> None:
    """Paint into grey values (H, W) what software or the detector's edge hides: boxes over names, bright corners.

    skin: (H, W) distance to the skin, negative inside; boxes keep clear of the hand.
    """
    height, width = image.shape
    for _ in range(rng.integers(1, 4) if rng.random() < 0.3 else 0):
        h, w = (rng.uniform(0.03, 0.16, 2) * [height, width]).astype(int)
        x, y = int(rng.integers(-w // 2, width - w // 2)), int(rng.integers(-h // 2, height - h // 2))
        box = slice(max(0, y), max(0, y + h)), slice(max(0, x), max(0, x + w))
        if skin[box].size and skin[box].min() > 0:
            image[box] = rng.uniform(0, 0.12) if rng.random() < 0.6 else rng.uniform(0.7, 1.0)
    for _ in range(rng.integers(1, 3) if rng.random() < 0.3 else 0):
        _bright_corner(image, skin, rng)


def _bright_corner(image: np.ndarray, skin: np.ndarray, rng: np.random.Generator) -> None:
    """One side of the image beyond the detector or under a shutter; it covers no part of the limb."""
    height, width = image.shape
    angle = rng.integers(4) * np.pi / 2 + rng.normal(0, 0.35)
    x = (np.arange(width, dtype=np.float32) - width / 2) * np.float32(np.cos(angle))
    y = (np.arange(height, dtype=np.float32) - height / 2) * np.float32(np.sin(angle))
    out = x + y[:, None]
    start = np.float32(rng.uniform(0.36, 0.55) * max(height, width))
    if (skin[out > start] < 0).any():
        return
    level = rng.uniform(0.6, 1.0) if rng.random() < 0.6 else rng.uniform(0, 0.4)
    soft = np.float32(max(0.7, rng.uniform(0.0005, 0.008) * width))
    share = np.clip((out - start) / soft, 0, 1)
    image += share * (np.float32(level) - image)


def top_strip(image: np.ndarray, rng: np.random.Generator) -> None:
    """The bright strip at the upper edge that many of these images have."""
    size = image.shape[0]
    height = max(1, int(size * rng.uniform(0.004, 0.03)))
    level = rng.uniform(0.55, 1.0)
    soft = max(1, int(size * rng.uniform(0.0005, 0.004)))
    fade = np.clip((height + soft - np.arange(height + soft)) / soft, 0, 1)[:, None].astype(np.float32)
    strip = image[: height + soft]
    strip += (level - strip) * fade
    cv2.min(image, 1.0, dst=image)
