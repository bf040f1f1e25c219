"""What vendors' software does to an image: unsharp masks, and the two kinds that are kept out of training."""

import math

import cv2
import numpy as np


def unsharp(grey: np.ndarray, halos: tuple[tuple[float, float], ...]) -> np.ndarray:
    """Add to an image (H, W) what it differs by from blurred copies of itself.

    halos: (standard deviation in pixels, strength) each; they leave halos along strong edges.
    """
    sharper = grey.copy() if halos else grey
    for width, strength in halos:
        detail = _blurred(grey, width)
        np.subtract(grey, detail, out=detail)
        detail *= np.float32(strength)
        sharper += detail
    return sharper


def _blurred(image: np.ndarray, sigma: float) -> np.ndarray:
    """A Gaussian blur, a wide one on a coarser grid."""
    step = 4 if sigma >= 8 else 2 if sigma >= 3 else 1
    if step == 1:
        return cv2.GaussianBlur(image, (0, 0), max(0.4, sigma))
    small = cv2.resize(image, None, fx=1 / step, fy=1 / step, interpolation=cv2.INTER_AREA)
    small = cv2.GaussianBlur(small, (0, 0), sigma / step)
    return cv2.resize(small, image.shape[::-1], interpolation=cv2.INTER_LINEAR)


def pyramid_contrast(grey: np.ndarray, power: float = 0.7, levels: int = 7) -> np.ndarray:
    """Raise weak detail over strong at every scale (Vuylsteke and Schoeters 1994, multiscale image contrast
    amplification): the layers of a Laplacian pyramid of an image (H, W) pass through sign(x) |x| ** power.

    Held out of training: for evaluation and calibration only.
    """
    layers, rest = [], grey
    for _ in range(levels):
        smaller = cv2.pyrDown(rest)
        layers.append(rest - cv2.pyrUp(smaller, dstsize=rest.shape[::-1]))
        rest = smaller
    for number, layer in reversed(list(enumerate(layers))):
        # The finest layers hold noise for the most part: there the power comes nearer to 1.
        bend = 1 - (1 - power) * min(1.0, (number + 1) / 4)
        rest = cv2.pyrUp(rest, dstsize=layer.shape[::-1])
        rest += np.sign(layer) * np.float32(0.25 ** (1 - bend)) * np.abs(layer) ** np.float32(bend)
    return rest


def compressed_tones(grey: np.ndarray, steep: float = 5.0) -> np.ndarray:
    """Smooth fine noise in an image (H, W) and show it through a sigmoid, strong in the middle and flat at both ends.

    A median, then small detail less a threshold (soft shrinkage, Donoho 1995). Held out of training looks: for judging
    and calibrating alone.
    """
    smooth = cv2.medianBlur(grey, 3)
    base = cv2.GaussianBlur(smooth, (0, 0), max(0.7, 3 * grey.shape[0] / 2048))
    detail = smooth - base
    detail = np.sign(detail) * np.maximum(np.abs(detail) - 0.008, 0)
    low, high = (1 / (1 + math.exp(-steep * (end - 0.45))) for end in (0, 1))
    return (1 / (1 + np.exp(-steep * (base + detail - 0.45))) - low) / (high - low)


def reduced(grey: np.ndarray, share: float) -> np.ndarray:
    """An image (H, W) that was once stored at a share of its size."""
    if share >= 1:
        return grey
    small = cv2.resize(grey, None, fx=share, fy=share, interpolation=cv2.INTER_AREA)
    return cv2.resize(small, grey.shape[::-1], interpolation=cv2.INTER_LINEAR)


def clahe(grey: np.ndarray, limit: float) -> np.ndarray:
    """Contrast-limited adaptive histogram equalisation of grey values (H, W) in [0, 1], in 8 x 8 tiles."""
    return cv2.createCLAHE(limit, (8, 8)).apply(_bytes(grey)).astype(np.float32) / 255


def jpeg(grey: np.ndarray, quality: int) -> np.ndarray:
    """Grey values (H, W) in [0, 1] as they come back from a JPEG file."""
    stored = cv2.imencode(".jpg", _bytes(grey), [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    return cv2.imdecode(stored, cv2.IMREAD_GRAYSCALE).astype(np.float32) / 255


def _bytes(grey: np.ndarray) -> np.ndarray:
    return cv2.convertScaleAbs(grey, alpha=255)
