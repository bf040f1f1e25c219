"""The ROI that the refiner reads: placed, turned, mirrored and sized by the coarse masks of many bones at once.

No single bone decides: the canonical pose is fitted to the centroids of all anchor bones, and bones that contradict the
others have no say. Where too few agree, the ROI falls back: first wider, then to the whole image, and says why.
"""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Literal

import numpy as np

from handbone.anatomy import CARPALS, NAMES, select
from handbone.core.bone_masks import BoneMasks
from handbone.core.frame import Frame
from handbone.method.pose.canonical import CENTROIDS_XY
from handbone.method.pose.registration import PoseFit, fit_pose
from handbone.recipe import schema

Fallback = Literal["none", "wider", "whole"]

# Three bones fix a similarity transform with two equations to spare: fewer can't contradict each other.
_FEWEST = 3
_ENOUGH = 0.5
# The third metacarpal's length as a share of the image's longer side: outside of this no hand is meant.
_PLAUSIBLE_UNIT = (0.03, 0.6)
# Sides in pixels of the grid where the bones set it, and the smallest ROI in lengths of the third metacarpal.
_SMALLEST, _LARGEST, _LEAST_SIDE = 256, 2048, 0.5
# A mirrored hand fits clearly worse than the right one; closer costs than this leave the side open.
_CLEARLY_BETTER = 0.02


@dataclass(frozen=True)
class RoiPlacement:
    """Where the refiner looks, and why.

    Parameters
    ----------
    frame: image to the refiner's grid.
    fallback: "none", "wider" (anchors contradict each other or are missing) or "whole" (no ROI could be placed).
    reason: one clause that says why, empty without a fallback.
    mc3_length_px: length of the third metacarpal in image pixels; None for the whole image.
    degrees: direction of the hand's axis, clockwise from the image's upward axis.
    mirrored: whether the frame mirrors the image.
    outliers: names of anchors that lie where the others don't expect them.
    missing: names of anchors without a coarse mask.
    """

    frame: Frame
    fallback: Fallback
    reason: str = ""
    mc3_length_px: float | None = None
    degrees: float = 0.0
    mirrored: bool = False
    outliers: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()

    def to_json(self) -> dict:
        """The decision as JSON values."""
        return {**asdict(self), "frame": self.frame.to_json()}


def place_roi(
    masks: BoneMasks,
    settings: schema.Roi,
    size: int,
    *,
    bones: Iterable[int] = CARPALS,
    margin: float | None = None,
) -> RoiPlacement:
    """The refiner's ROI around `bones`, upright and with the thumb on the left, from coarse (or true) masks.

    Parameters
    ----------
    masks: coarse masks of the image.
    settings: which bones place the ROI, and its size.
    size: side of the refiner's grid in pixels.
    bones: indices of the bones in the middle of the ROI; they need not be visible.
    margin: the ROI is as large as the bones are, plus this share of their extent on each side, and the grid has as
        many pixels as keep the scale that `size` has with the settings' ROI; without it both are as set.
    """
    bones, image_hw, centroids_xy = tuple(bones), masks.size_hw, masks.centroids_xy()
    anchors = select(settings.anchors)
    missing = tuple(NAMES[b] for b in anchors if not np.isfinite(centroids_xy[b]).all())
    fits = fit_pose(centroids_xy, anchors)
    why_not = _unusable(fits, image_hw)
    if fits is None or why_not:
        return RoiPlacement(
            frame=Frame.letterbox(image_hw, (size, size)),
            fallback="whole",
            reason=why_not,
            outliers=tuple(NAMES[b] for b in fits[0].outliers) if fits else (),
            missing=missing,
        )
    best = fits[0]
    reason = _doubtful(fits, anchors)
    centre, side = _placed(best, image_hw, settings, bones)
    if margin is not None:
        usual = side
        centre, side = _around(masks, best, bones, margin)
        size = int(np.clip(32 * round(size * side / usual / 32), _SMALLEST, _LARGEST))
    return RoiPlacement(
        frame=Frame.around(
            centre,
            side * (settings.fallback_scale if reason else 1.0),
            size,
            degrees=best.degrees if settings.turn else 0.0,
            mirrored=best.mirrored and settings.mirror,
        ),
        fallback="wider" if reason else "none",
        reason=reason,
        mc3_length_px=best.mc3_length_px,
        degrees=best.degrees,
        mirrored=best.mirrored and settings.mirror,
        outliers=tuple(NAMES[b] for b in best.outliers),
        missing=missing,
    )


def _unusable(fits: tuple[PoseFit, PoseFit] | None, image_hw: tuple[int, int]) -> str:
    if fits is None:
        return "fewer than two anchor bones were found"
    if len(fits[0].inliers) < _FEWEST:
        return f"only {len(fits[0].inliers)} anchor bones agree on a hand"
    smallest, largest = (share * max(image_hw) for share in _PLAUSIBLE_UNIT)
    if not smallest <= fits[0].mc3_length_px <= largest:
        return f"the anchor bones suggest a third metacarpal of {fits[0].mc3_length_px:.0f} px, which is no hand here"
    return ""


def _doubtful(fits: tuple[PoseFit, PoseFit], anchors: tuple[int, ...]) -> str:
    best, other = fits
    if len(best.inliers) < _ENOUGH * len(anchors):
        return f"only {len(best.inliers)} of {len(anchors)} anchor bones agree on the hand's place"
    if other.cost - best.cost < _CLEARLY_BETTER:
        return "the anchor bones don't tell a left from a right hand"
    return ""


def _placed(
    fit: PoseFit, image_hw: tuple[int, int], settings: schema.Roi, bones: tuple[int, ...]
) -> tuple[tuple[float, float], float]:
    """Centre and side of the ROI as the settings have it."""
    side = settings.size_px * (
        fit.mc3_length_px / settings.normal_mc3_length_px if settings.rescale else max(image_hw) / 2048
    )
    return tuple(fit.place(CENTROIDS_XY[list(bones)].mean(0, keepdims=True))[0]), side


def _around(masks: BoneMasks, fit: PoseFit, bones: tuple[int, ...], margin: float) -> tuple[tuple[float, float], float]:
    """Centre and side of the smallest ROI, turned as the hand is, that holds the bones with their margin.

    Bones that are missing, or lie where the others don't expect them, count where they are expected.
    """
    polygons = masks.polygons()
    points = [fit.place(CENTROIDS_XY[[b]]) for b in bones if b not in polygons or b in fit.outliers]
    points += [np.concatenate(polygons[b]) for b in bones if b in polygons and b not in fit.outliers]
    upright = Frame.around((0.0, 0.0), 1.0, 1, degrees=fit.degrees)
    grid = upright.to_grid(np.concatenate(points))
    low, high = grid.min(0), grid.max(0)
    side = max(float((high - low).max()) * (1 + 2 * margin), _LEAST_SIDE * fit.mc3_length_px)
    return tuple(upright.to_image((low + high)[None] / 2)[0]), side
