"""All metrics of one image's masks, as columns of a metrics table; see `handbone.evaluation.metrics` for each."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from handbone import anatomy
from handbone.core.bone_masks import BoneMasks
from handbone.core.errors import HandboneError
from handbone.evaluation.boundaries import BAND_PX, compare_boundaries
from handbone.evaluation.metrics import assd_of, both_empty, boundary_iou_of, dice_contest, hd95_of, nsd_of

_TOLERANCE = re.compile(r"(\d{1,9}(?:\.\d{1,9})?) *(px|mm)?", re.ASCII)
#: Of the columns that `Scoring.columns` makes, those of which less is better.
DISTANCES = ("hd95_px", "assd_px", "hd95_mm", "assd_mm")


@dataclass(frozen=True)
class Scoring:
    """How masks are scored.

    Parameters
    ----------
    tolerances_px, tolerances_mm: of the NSD. With any in millimetres there are distances in millimetres, too.
    band_px: width of the bands that boundary IoU compares.
    """

    tolerances_px: tuple[float, ...] = (1.0, 2.0)
    tolerances_mm: tuple[float, ...] = ()
    band_px: float = BAND_PX

    @classmethod
    def parse(cls, tolerances: Iterable[str], band_px: float = BAND_PX) -> "Scoring":
        """From words such as "2px" and "0.5mm"; pixels without a unit, 1 and 2 pixels without a word.

        Raises
        ------
        HandboneError: a word that is no tolerance.
        """
        found: dict[str, list[float]] = {"px": [], "mm": []}
        for word in tolerances:
            match = _TOLERANCE.fullmatch(word.strip())
            if match is None:
                raise HandboneError(f"{word!r} is no tolerance", remedy="write pixels or millimetres: 2px, 0.5mm")
            found[match[2] or "px"].append(float(match[1]))
        pixels = found["px"] or ([] if found["mm"] else cls.tolerances_px)
        return cls(tuple(sorted(set(pixels))), tuple(sorted(set(found["mm"]))), band_px)

    def columns(
        self, ground_truth: BoneMasks, masks: BoneMasks, spacing_mm: tuple[float, float] | None = None
    ) -> dict[str, Any]:
        """The metrics of the 29 bones, (29,) each.

        Parameters
        ----------
        spacing_mm: from row to row and from column to column; without it what is in millimetres is NaN.

        Returns
        -------
        dice, both_empty, missed (in the ground truth alone), invented (in the masks alone), nsd_<tolerance>px, hd95_px,
        assd_px, boundary_iou, the same in mm where asked for, ground_truth_area and area in pixels.

        Raises
        ------
        ShapeError: for masks of images of different sizes.
        """
        pairs = compare_boundaries(ground_truth, masks, band_px=self.band_px)
        true, found = ground_truth.present(), masks.present()
        return {
            "dice": dice_contest(ground_truth, masks),
            "both_empty": both_empty(ground_truth, masks),
            "missed": true & ~found,
            "invented": found & ~true,
            **{f"nsd_{tolerance:g}px": nsd_of(pairs, tolerance) for tolerance in self.tolerances_px},
            "hd95_px": hd95_of(pairs, ground_truth.size_hw),
            "assd_px": assd_of(pairs, ground_truth.size_hw),
            "boundary_iou": boundary_iou_of(pairs),
            **self._in_mm(ground_truth, masks, spacing_mm),
            "ground_truth_area": ground_truth.areas(),
            "area": masks.areas(),
        }

    def _in_mm(
        self, ground_truth: BoneMasks, masks: BoneMasks, spacing_mm: tuple[float, float] | None
    ) -> dict[str, np.ndarray]:
        if not self.tolerances_mm:
            return {}
        names = [*(f"nsd_{tolerance:g}mm" for tolerance in self.tolerances_mm), "hd95_mm", "assd_mm"]
        if spacing_mm is None:
            return {name: np.full(anatomy.COUNT, np.nan) for name in names}
        pairs = compare_boundaries(ground_truth, masks, band_px=self.band_px, pixel_hw=spacing_mm)
        size_mm = ground_truth.size_hw[0] * spacing_mm[0], ground_truth.size_hw[1] * spacing_mm[1]
        shares = [nsd_of(pairs, tolerance) for tolerance in self.tolerances_mm]
        return dict(zip(names, [*shares, hd95_of(pairs, size_mm), assd_of(pairs, size_mm)], strict=True))
