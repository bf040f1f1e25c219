"""The window that the refiner reads: placed, turned, mirrored and sized by the coarse masks of many bones at once.

No single bone decides: the standard pose is fitted to the centroids of all anchor bones, and bones that contradict the
others have no say. Where too few agree, the window falls back: first wider, then to the whole picture, and says why.
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
# The third metacarpal's length as a share of the picture's longer side: outside of this no hand is meant.
_PLAUSIBLE_UNIT = (0.03, 0.6)
# Sides in pixels of the grid where the bones set it, and the smallest window in lengths of the third metacarpal.
_SMALLEST, _LARGEST, _LEAST_SIDE = 256, 2048, 0.5
# A mirrored hand fits clearly worse than the right one; closer costs than this leave the side open.
_CLEARLY_BETTER = 0.02


@dataclass(frozen=True)
class FrameDecision:
    """Where the refiner looks, and why.

    Parameters
    ----------
    frame: picture to the refiner's grid.
    fallback: "none", "wider" (anchors contradict each other or are missing) or "whole" (no window could be placed).
    reason: one clause that says why, empty without a fallback.
    unit_px: length of the third metacarpal in picture pixels; None for the whole picture.
    degrees: direction of the hand's axis, clockwise from the picture's upward axis.
    mirrored: whether the frame mirrors the picture.
    straying: names of anchors that lie where the others don't expect them.
    missing: names of anchors without a coarse mask.
    """

    frame: Frame
    fallback: Fallback
    reason: str = ""
    unit_px: float | None = None
    degrees: float = 0.0
    mirrored: bool = False
    straying: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()

    def to_json(self) -> dict:
        """The decision as JSON values."""
        return {**asdict(self), "frame": self.frame.to_json()}


def wrist_frame(
    masks: BoneMasks,
    settings: schema.Crop,
    size: int,
    *,
    bones: Iterable[int] = CARPALS,
    margin: float | None = None,
) -> FrameDecision:
    """The refiner's window around `bones`, upright and with the thumb on the left, from coarse (or true) masks.

    Parameters
    ----------
    masks: coarse masks of the picture.
    settings: which bones place the window, and its size.
    size: side of the refiner's grid in pixels.
    bones: indices of the bones in the middle of the window; they need not be visible.
    margin: the window is as large as the bones are, plus this share of their extent on each side, and the grid has as
        many pixels as keep the scale that `size` has with the settings' window; without it both are as set.
    """
    bones, picture_hw, centroids_xy = tuple(bones), masks.size_hw, masks.centroids_xy()
    anchors = select(settings.anchors)
    missing = tuple(NAMES[b] for b in anchors if not np.isfinite(centroids_xy[b]).all())
    fits = fit_pose(centroids_xy, anchors)
    why_not = _unusable(fits, picture_hw)
    if fits is None or why_not:
        return FrameDecision(
            frame=Frame.letterbox(picture_hw, (size, size)),
            fallback="whole",
            reason=why_not,
            straying=tuple(NAMES[b] for b in fits[0].straying) if fits else (),
            missing=missing,
        )
    best = fits[0]
    reason = _doubtful(fits, anchors)
    centre, side = _placed(best, picture_hw, settings, bones)
    if margin is not None:
        usual = side
        centre, side = _around(masks, best, bones, margin)
        size = int(np.clip(32 * round(size * side / usual / 32), _SMALLEST, _LARGEST))
    return FrameDecision(
        frame=Frame.around(
            centre,
            side * (settings.wider if reason else 1.0),
            size,
            degrees=best.degrees if settings.turn else 0.0,
            mirrored=best.mirrored and settings.mirror,
        ),
        fallback="wider" if reason else "none",
        reason=reason,
        unit_px=best.unit_px,
        degrees=best.degrees,
        mirrored=best.mirrored and settings.mirror,
        straying=tuple(NAMES[b] for b in best.straying),
        missing=missing,
    )


def _unusable(fits: tuple[PoseFit, PoseFit] | None, picture_hw: tuple[int, int]) -> str:
    if fits is None:
        return "fewer than two anchor bones were found"
    if len(fits[0].agreeing) < _FEWEST:
        return f"only {len(fits[0].agreeing)} anchor bones agree on a hand"
    smallest, largest = (share * max(picture_hw) for share in _PLAUSIBLE_UNIT)
    if not smallest <= fits[0].unit_px <= largest:
        return f"the anchor bones suggest a third metacarpal of {fits[0].unit_px:.0f} px, which no hand here can have"
    return ""


def _doubtful(fits: tuple[PoseFit, PoseFit], anchors: tuple[int, ...]) -> str:
    best, other = fits
    if len(best.agreeing) < _ENOUGH * len(anchors):
        return f"only {len(best.agreeing)} of {len(anchors)} anchor bones agree on the hand's place"
    if other.cost - best.cost < _CLEARLY_BETTER:
        return "the anchor bones don't tell a left from a right hand"
    return ""


def _placed(
    fit: PoseFit, picture_hw: tuple[int, int], settings: schema.Crop, bones: tuple[int, ...]
) -> tuple[tuple[float, float], float]:
    """Centre and side of the window as the settings have it."""
    side = settings.window * (fit.unit_px / settings.normal_unit if settings.rescale else max(picture_hw) / 2048)
    return tuple(fit.place(CENTROIDS_XY[list(bones)].mean(0, keepdims=True))[0]), side


def _around(masks: BoneMasks, fit: PoseFit, bones: tuple[int, ...], margin: float) -> tuple[tuple[float, float], float]:
    """Centre and side of the smallest window, turned as the hand is, that holds the bones with their margin.

    Bones that are missing, or lie where the others don't expect them, count where they are expected.
    """
    rings = masks.rings()
    points = [fit.place(CENTROIDS_XY[[b]]) for b in bones if b not in rings or b in fit.straying]
    points += [np.concatenate(rings[b]) for b in bones if b in rings and b not in fit.straying]
    upright = Frame.around((0.0, 0.0), 1.0, 1, degrees=fit.degrees)
    grid = upright.to_grid(np.concatenate(points))
    low, high = grid.min(0), grid.max(0)
    side = max(float((high - low).max()) * (1 + 2 * margin), _LEAST_SIDE * fit.unit_px)
    return tuple(upright.to_picture((low + high)[None] / 2)[0]), side
