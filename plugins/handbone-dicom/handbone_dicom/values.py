"""Stored values to shown ones, as DICOM PS3.3 C.11 and C.7.6.3 have it: modality, window or VOI LUT, polarity."""

import numpy as np
from pydicom.dataset import Dataset
from pydicom.pixels import apply_modality_lut, apply_voi

# BT.601, as for colour images of other formats.
_LUMINANCE = np.array([0.299, 0.587, 0.114], np.float32)


def stored(values: np.ndarray, dataset: Dataset) -> np.ndarray:
    """The values (H, W) without what may lie in the bits above those that are used; colour becomes grey."""
    if values.ndim == 3:
        return values.astype(np.float32) @ _LUMINANCE
    unused = int(dataset.BitsAllocated) - int(dataset.get("BitsStored") or dataset.BitsAllocated)
    if unused <= 0 or values.dtype.kind not in "iu":
        return values
    # Shifting back brings the sign down with it.
    return (values << unused) >> unused


def shown(values: np.ndarray, dataset: Dataset) -> np.ndarray:
    """float32 (H, W) in [0, 1] as a workstation shows stored values (H, W), padding black."""
    padding = _padding(values, dataset)
    measured = _measured(values, dataset)
    image = _through_lut(measured, dataset)
    if image is None:
        image = _through_window(measured, dataset)
    if image is None:
        image = _through_range(measured, padding)
    if dataset.get("PhotometricInterpretation") == "MONOCHROME1":
        image = 1 - image
    if padding is not None:
        image[padding] = 0
    return image


def _padding(values: np.ndarray, dataset: Dataset) -> np.ndarray | None:
    """bool (H, W), what was put round the image; None where the file does not say."""
    value = dataset.get("PixelPaddingValue")
    if value is None:
        return None
    low, high = sorted((int(value), int(dataset.get("PixelPaddingRangeLimit", value))))
    return (values >= low) & (values <= high)


def _measured(values: np.ndarray, dataset: Dataset) -> np.ndarray:
    """float32 (H, W), what the detector's maker says that stored values mean."""
    if dataset.get("ModalityLUTSequence"):
        return apply_modality_lut(values, dataset).astype(np.float32)
    slope, intercept = (dataset.get(name) for name in ("RescaleSlope", "RescaleIntercept"))
    measured = values.astype(np.float32)
    if slope is not None and intercept is not None:
        measured = measured * np.float32(slope) + np.float32(intercept)
    return measured


def _through_lut(measured: np.ndarray, dataset: Dataset) -> np.ndarray | None:
    """By the first VOI LUT; None without one."""
    if not dataset.get("VOILUTSequence"):
        return None
    bits = int(dataset.VOILUTSequence[0].LUTDescriptor[2])
    looked_up = apply_voi(np.rint(measured).astype(np.int32), dataset, index=0)
    return np.clip(looked_up.astype(np.float32) / np.float32(2**bits - 1), 0, 1)


def _through_window(measured: np.ndarray, dataset: Dataset) -> np.ndarray | None:
    """By the first window, PS3.3 C.11.2.1.2 and C.11.2.1.3; None without one, or with one that no image can have."""
    centre, width = (_first(dataset.get(name)) for name in ("WindowCenter", "WindowWidth"))
    function = dataset.get("VOILUTFunction") or "LINEAR"
    if centre is None or width is None or not np.isfinite([centre, width]).all() or width <= (function == "LINEAR"):
        return None
    if function == "SIGMOID":
        return 1 / (1 + np.exp(np.float32(-4 / width) * (measured - np.float32(centre))))
    if function == "LINEAR":
        centre, width = centre - 0.5, width - 1
    return np.clip((measured - np.float32(centre)) / np.float32(width) + np.float32(0.5), 0, 1)


def _through_range(measured: np.ndarray, padding: np.ndarray | None) -> np.ndarray:
    """By the image's own range."""
    known = measured[::4, ::4] if padding is None else measured[~padding]
    # As for other files of more than 8 bits: a few dead or burnt-in pixels must not set the range.
    low, high = np.percentile(known, (0.1, 99.9)) if known.size else (0.0, 1.0)
    if high <= low:
        low, high = float(measured.min()), max(float(measured.max()), float(measured.min()) + 1)
    return np.clip((measured - np.float32(low)) / np.float32(high - low), 0, 1)


def _first(value) -> float | None:
    """The first of one or several decimal numbers; None for none."""
    try:
        numbers = [value] if isinstance(value, str | float | int) else list(value)
        return float(numbers[0])
    except (TypeError, ValueError, IndexError):
        return None
