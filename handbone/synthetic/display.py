"""From attenuation to the grey values that a workstation shows."""

import cv2
import numba
import numpy as np

from handbone.synthetic.look import Look
from handbone.synthetic.processing import clahe, compressed_tones, jpeg, pyramid_contrast, reduced, unsharp
from handbone.synthetic.texture import grain


def to_grey(attenuation: np.ndarray, field: np.ndarray | None, look: Look, rng: np.random.Generator) -> np.ndarray:
    """Grey values (H, W) float32 in [0, 1].

    Parameters
    ----------
    attenuation: (H, W) float32, line integrals.
    field: (H, W) float32 in [0, 1] how open the collimator is, or None where it is open everywhere.
    """
    grey = _read_out(attenuation, field, look, rng)
    grey = _levelled(grey, field, look)
    grey = _processed(grey, look)
    size = attenuation.shape[0]
    ramp_x = np.linspace(-1, 1, attenuation.shape[1], dtype=np.float32)
    ramp_y = np.linspace(-1, 1, size, dtype=np.float32)[:, None]
    # In place, here and below: each new array of this size takes longer than the sum that fills it.
    grey *= np.float32(look.white - look.black)
    grey += np.float32(look.heel[0]) * ramp_x
    grey += np.float32(look.heel[1]) * ramp_y + np.float32(look.black)
    if field is not None:
        # A collimated border gets no light, but software shows it dark: it lies outside the range that it displays.
        _frame(grey, field, np.float32(look.edge), np.float32(look.groove), np.float32(look.beyond))
    if look.grain:
        noise = grain(grey.shape, look.exponent, rng)
        noise *= np.float32(look.grain * (look.white - look.black))
        # grey + noise * (0.2 + grey)
        noise += 1
        grey += np.float32(0.2)
        grey *= noise
        grey -= np.float32(0.2)
    np.clip(grey, 0, 1, out=grey)
    return _stored(1 - grey if look.inverted else grey, look)


@numba.njit(cache=True, nogil=True, fastmath=True)
def _frame(grey: np.ndarray, field: np.ndarray, edge: float, groove: float, beyond: float) -> None:
    """Draw the collimator's edge into grey values (H, W), and what lies beyond it."""
    one, two, four = np.float32(1), np.float32(2), np.float32(4)
    for row in range(grey.shape[0]):
        for column in range(grey.shape[1]):
            share = field[row, column]
            line = four * share * (one - share) * (edge + groove * (two * share - one))
            grey[row, column] = beyond + (grey[row, column] + line - beyond) * share


def _read_out(attenuation: np.ndarray, field: np.ndarray | None, look: Look, rng: np.random.Generator) -> np.ndarray:
    """The detector's output: the logarithm of the light, with its blur and noise (H, W)."""
    size = attenuation.shape[0]
    light = np.negative(attenuation)
    np.exp(light, out=light)
    if field is not None:
        open_share = 0.96 * field
        open_share += np.float32(0.04)
        light *= open_share
    cv2.addWeighted(light, 1 - look.scatter, _broad(light, size * 0.03), look.scatter, 0, dst=light)
    cv2.GaussianBlur(light, (0, 0), max(0.3, look.blur * size / 2048), dst=light)
    # Photons are counted: the fewer, the more of them by chance. A scintillator spreads what each one lights up.
    counted = grain(light.shape, 0.0, rng)
    if look.mottle > 0.1:
        spread = cv2.GaussianBlur(counted, (0, 0), max(0.4, 1.3 * size / 2048))
        cv2.addWeighted(counted, 1 - look.mottle, spread, look.mottle, 0, dst=counted)
    _count(light, counted, np.float32(look.quantum))
    grey = np.log(light, out=light)
    np.negative(grey, out=grey)
    grey = reduced(grey, look.raw_scale)
    if look.raw_jpeg:
        low, high = float(grey.min()), float(grey.max())
        grey = jpeg((grey - low) / (high - low), look.raw_jpeg) * (high - low) + low
    return grey


@numba.njit(cache=True, nogil=True, fastmath=True)
def _count(light: np.ndarray, noise: np.ndarray, quantum: float) -> None:
    """Add to light (H, W) noise that grows with the light's root; some of it is always left."""
    zero, least = np.float32(0), np.float32(1e-4)
    for row in range(light.shape[0]):
        for column in range(light.shape[1]):
            lit = light[row, column]
            light[row, column] = max(lit + quantum * noise[row, column] * np.sqrt(max(lit, zero)), least)


def _levelled(grey: np.ndarray, field: np.ndarray | None, look: Look) -> np.ndarray:
    """The range that software displays as 0 to 1, densest bone at 1."""
    sample = grey[::8, ::8]
    low, high = np.percentile(sample, [2.0, 99.7]) if field is None else _levels(sample, field[::8, ::8])
    grey -= np.float32(low)
    grey /= np.float32(max(1e-3, float(high - low)))
    np.clip(grey, 0, 1.15, out=grey)
    return np.power(grey, np.float32(look.gamma), out=grey)


def _processed(grey: np.ndarray, look: Look) -> np.ndarray:
    if look.processing == "pyramid":
        return pyramid_contrast(grey)
    if look.processing == "compressed":
        return compressed_tones(grey)
    return unsharp(grey, tuple((width * grey.shape[0] / 2048, strength) for width, strength in look.halos))


def _stored(grey: np.ndarray, look: Look) -> np.ndarray:
    """The effects of storing and resampling the image."""
    if look.clahe:
        grey = clahe(grey, look.clahe)
    grey = reduced(grey, look.scale)
    return jpeg(grey, look.jpeg) if look.jpeg else grey


def _levels(sample: np.ndarray, field: np.ndarray) -> tuple[float, float]:
    inside = sample[field > 0.9]
    return tuple(np.percentile(inside if inside.size > 50 else sample, [2.0, 99.7]))


def _broad(image: np.ndarray, sigma: float) -> np.ndarray:
    """A wide Gaussian blur, computed on an eighth of the grid."""
    small = cv2.resize(image, None, fx=0.125, fy=0.125, interpolation=cv2.INTER_AREA)
    small = cv2.GaussianBlur(small, (0, 0), max(0.5, sigma / 8))
    return cv2.resize(small, image.shape[::-1], interpolation=cv2.INTER_LINEAR)
