"""Millimetres a pixel, and how far they can be trusted."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from handbone.core.errors import HandboneError
from handbone.core.radiograph import Radiograph

ScaleSource = Literal["pixel_spacing", "imager_spacing_demagnified", "imager_spacing", "user", "none"]


@dataclass(frozen=True)
class Scale:
    """How large a pixel is.

    Parameters
    ----------
    source: "pixel_spacing" (calibrated), "imager_spacing_demagnified" (at the detector, divided by the magnification),
        "imager_spacing" (at the detector, where the hand appears larger than it is), "user", or "none".
    spacing_mm: from row to row and from column to column; None exactly for the source "none".

    Raises
    ------
    HandboneError: spacing that is not two positive lengths, or lacks.
    """

    source: ScaleSource = "none"
    spacing_mm: tuple[float, float] | None = None

    def __post_init__(self) -> None:
        if (self.spacing_mm is None) != (self.source == "none"):
            raise HandboneError(f"a scale from {self.source!r} cannot have the spacing {self.spacing_mm}")
        if self.spacing_mm is not None and not all(0 < side < np.inf for side in self.spacing_mm):
            raise HandboneError(
                f"{self.spacing_mm} is not a valid spacing", remedy="give two positive lengths in millimetres"
            )

    @classmethod
    def chosen(cls, mm_per_px: float | None, radiograph: Radiograph) -> "Scale":
        """A user's word, or without one what the file says of itself."""
        return cls.of(radiograph) if mm_per_px is None else cls.user(mm_per_px)

    @classmethod
    def user(cls, mm_per_px: float) -> "Scale":
        """Square pixels of a size that a user knows."""
        return cls("user", (mm_per_px, mm_per_px))

    @classmethod
    def of(cls, radiograph: Radiograph) -> "Scale":
        """What a file says of itself, see `recorded`."""
        return cls.recorded(radiograph.spacing_mm, radiograph.spacing_source)

    @classmethod
    def recorded(cls, spacing_mm: tuple[float, float] | None, source: str) -> "Scale":
        """From a spacing and what in the file says so (DICOM PS3.3 10.7.1.3).

        A spacing of unknown origin counts as one at the detector, which is flagged.
        """
        if spacing_mm is None:
            return cls()
        rows, columns = spacing_mm
        known: ScaleSource = "imager_spacing"
        if source.startswith("PixelSpacing"):
            known = "pixel_spacing"
        elif source.startswith("ImagerPixelSpacing /"):
            known = "imager_spacing_demagnified"
        return cls(known, (float(rows), float(columns)))

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "Scale":
        """The scale whose fields these JSON values are."""
        spacing = value["spacing_mm"]
        return cls(value["source"], None if spacing is None else (spacing[0], spacing[1]))

    @property
    def unit(self) -> str:
        """Of lengths: "mm", or "px" without a scale."""
        return "px" if self.spacing_mm is None else "mm"

    @property
    def pixel_xy(self) -> np.ndarray:
        """(2,) width and height of a pixel in that unit."""
        rows, columns = self.spacing_mm or (1.0, 1.0)
        return np.array([columns, rows])

    @property
    def caution(self) -> str:
        """Why millimetres are not to be taken at face value; empty where they are."""
        if self.source == "imager_spacing":
            return "the spacing is that at the detector: the hand is smaller than this by the unknown magnification"
        return ""
