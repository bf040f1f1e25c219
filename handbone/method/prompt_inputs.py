"""From masks to questions: for each bone a box, points on it and beside it, and its mask as a rough answer.

Everything happens on the prompter's mask grid, a quarter of what it reads: half a pixel there is less than the margin
that a box gets anyway.
"""

from collections.abc import Iterable

import cv2
import numpy as np

from handbone import anatomy
from handbone.core.bone_masks import BoneMasks, shared_area
from handbone.core.bone_probabilities import BoneProbabilities
from handbone.core.box import Box
from handbone.core.frame import Frame
from handbone.method.evidence import roi_mask
from handbone.plugins import Prompts
from handbone.recipe import schema

# The core of a bone: where it is at least this share as deep as at its deepest.
_CORE = 0.5
# The part of a bone under which no other one lies is deep enough from this share of the bone's own depth on.
_ALONE = 0.3
# A negative point nearer to the bone than this share of the grid's side could lie on the bone's true edge.
_BESIDE = 0.01
# Where a network is all but sure, its logits say little more; segment-anything's own masks are seldom surer.
_SURE = 0.998


def seen_on_grid(current: BoneProbabilities, frame: Frame) -> BoneProbabilities:
    """The probabilities as a grid sees them: a value whose image is the frame's grid."""
    rows, columns = frame.size_hw
    parts = []
    for (left, top, right, bottom), crop in zip(current.boxes_xyxy.tolist(), current.crops, strict=True):
        corners = np.array([[left, top], [right, top], [right, bottom], [left, bottom]]) - 0.5
        # Interpolation reaches one pixel further than the crop.
        points = frame.to_grid(corners)
        low = np.clip(np.floor(points.min(0)) - 1, 0, (columns, rows)).astype(int)
        high = np.clip(np.ceil(points.max(0)) + 2, 0, (columns, rows)).astype(int)
        box = Box(*low.tolist(), *high.tolist())
        if not crop.size or (low >= high).any():
            parts.append((np.zeros((0, 0), np.uint8), Box(0, 0, 0, 0)))
            continue
        # A rim of zeros lets the crop fade where its box ends.
        rim = cv2.copyMakeBorder(crop, 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=0)
        moved = frame.matrix + np.outer(frame.matrix[:, :2] @ (left - 1, top - 1), (0, 0, 1))
        part = Frame(moved, frame.size_hw).then(
            np.array([[1, 0, -low[0]], [0, 1, -low[1]]]), (int(high[1] - low[1]), int(high[0] - low[0]))
        )
        parts.append((part.warp(rim), box))
    return BoneProbabilities.from_crops(parts, frame.size_hw)


def ask(
    seen: BoneProbabilities,
    bones: Iterable[int],
    size: int,
    settings: schema.Prompt,
    *,
    threshold: float = 0.5,
    points: bool = True,
) -> tuple[tuple[int, ...], Prompts]:
    """The prompts of the chosen bones; those without a mask on the grid are left out.

    Parameters
    ----------
    seen: what is known of all bones on the mask grid (m x m).
    bones: indices of the bones that are asked for.
    size: side of the grid that the prompter reads, in whose pixels the prompts are.
    settings: margin, numbers of points, whether masks are prompts too.
    threshold: probability from which a pixel belongs to a bone.
    points: whether the prompter knows points; without, the settings' numbers count for nothing.

    Returns
    -------
    The bones that are asked for, and their prompts in the same order.
    """
    masks = seen.threshold(threshold)
    asked = tuple(bone for bone in bones if masks.boxes_xyxy[bone, 2] > 0)
    side = seen.size_hw[0]
    positives, negatives = (settings.positives, settings.negatives) if points else (0, 0)
    places = np.zeros((len(asked), positives + negatives, 2), np.float32)
    labels = np.full(places.shape[:2], -1, np.int64)
    boxes = np.zeros((len(asked), 4), np.float32)
    for row, bone in enumerate(asked):
        boxes[row] = _box(masks.boxes_xyxy[bone], settings.box_margin, side)
        inside = core_points(masks, bone, positives)
        beside = points_beside(masks, bone, negatives)
        places[row, : len(inside) + len(beside)] = np.concatenate([inside, beside])
        labels[row, : len(inside)], labels[row, len(inside) : len(inside) + len(beside)] = 1, 0
    # No bone may have all of its points: columns that nobody uses would only tell the network of missing points.
    used = (labels >= 0).any(0)
    zoom = size / side
    return asked, Prompts(
        boxes_xyxy=(boxes + 0.5) * zoom - 0.5,
        points_xy=(places[:, used] + 0.5) * zoom - 0.5,
        labels=labels[:, used],
        masks=_logits(seen, asked) if settings.use_mask else None,
    )


