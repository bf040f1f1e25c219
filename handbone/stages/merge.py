"""Refined masks back into the picture: blended without hard edges, and per bone only where they are credible."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass

import numpy as np

from handbone.anatomy import NAMES
from handbone.frame import Frame
from handbone.masks.bone_masks import BoneMasks
from handbone.masks.probabilities import BoneProbabilities
from handbone.recipe import schema

Box = tuple[int, int, int, int]


@dataclass(frozen=True)
class Decision:
    """Whether a bone's refined mask was used, and why.

    Parameters
    ----------
    bone: name of the bone.
    used: whether the refined mask takes part in the result.
    reason: one clause.
    agreement: Dice of the refined with the coarse mask inside the window.
    area_ratio: refined over coarse area inside the window; None without a coarse mask.
    shift: distance of the centroids in square roots of the coarse area; None where a mask is empty.
    """

    bone: str
    used: bool
    reason: str
    agreement: float
    area_ratio: float | None = None
    shift: float | None = None

    def to_json(self) -> dict:
        """The decision as JSON values."""
        return asdict(self)


@dataclass(frozen=True, eq=False)
class Merged:
    """The merged probabilities and one decision for each bone that was refined."""

    probabilities: BoneProbabilities
    decisions: list[Decision]


def merge(
    coarse: BoneProbabilities,
    refined: BoneProbabilities,
    frame: Frame,
    settings: schema.Merge,
    *,
    bones: Iterable[int],
    threshold: float = 0.5,
    may_add: bool = True,
) -> Merged:
    """Blend the refined probabilities of `bones` into the coarse ones inside the window.

    Parameters
    ----------
    coarse, refined: both in the picture's pixels.
    frame: the refiner's window.
    settings: the feather and the gate.
    bones: indices of the bones that may change; all others stay as they are.
    threshold: where probabilities become the masks that the gate compares.
    may_add: whether a bone without a coarse mask may come from the refiner; not where no window could be placed, as
        a refiner that reads a whole picture sees bones at a size that it does not know.
    """
    bones = tuple(bones)
    touched = _around(*(p.boxes_xyxy[bone] for p in (coarse, refined) for bone in bones))
    box, weight = paste_weight(frame, coarse.size_hw, settings.feather, within=touched)
    # The gate compares only where the window would have its say: a metacarpal's far end is not the refiner's business.
    inside = weight > 0.5
    before, after = coarse.threshold(threshold), refined.threshold(threshold)
    decisions = [judge(before, after, bone, box, inside, settings, may_add=may_add) for bone in bones]
    chosen = tuple(bone for bone, decision in zip(bones, decisions, strict=True) if decision.used)
    blended = coarse.blend(refined, (box, weight), chosen) if chosen else coarse
    return Merged(blended, decisions)


def paste_weight(
    frame: Frame, picture_hw: tuple[int, int], feather: float, *, within: Box | None = None
) -> tuple[Box, np.ndarray]:
    """The picture's box (x0, y0, x1, y1) around the window and the window's say in it, float32 (h, w) in [0, 1].

    The weight rises from 0 at the window's edge to 1 over the share `feather` of the window's side. Edges of the window
    that lie outside the picture fade there, so that bones at the picture's edge lose nothing.

    Parameters
    ----------
    within: leave out what lies outside this box; by default the picture.
    """
    low, high = np.floor(frame.corners_xy.min(0)), np.ceil(frame.corners_xy.max(0)) + 1
    box = _shared((*low.astype(int).tolist(), *high.astype(int).tolist()), within or (0, 0, *picture_hw[::-1]))
    if box[0] >= box[2] or box[1] >= box[3]:
        return (0, 0, 0, 0), np.zeros((0, 0), np.float32)
    x = np.arange(box[0], box[2], dtype=np.float32)
    y = np.arange(box[1], box[3], dtype=np.float32)
    matrix, (rows, columns) = frame.matrix.astype(np.float32), frame.size_hw
    ramp = max(feather * min(rows, columns), 1e-3)
    weight = np.ones((len(y), len(x)), np.float32)
    for axis, side in ((0, columns), (1, rows)):
        place = matrix[axis, 0] * x[None] + (matrix[axis, 1] * y[:, None] + matrix[axis, 2])
        # Distance to the nearer of two opposite edges, which lie half a pixel outside the outermost centres.
        inward = side / 2 - np.abs(place - (side - 1) / 2)
        np.multiply(weight, np.clip(inward / ramp, 0, 1), out=weight)
    return box, weight


def judge(
    before: BoneMasks,
    after: BoneMasks,
    bone: int,
    box: Box,
    inside: np.ndarray,
    settings: schema.Merge,
    *,
    may_add: bool = True,
) -> Decision:
    """The gate for one bone: is the refined mask credible in view of the coarse one?

    Parameters
    ----------
    before, after: coarse and refined masks of the picture.
    bone: index of the bone.
    box: the part of the picture that is compared; inside: bool (h, w), which of its pixels count.
    settings: the gate's limits. may_add: as `merge`.
    """
    part = _shared(_around(before.boxes_xyxy[bone], after.boxes_xyxy[bone]), box)
    inside = inside[part[1] - box[1] : part[3] - box[1], part[0] - box[0] : part[2] - box[0]]
    old, new = (window_mask(masks, bone, part) & inside for masks in (before, after))
    old_area, new_area = int(np.count_nonzero(old)), int(np.count_nonzero(new))
    name = NAMES[bone]
    if not new_area:
        reason = "the refiner found nothing" if old_area else "neither stage found it in the window"
        return Decision(name, False, reason, agreement=0.0 if old_area else 1.0)
    if not old_area:
        elsewhere = before.areas()[bone] > 0
        if not (elsewhere or may_add):
            return Decision(name, False, "there was no coarse mask, and no window for the refiner", agreement=0.0)
        reason = "the coarse mask lies outside the window" if elsewhere else "there was no coarse mask"
        return Decision(name, not elsewhere, reason, agreement=0.0)
    shared = int(np.count_nonzero(old & new))
    agreement, ratio = 2 * shared / (old_area + new_area), new_area / old_area
    shift = float(np.hypot(*(_centroid_xy(new) - _centroid_xy(old))) / np.sqrt(old_area))
    reason = _refusal(agreement, ratio, shift, settings)
    return Decision(name, not reason, reason or "credible", round(agreement, 4), round(ratio, 4), round(shift, 4))


def _refusal(agreement: float, ratio: float, shift: float, settings: schema.Merge) -> str:
    smallest, largest = settings.area_ratio
    if agreement < settings.min_agreement:
        return f"agrees too little with the coarse mask (Dice {agreement:.2f} < {settings.min_agreement:.2f})"
    if not smallest <= ratio <= largest:
        return f"its area is {ratio:.2f} times the coarse one"
    if shift > settings.max_shift:
        return f"its centre moved by {shift:.2f} of its size"
    return ""


def window_mask(masks: BoneMasks, bone: int, box: Box) -> np.ndarray:
    """The part `box` of a bone's mask, bool (h, w), without making the mask of the whole picture."""
    left, top, right, bottom = box
    part = np.zeros((bottom - top, right - left), bool)
    x, y = masks.boxes_xyxy[bone][:2]
    x0, y0, x1, y1 = _shared(masks.boxes_xyxy[bone], box)
    part[y0 - top : y1 - top, x0 - left : x1 - left] = masks.crops[bone][y0 - y : y1 - y, x0 - x : x1 - x]
    return part


def _shared(one: Sequence[int], other: Sequence[int]) -> Box:
    """What two half-open boxes share; a box without area, inside `other`, where they share nothing."""
    left, top = (int(np.clip(one[i], other[i], other[i + 2])) for i in (0, 1))
    right, bottom = (int(np.clip(one[i + 2], (left, top)[i], other[i + 2])) for i in (0, 1))
    return left, top, right, bottom


def _around(*boxes: Sequence[int]) -> Box:
    """The smallest box around boxes; those without area don't count."""
    filled = np.array([box for box in boxes if box[0] < box[2]], int).reshape(-1, 4)
    if not len(filled):
        return 0, 0, 0, 0
    return (*filled[:, :2].min(0).tolist(), *filled[:, 2:].max(0).tolist())


def _centroid_xy(mask: np.ndarray) -> np.ndarray:
    rows, columns = np.nonzero(mask)
    return np.array([columns.mean(), rows.mean()])
