"""Tiles of noise that repeat at their edges: grain, soft tissue and trabeculae, made once and cut out at random."""

from functools import lru_cache
from typing import Literal

import cv2
import numpy as np

#: Whether an image may train networks, or shows what training never had, to judge and calibrate them on.
Looks = Literal["training", "held_out"]

#: Exponents of the amplitude's power law, a tile each: 0 is white, real bone and soft tissue have 0.7 to 1.1.
EXPONENTS = (0.0, 0.5, 0.65, 0.8, 0.95, 1.1, 1.3)
#: Trabecular patterns, a random mix each: the first half runs along the vertical, the second half is a web.
PATTERNS = 16
#: Cells a millimetre of `trabecular_pattern` at level 0.
CELLS = 6.5
_TILE = 1024
_CELLS_WIDE = 512
_REFERENCE = 0.14  # cycles per pixel at which all grain has the power of white noise: 60 a third metacarpal's length
_LOWEST = 0.008  # cycles per pixel below which grain holds no more power


@lru_cache(maxsize=len(EXPONENTS))
def grain_tile(exponent: float) -> np.ndarray:
    """(1024, 1024) float32 around 0: noise whose amplitude falls as frequency ** -exponent.

    All exponents have the same power at 0.14 cycles per pixel, that of white noise with standard deviation 1.
    """
    rng = np.random.default_rng(round(1000 * exponent))
    return _power_law(rng, _TILE, exponent, _LOWEST) * np.float32(_REFERENCE**exponent)


def _power_law(rng: np.random.Generator, side: int, exponent: float, lowest: float, stretch: float = 1.0) -> np.ndarray:
    """White noise (side, side) times frequency ** -exponent; `stretch` times as long along the vertical."""
    down, across = np.fft.fftfreq(side)[:, None] * stretch, np.fft.rfftfreq(side)
    gain = np.maximum(np.hypot(down, across), lowest) ** -exponent
    gain[0, 0] = 0
    return np.fft.irfft2(np.fft.rfft2(rng.standard_normal((side, side))) * gain, (side, side)).astype(np.float32)


def spread(tile: np.ndarray, size_hw: tuple[int, int], rng: np.random.Generator, factor: float = 1.0) -> np.ndarray:
    """An image (H, W) covered with `factor` times a tile from a random place on, mirrored at random."""
    y, x = rng.integers(0, tile.shape).tolist()
    ways = rng.choice((-1, 1), 2)
    covered = np.empty(size_hw, np.float32)
    shown = covered[:: ways[0], :: ways[1]]
    for top in range(-y, size_hw[0], tile.shape[0]):
        for left in range(-x, size_hw[1], tile.shape[1]):
            part = shown[max(top, 0) : top + tile.shape[0], max(left, 0) : left + tile.shape[1]]
            from_y, from_x = max(-top, 0), max(-left, 0)
            own = tile[from_y : from_y + part.shape[0], from_x : from_x + part.shape[1]]
            np.multiply(own, np.float32(factor), out=part)
    return covered


def grain(size_hw: tuple[int, int], exponent: float, rng: np.random.Generator) -> np.ndarray:
    """Noise (H, W) float32 with the power, per length of the hand, that `grain_tile` has in an image of 2048."""
    return spread(grain_tile(exponent), size_hw, rng, (size_hw[0] / 2048) ** (1 - exponent))


@lru_cache(maxsize=2 * PATTERNS)
def trabecular_pattern(number: int, looks: Looks = "training", level: int = 0) -> np.ndarray:
    """(512, 512) float32 around 0, at each level half as fine; repeats at the edges.

    The spectrum of trabecular bone is a power law (Benhamou et al. 1994, fractal analysis of radiographs). Each number
    mixes such a field, stretched along the vertical, with struts that are seen one by one. Held out of training is a
    texture of another make: walls of cells, so that what was fitted to power laws and struts is judged elsewhere.
    """
    pattern = _finest_pattern(number, looks)
    for _ in range(level):
        pattern = np.tile(cv2.resize(pattern, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA), (2, 2))
    return pattern


@lru_cache(maxsize=2 * PATTERNS)
def _finest_pattern(number: int, looks: Looks) -> np.ndarray:
    """A pattern at level 0, kept by itself: images of several scales would drive it out, and it takes long to make."""
    rng = np.random.default_rng(number)
    if looks == "held_out":
        return _standardised(_cells(rng))
    aligned = number < PATTERNS // 2
    field = _power_law(rng, _CELLS_WIDE, rng.uniform(0.3, 1.1), 0.012, rng.uniform(1.5, 3.0) if aligned else 1.0)
    share = rng.uniform(0.15, 0.6)
    return _standardised(share * _standardised(_struts(rng, aligned)) + (1 - share) * _standardised(field))


def _struts(rng: np.random.Generator, aligned: bool) -> np.ndarray:
    """Where noise crosses zero it leaves bright lines: long ones along the vertical, closed ones in a web."""
    noise = rng.standard_normal((2, _CELLS_WIDE, _CELLS_WIDE)).astype(np.float32)
    thin = rng.uniform(1.0, 2.6)
    long = _standardised(_tiled_blur(noise[0], thin, thin * (rng.uniform(3.0, 7.0) if aligned else 1.2)))
    web = _standardised(_tiled_blur(noise[1], *np.repeat(rng.uniform(1.5, 3.5), 2)))
    return np.exp(-6.0 * long**2) + rng.uniform(0.3, 0.8) * np.exp(-8.0 * web**2)


def _cells(rng: np.random.Generator) -> np.ndarray:
    """Worley noise (Worley 1996): the distance to the nearest of scattered points, greatest where cells meet."""
    side, margin = 2 * _CELLS_WIDE, 64  # twice as fine, so that walls are thin and smooth
    apart, stretch = rng.uniform(7, 13), rng.uniform(1.0, 1.8)
    x, y = rng.integers(0, side, (2, int(side**2 / (apart**2 * stretch))))
    free = np.ones((side, side), np.uint8)
    free[y, x] = 0
    free = np.pad(free, margin, mode="wrap")
    # Cells are long along the vertical where distances across it count for more.
    free = cv2.resize(free, None, fx=stretch, fy=1.0, interpolation=cv2.INTER_NEAREST)
    distance = cv2.distanceTransform(free, cv2.DIST_L2, 5)
    distance = cv2.resize(distance, (side + 2 * margin,) * 2, interpolation=cv2.INTER_AREA)
    walls = (distance[margin:-margin, margin:-margin] / apart) ** 2
    return cv2.resize(walls, (_CELLS_WIDE, _CELLS_WIDE), interpolation=cv2.INTER_AREA)


def _standardised(image: np.ndarray) -> np.ndarray:
    return ((image - image.mean()) / image.std()).astype(np.float32)


def _tiled_blur(image: np.ndarray, sigma_x: float, sigma_y: float) -> np.ndarray:
    margin = 32
    padded = np.pad(image, margin, mode="wrap")
    return cv2.GaussianBlur(padded, (0, 0), sigma_x, sigmaY=sigma_y)[margin:-margin, margin:-margin]
