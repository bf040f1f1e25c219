"""Refined masks back into the picture: blended without hard edges, and per bone only where they are credible."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass

import numpy as np

from handbone.anatomy import NAMES
from handbone.core.bone_probabilities import BoneProbabilities
from handbone.core.box import Box
from handbone.core.frame import Frame
from handbone.method.calibration.gate import Gate, verdict
from handbone.method.evidence import Comparison, Evidence
from handbone.recipe import schema


@dataclass(frozen=True)
class Decision:
    """Whether a bone's refined mask was used, and why.

    Parameters
    ----------
    bone: name of the bone.
    used: whether the refined mask takes part in the result.
    reason: one clause.
    evidence: how the two masks compare.
    harm: chance that the refined mask is the worse one, where the gate was calibrated for that.
    region: name of the window.
    """

    bone: str
    used: bool
    reason: str
    evidence: Evidence
    harm: float | None = None
    region: str = ""

    def to_json(self) -> dict:
        """The decision as flat JSON values."""
        values = asdict(self)
        return {**values.pop("evidence"), **values}


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
    gate: Gate | None = None,
    region: str = "",
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
    gate: calibrated chances of harm, beside the limits of the settings.
    region: the window's name, for the decisions.
    """
    bones = tuple(bones)
    touched = Box.around(p.boxes_xyxy[bone].tolist() for p in (coarse, refined) for bone in bones)
    box, weight = paste_weight(frame, coarse.size_hw, settings.feather, within=touched)
    # The gate compares only where the window would have its say: a metacarpal's far end is not the refiner's business.
    compared = Comparison(coarse, refined, threshold, box, weight > 0.5)
    masks = coarse.threshold(threshold), refined.threshold(threshold)
    decisions = []
    for bone in bones:
        evidence = compared.of(bone, masks)
        used, reason, harm = verdict(bone, evidence, settings, gate, may_add=may_add)
        decisions.append(Decision(NAMES[bone], used, reason, evidence, harm, region))
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
    window = Box(*low.astype(int).tolist(), *high.astype(int).tolist())
    box = window.shared(within or Box.whole(picture_hw))
    if box.is_empty:
        return Box(0, 0, 0, 0), np.zeros((0, 0), np.float32)
    x = np.arange(box.left, box.right, dtype=np.float32)
    y = np.arange(box.top, box.bottom, dtype=np.float32)
    matrix, (rows, columns) = frame.matrix.astype(np.float32), frame.size_hw
    ramp = max(feather * min(rows, columns), 1e-3)
    weight = np.ones((len(y), len(x)), np.float32)
    for axis, side in ((0, columns), (1, rows)):
        place = matrix[axis, 0] * x[None] + (matrix[axis, 1] * y[:, None] + matrix[axis, 2])
        # Distance to the nearer of two opposite edges, which lie half a pixel outside the outermost centres.
        inward = side / 2 - np.abs(place - (side - 1) / 2)
        np.multiply(weight, np.clip(inward / ramp, 0, 1), out=weight)
    return box, weight
