"""How large a pixel is, and which element of the header says so (PS3.3 10.7.1.3)."""

import math

from pydicom.dataset import Dataset

from handbone.core.radiograph import Remark

#: Elements that are read.
TAGS = (
    "PixelSpacing",
    "PixelSpacingCalibrationType",
    "ImagerPixelSpacing",
    "EstimatedRadiographicMagnificationFactor",
    "NominalScannedPixelSpacing",
)
_AT_DETECTOR = "lengths are those at the detector, some percent longer than in the hand"
_MAGNIFICATIONS = 1.0, 3.0


def spacing_of(dataset: Dataset) -> tuple[tuple[float, float] | None, str, tuple[Remark, ...]]:
    """Millimetres from row to row and from column to column, the source of that, and what to know of it.

    Calibrated if possible, else at the detector and divided by the magnification, else at the detector, which is said;
    (None, "", ()) where nothing is known.
    """
    pixel, imager, scanned = (
        _lengths(dataset, name) for name in ("PixelSpacing", "ImagerPixelSpacing", "NominalScannedPixelSpacing")
    )
    kind = str(dataset.get("PixelSpacingCalibrationType") or "")
    if pixel and (kind in ("GEOMETRY", "FIDUCIAL") or imager is None or pixel != imager):
        return pixel, f"PixelSpacing ({kind})" if kind in ("GEOMETRY", "FIDUCIAL") else "PixelSpacing", ()
    if imager and (factor := _magnification(dataset)):
        lengths = imager[0] / factor, imager[1] / factor
        return lengths, "ImagerPixelSpacing / EstimatedRadiographicMagnificationFactor", ()
    if imager:
        return imager, "ImagerPixelSpacing", (Remark("spacing", _AT_DETECTOR),)
    if scanned:
        return scanned, "NominalScannedPixelSpacing", (Remark("spacing", "lengths are those on the scanned film"),)
    return None, "", ()


def _lengths(dataset: Dataset, name: str) -> tuple[float, float] | None:
    try:
        rows, columns = (float(value) for value in dataset.get(name) or ())
    except (TypeError, ValueError):
        return None
    return (rows, columns) if 0 < rows < math.inf and 0 < columns < math.inf else None


def _magnification(dataset: Dataset) -> float | None:
    try:
        factor = float(dataset.get("EstimatedRadiographicMagnificationFactor"))
    except (TypeError, ValueError):
        return None
    return factor if _MAGNIFICATIONS[0] <= factor <= _MAGNIFICATIONS[1] else None