def core_points(masks: BoneMasks, bone: int, count: int) -> np.ndarray:
    """Up to `count` pixels (n, 2) deep inside a bone: the deepest, then each as far as possible from those before.

    Where enough of the bone lies under no other one, they lie there: a point on two bones tells them not apart.
    """
    box = Box(*masks.boxes_xyxy[bone].tolist())
    mask = masks.crops[bone]
    others = np.zeros_like(mask)
    for other in np.flatnonzero(masks.present()).tolist():
        if other != bone and shared_area(masks, bone, masks, other):
            others |= roi_mask(masks, other, box)
    depth, alone = _depth(mask), _depth(mask & ~others)
    if alone.max(initial=0) >= _ALONE * depth.max():
        depth = alone
    rows, columns = np.nonzero(depth >= _CORE * depth.max())
    core = np.column_stack([columns, rows]).astype(np.float32)
    chosen = [int(depth[rows, columns].argmax())]
    apart = np.full(len(core), np.inf)
    while len(chosen) < min(count, len(core)):
        apart = np.minimum(apart, np.hypot(*(core - core[chosen[-1]]).T))
        chosen.append(int(apart.argmax()))
    return core[chosen[:count]] + np.array(box[:2], np.float32)


def points_beside(masks: BoneMasks, bone: int, count: int) -> np.ndarray:
    """Up to `count` pixels (n, 2), each deep inside one neighbour and outside the bone, the nearest first.

    Neighbours are the bones that touch it in a normal hand, and whatever overlaps it. One that lies all but wholly on
    the bone gives no point.
    """
    found = []
    for other in np.flatnonzero(masks.present()).tolist():
        near = _are_neighbours(bone, other) or shared_area(masks, bone, masks, other)
        if other == bone or not near:
            continue
        box = Box(*masks.boxes_xyxy[other].tolist())
        depth = _depth(masks.crops[other] & ~roi_mask(masks, bone, box))
        row, column = np.unravel_index(depth.argmax(), depth.shape)
        if depth[row, column] >= _BESIDE * masks.size_hw[0]:
            found.append((column + box[0], row + box[1]))
    points = np.array(found, np.float32).reshape(-1, 2)
    left, top, right, bottom = masks.boxes_xyxy[bone]
    away = np.hypot(*(points - ((left + right - 1) / 2, (top + bottom - 1) / 2)).T)
    return points[np.argsort(away, kind="stable")[:count]]


def _are_neighbours(bone: int, other: int) -> bool:
    first, second = anatomy.NAMES[min(bone, other)], anatomy.NAMES[max(bone, other)]
    return (first, second) in anatomy.NEIGHBOURS


def _depth(mask: np.ndarray) -> np.ndarray:
    """Distance of each pixel to the nearest one outside the mask, float32 (h, w); beyond the array is outside."""
    rim = cv2.copyMakeBorder(mask.astype(np.uint8), 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=0)
    return cv2.distanceTransform(rim, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)[1:-1, 1:-1]


def _box(box_xyxy: np.ndarray, margin: float, side: int) -> np.ndarray:
    """A half-open box as centres of its outermost pixels, wider by a share of its longer side, within the grid."""
    low, high = box_xyxy[:2].astype(float), box_xyxy[2:] - 1.0
    wider = margin * float((high - low).max() + 1)
    return np.clip(np.concatenate([low - wider, high + wider]), 0, side - 1)


def _logits(seen: BoneProbabilities, bones: tuple[int, ...]) -> np.ndarray:
    """Logits of the chosen bones, float32 (B, 1, m, m), as sure as `_SURE` at most."""
    logits = np.full((len(bones), 1, *seen.size_hw), np.log((1 - _SURE) / _SURE), np.float32)
    for plane, bone in zip(logits[:, 0], bones, strict=True):
        left, top, right, bottom = seen.boxes_xyxy[bone].tolist()
        p = np.clip(seen.crops[bone].astype(np.float32) / 255, 1 - _SURE, _SURE)
        plane[top:bottom, left:right] = np.log(p / (1 - p))
    return logits
