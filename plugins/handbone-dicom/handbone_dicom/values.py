"""Stored values to shown ones, as DICOM PS3.3 C.11 and C.7.6.3 have it: modality, window or VOI LUT, polarity."""

from collections.abc import Iterator

import numpy as np
from pydicom.dataset import Dataset
from pydicom.pixels import apply_color_lut

from handbone.formats.brightness import stretched
from handbone_dicom.luts import first_usable
from handbone_dicom.shutter import outside_shutter

# BT.601, as for colour images of other formats.
_LUMINANCE = np.array([0.299, 0.587, 0.114], np.float32)
# A window that leaves fewer pixels between black and white than this share shows nothing.
_LEAST_SHADES = 0.03


def stored(values: np.ndarray, dataset: Dataset, *, packed: bool) -> np.ndarray:
    """The values (H, W) without what may lie in the bits around those that are used; colour becomes grey.

    packed: whether the values come as the header lays them out in words, and not from a decoder.
    """
    photometric = str(dataset.get("PhotometricInterpretation") or "")
    if photometric == "PALETTE COLOR":
        return apply_color_lut(values, dataset)[..., :3].astype(np.float32) @ _LUMINANCE
    if values.ndim == 3:
        # The first channel of YBR is the brightness.
        return values[..., 0] if photometric.startswith("YBR") else values.astype(np.float32) @ _LUMINANCE
    if values.dtype.kind not in "iu":
        return values
    allocated = int(dataset.BitsAllocated)
    bits = int(dataset.get("BitsStored") or allocated)
    if not 0 < bits < allocated or values.dtype.itemsize * 8 != allocated:
        return values
    above = _above(values, dataset, allocated, bits) if packed else allocated - bits
    # Shifting back brings the sign down with it.
    return (values << above) >> (allocated - bits)


def shown(values: np.ndarray, dataset: Dataset) -> np.ndarray:
    """float32 (H, W) in [0, 1] as a workstation shows stored values (H, W); padding and what a shutter hides black."""
    outside = outside_of(values, dataset)
    measured = _measured(values, dataset)
    image = _through_lut(measured, dataset)
    if image is None:
        image = _through_window(measured, outside, dataset)
    if image is None:
        image = stretched(measured, outside)
    if dataset.get("PhotometricInterpretation") == "MONOCHROME1":
        image = 1 - image
    if outside is not None:
        image[outside] = 0
    return image


def _above(values: np.ndarray, dataset: Dataset, allocated: int, bits: int) -> int:
    """Bits of a word above the highest one that is used."""
    high = int(dataset.get("HighBit", bits - 1))
    below = high + 1 - bits
    if not bits - 1 < high < allocated:
        return allocated - bits
    # A header that says that values lie at the top of their words may be wrong: then the bits below are used, too.
    unused = np.count_nonzero(values & values.dtype.type((1 << below) - 1)) < 0.01 * values.size
    return allocated - 1 - high if unused else allocated - bits


def outside_of(values: np.ndarray, dataset: Dataset) -> np.ndarray | None:
    """bool (H, W), padding and what a shutter hides; None without any."""
    padding, shutter = _padding(values, dataset), outside_shutter(dataset, values.shape)
    if padding is None or shutter is None:
        return shutter if padding is None else padding
    return padding | shutter


def _padding(values: np.ndarray, dataset: Dataset) -> np.ndarray | None:
    """bool (H, W), what was put round the image; None where the file does not say, or says it of nearly all."""
    try:
        value = dataset.get("PixelPaddingValue")
        if value is None:
            return None
        low, high = sorted((int(value), int(dataset.get("PixelPaddingRangeLimit", value))))
    except (TypeError, ValueError):
        return None
    padding = (values >= low) & (values <= high)
    return None if padding.mean() > 0.98 else padding


def _measured(values: np.ndarray, dataset: Dataset) -> np.ndarray:
    """float32 (H, W), what the detector's maker says that stored values mean."""
    lut = first_usable(dataset.get("ModalityLUTSequence"), signed=_is_signed(dataset))
    if lut is not None:
        return lut.of(values)
    slope, intercept = _first(dataset.get("RescaleSlope")), _first(dataset.get("RescaleIntercept"))
    measured = values.astype(np.float32)
    if slope and intercept is not None and np.isfinite([slope, intercept]).all():
        measured = measured * np.float32(slope) + np.float32(intercept)
    return measured


def _through_lut(measured: np.ndarray, dataset: Dataset) -> np.ndarray | None:
    """By the first VOI LUT that can be used; None without one."""
    # What goes in comes out of the modality's table or rescale, which may give negative values.
    lut = first_usable(dataset.get("VOILUTSequence"), signed=bool(measured.min() < 0))
    if lut is None:
        return None
    image = lut.of(measured) / np.float32(lut.top)
    return image if image.min() < image.max() else None


def _through_window(measured: np.ndarray, outside: np.ndarray | None, dataset: Dataset) -> np.ndarray | None:
    """By the first window that shows something, PS3.3 C.11.2.1.2 and C.11.2.1.3; None without one."""
    function = str(dataset.get("VOILUTFunction") or "LINEAR")
    for centre, width in _windows(dataset):
        if not np.isfinite([centre, width]).all() or width <= (function == "LINEAR"):
            continue
        image = _window(measured, centre, width, function)
        seen = image if outside is None else image[~outside]
        if np.count_nonzero((seen > 0.004) & (seen < 0.996)) >= _LEAST_SHADES * seen.size:
            return image
    return None


def _window(measured: np.ndarray, centre: float, width: float, function: str) -> np.ndarray:
    if function == "SIGMOID":
        with np.errstate(over="ignore"):
            return 1 / (1 + np.exp(np.float32(-4 / width) * (measured - np.float32(centre))))
    if function == "LINEAR":
        centre, width = centre - 0.5, width - 1
    return np.clip((measured - np.float32(centre)) / np.float32(width) + np.float32(0.5), 0, 1)


def _windows(dataset: Dataset) -> Iterator[tuple[float, float]]:
    yield from zip(_numbers(dataset.get("WindowCenter")), _numbers(dataset.get("WindowWidth")), strict=False)


def _is_signed(dataset: Dataset) -> bool:
    return bool(dataset.get("PixelRepresentation"))


def _first(value: object) -> float | None:
    """The first of one or several decimal numbers; None for none."""
    return next(iter(_numbers(value)), None)


def _numbers(value: object) -> list[float]:
    """One or several decimal numbers; none where any of them is none."""
    try:
        several = [value] if isinstance(value, str | float | int) else list(value or ())
        return [float(each) for each in several]
    except (TypeError, ValueError):
        return []
