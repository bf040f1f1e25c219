"""From a file's values, of any type and range, to grey in [0, 1] that does not depend on their scale."""

import cv2
import numpy as np

# Values between these shares of all pixels are the image; a few dead, burnt-in or lettered pixels are not.
_LOW, _HIGH = 1.0, 99.0
# Extremes that lie farther off than the image's own range is wide do not set the scale; else they do.
_FAR = 1.0
# How much of that range is then kept beyond the percentiles.
_SPARE = 0.1
# Values of floating-point images beyond this stand for "no data".
_NO_DATA = 1e30
_LEVELS = np.float32(65535)


def stretched(values: np.ndarray, outside: np.ndarray | None = None) -> np.ndarray:
    """float32 (H, W) in [0, 1], in 65536 levels over the image's own range; 0 where there is no value.

    Brightness belongs to the image and not to its file: `stretched(a * values + b)` is the same for every a > 0, and
    1 minus it for a < 0. An image that fills its range keeps its values, and a few stray pixels do not set the range.

    Parameters
    ----------
    values: (H, W) of any real type. NaN, infinity and the huge values that stand for "no data" have no say.
    outside: bool (H, W), further pixels without a say, such as padding or transparent ones.
    """
    if values.dtype.kind == "f":
        unknown = ~(np.abs(values) < _NO_DATA)
        outside = unknown if outside is None else outside | unknown
    if outside is not None and not outside.any():
        outside = None
    with np.errstate(over="ignore"):
        # Of 8 bits, each of 256 values is stretched once.
        grey = np.arange(256, dtype=np.float32) if values.dtype == np.uint8 else np.array(values, np.float32)
    known = values if values.dtype == np.uint8 else grey
    low, high = value_range(known if outside is None else known[~outside])
    # In place: an image of 200 million pixels is held once.
    with np.errstate(invalid="ignore", over="ignore"):
        grey -= np.float32(low)
        grey /= np.float32(high - low)
    np.clip(grey, 0, 1, out=grey)
    # To 16 bits, which a cache of decoded images holds: runs and predictions see the same values.
    grey *= _LEVELS
    np.rint(grey, out=grey)
    grey /= _LEVELS
    if values.dtype == np.uint8:
        grey = cv2.LUT(values, grey)
    if outside is not None:
        grey[outside] = 0
    return grey


def value_range(values: np.ndarray) -> tuple[float, float]:
    """The lowest and the highest value that belong to an image; never equal."""
    if not values.size:
        return 0.0, 1.0
    least, most = float(values.min()), float(values.max())
    sample = values[::4, ::4] if values.ndim == 2 else values[:: max(1, values.size // 2**20)]
    low, high = (float(value) for value in np.percentile(sample.astype(np.float32, copy=False), (_LOW, _HIGH)))
    span = high - low
    if span > 0:
        least = least if low - least <= _FAR * span else low - _SPARE * span
        most = most if most - high <= _FAR * span else high + _SPARE * span
    return (least, most) if most > least else (least, least + 1)
