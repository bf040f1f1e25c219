"""Refined masks back into the image: blended without hard edges, and per bone only where they are credible."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, replace

import numpy as np

from handbone.anatomy import NAMES
from handbone.core.bone_probabilities import BoneProbabilities
from handbone.core.box import Box
from handbone.core.frame import Frame
from handbone.method.acceptance import judged
from handbone.method.calibration.gate import Gate
from handbone.method.evidence import Comparison, MergeEvidence
from handbone.recipe import schema

# From this Dice on two masks are taken to show the same bone; the settings' limit may be open while a gate is learned.
_SAME_BONE = 0.5


@dataclass(frozen=True)
class Decision:
    """How much of a bone's refined mask was used, and why.

    Parameters
    ----------
    bone: name of the bone.
    share: of the refined probabilities in the result; 0 if they are not used.
    reason: one clause.
    evidence: how the two masks compare.
    degradation: probability that the refined mask is the worse one, where the gate was calibrated for that.
    roi: name of the ROI.
    """

    bone: str
    share: float
    reason: str
    evidence: MergeEvidence
    degradation: float | None = None
    roi: str = ""

    @property
    def used(self) -> bool:
        """Whether the refined mask takes part in the result."""
        return self.share > 0

    def to_json(self) -> dict:
        """The decision as flat JSON values."""
        values = asdict(self)
        values["degradation"] = None if self.degradation is None else round(self.degradation, 4)
        return {**values.pop("evidence"), "bone": values.pop("bone"), "used": self.used, **values}


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
    roi: str = "",
    plausible: Callable[[BoneProbabilities], np.ndarray | None] = lambda _: None,
) -> Merged:
    """Blend the refined probabilities of `bones` into the coarse ones inside the ROI.

    Parameters
    ----------
    coarse, refined: both in the image's pixels.
    frame: the refiner's ROI.
    settings: the feather, the shares of the refined probabilities and the fixed limits.
    bones: indices of the bones that may change; all others stay as they are.
    threshold: where probabilities become the masks that the gate compares.
    may_add: whether a bone without a coarse mask may come from the refiner; not where no ROI could be placed, as
        a refiner that reads a whole image sees bones at a size that it does not know.
    gate: calibrated chances of degradation, beside the limits of the settings.
    roi: the ROI's name, for the decisions.
    plausible: gives (29,) how well masks agree with the anatomical prior, or None where nobody asks.
    """
    bones = tuple(bones)
    touched = Box.around(p.boxes_xyxy[bone].tolist() for p in (coarse, refined) for bone in bones)
    box, weight = paste_weight(frame, coarse.size_hw, settings.feather, within=touched)
    # The gate compares only where the ROI would have its say: a metacarpal's far end is not the refiner's business.
    compared = Comparison(coarse, refined, threshold, box, weight > 0.5)
    masks = coarse.threshold(threshold), refined.threshold(threshold)

    present = masks[0].present()

    def blended(shares: Mapping[int, float]) -> BoneProbabilities:
        """The coarse probabilities with so much of the refined ones in each of some bones."""
        result = coarse
        for share in sorted(set(shares.values())):
            alike = {bone for bone in shares if shares[bone] == share}
            result = result.blend(refined, (box, weight * np.float32(share)), alike)
        return result

    before = plausible(coarse)
    # Where there is no coarse mask there is nothing to average with.
    after = None if before is None else plausible(blended({b: settings.share if present[b] else 1.0 for b in bones}))
    decisions = []
    seen = [compared.of(bone, masks) for bone in bones]
    # Where the masks are not of the same bone, the earlier one may be wrong: no sign that the refiner is at a loss.
    found = [evidence.after for evidence in seen if evidence.after and evidence.agreement >= _SAME_BONE]
    roi_after = round(float(np.mean(found)), 4) if found else None
    for bone, evidence in zip(bones, seen, strict=True):
        evidence = replace(evidence, roi_after=roi_after)
        if before is not None and after is not None:
            evidence = replace(evidence, prior_before=float(before[bone]), prior_after=float(after[bone]))
        verdict = judged(bone, evidence, settings, gate, may_add=may_add)
        decisions.append(Decision(NAMES[bone], verdict.share, verdict.reason, evidence, verdict.degradation, roi))
    chosen = {bone: d.share for bone, d in zip(bones, decisions, strict=True) if d.used}
    return Merged(blended(chosen), decisions)


def paste_weight(
    frame: Frame, image_hw: tuple[int, int], feather: float, *, within: Box | None = None
) -> tuple[Box, np.ndarray]:
    """The image's box (x0, y0, x1, y1) around the ROI and the ROI's say in it, float32 (h, w) in [0, 1].

    The weight rises from 0 at the ROI's edge to 1 over the share `feather` of the ROI's side. Edges of the ROI
    that lie outside the image fade there, so that bones at the image's edge lose nothing.

    Parameters
    ----------
    within: leave out what lies outside this box; by default the image.
    """
    low, high = np.floor(frame.corners_xy.min(0)), np.ceil(frame.corners_xy.max(0)) + 1
    roi = Box(*low.astype(int).tolist(), *high.astype(int).tolist())
    box = roi.shared(within or Box.whole(image_hw))
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
