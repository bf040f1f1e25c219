"""What of an outcome is not to be trusted, in words: anatomy checks that need no ground truth."""

from dataclasses import asdict, dataclass
from itertools import combinations

import numpy as np

from handbone import anatomy
from handbone.core.bone_masks import BoneMasks
from handbone.core.polygons import polygon_areas
from handbone.data.plausible import doubts, hand_unit
from handbone.method.hands import hand_found
from handbone.method.two_stage import MethodResult

# A mask that is less likely good than this is shown, and flagged.
_UNSURE = 0.8
# Share of the smaller bone; two pairs lie one behind the other in many radiographs.
_SAME_PLACE = 0.6
_MAY_OVERLAP = {
    frozenset((anatomy.INDEX["Triquetrum"], anatomy.INDEX["Pisiform"])),
    frozenset((anatomy.INDEX["Trapezium"], anatomy.INDEX["Trapezoid"])),
}
# A mask that agrees less with what the anatomical prior makes of all masks is flagged.
_UNLIKE = 0.6
# Neighbours farther apart than this, in lengths of the third metacarpal, don't touch in any hand.
_APART = 0.3


@dataclass(frozen=True)
class Flag:
    """One reason to look again.

    Parameters
    ----------
    rule: "no-hand", "not-of-this-hand", "second-hand", "roi", "missing", "left-out", "unsure", "unlike", "expected",
        "same-place", "apart", a rule of `handbone.data.plausible`, or of what the file says.
    bones: names of the bones concerned.
    message: a clause.
    """

    rule: str
    bones: tuple[str, ...]
    message: str

    def to_json(self) -> dict:
        """The flag as JSON values."""
        return asdict(self)


def flags(outcome: MethodResult, masks: BoneMasks) -> list[Flag]:
    """Everything doubtful about the masks of an outcome, what concerns the whole image first."""
    found = []
    if not hand_found(outcome.hand):
        return [Flag("no-hand", (), "no hand was found, so no bone is outlined")]
    if outcome.hand is None and outcome.location is not None and not outcome.location.found:
        found.append(Flag("no-hand", (), "no hand was found, so the whole image was read without rotation"))
    if outcome.hand is not None and outcome.hand.outliers:
        message = "lies where this hand cannot have it, and is not claimed"
        found.append(Flag("not-of-this-hand", outcome.hand.outliers, message))
    for name, frame in outcome.frames.items():
        if frame.fallback != "none":
            found.append(Flag("roi", (), f"the {frame.fallback} ROI was used for {name}: {frame.reason}"))
    found += _unsure(outcome, masks)
    found += _unlike(outcome, masks)
    polygons = masks.polygons()
    found += [Flag(d.rule, tuple(anatomy.NAMES[b] for b in d.bones), d.message) for d in doubts(polygons)]
    unit = hand_unit(polygon_areas(polygons))
    return [*found, *_same_place(masks), *(_apart(polygons, unit) if unit > 0 else [])]


def _unsure(outcome: MethodResult, masks: BoneMasks) -> list[Flag]:
    present = masks.present()
    elsewhere = () if outcome.hand is None else [anatomy.INDEX[name] for name in outcome.hand.outliers]
    probability = np.where(present, 1.0, 0.0) if outcome.presence is None else outcome.presence
    probability = np.where(np.isin(np.arange(anatomy.COUNT), elsewhere) & ~present, -1.0, probability)
    found = []
    for bone in np.flatnonzero(~present & (probability > 0)):
        message = f"a mask was left out: its probability of being right is {probability[bone]:.2f}"
        found.append(Flag("left-out", (anatomy.NAMES[bone],), message))
    gone = tuple(anatomy.NAMES[bone] for bone in np.flatnonzero(~present & (probability == 0)))
    if gone:
        found.append(Flag("missing", gone, f"not found: {', '.join(gone)}"))
    good, what = (probability, "right") if outcome.confidence is None else (outcome.confidence, "good")
    for bone in np.flatnonzero(present & (good < _UNSURE)):
        # Rounded down: a mask is flagged below .8, and 0.80 would read as enough.
        message = f"the probability of being {what} is only {np.floor(100 * good[bone] + 1e-6) / 100:.2f}"
        found.append(Flag("unsure", (anatomy.NAMES[bone],), message))
    return found


def _unlike(outcome: MethodResult, masks: BoneMasks) -> list[Flag]:
    """What the anatomical prior contradicts."""
    if outcome.prior is None:
        return []
    found = []
    for bone in np.flatnonzero(masks.present()):
        judged = outcome.prior.bones[bone]
        if judged.agreement < _UNLIKE:
            name, message = (
                anatomy.NAMES[bone],
                f"agrees with what the other bones suggest only with a Dice of {judged.agreement:.2f}",
            )
            if judged.best not in (None, name):
                message += f"; it fits the {judged.best} by {judged.best_agreement:.2f}"
            found.append(Flag("unlike", (name,), message))
    for name in outcome.prior.expected:
        if not masks.present()[anatomy.INDEX[name]]:
            found.append(Flag("expected", (name,), "was not found at the place that the other bones suggest"))
    return found


def _same_place(masks: BoneMasks) -> list[Flag]:
    shared, areas, found = masks.intersections(), masks.areas(), []
    for a, b in combinations(np.flatnonzero(masks.present()).tolist(), 2):
        share = shared[a, b] / min(areas[a], areas[b])
        if share > _SAME_PLACE and frozenset((a, b)) not in _MAY_OVERLAP:
            names = anatomy.NAMES[a], anatomy.NAMES[b]
            found.append(Flag("same-place", names, f"{share:.0%} of the smaller bone overlaps the other"))
    return found


def _apart(polygons: dict[int, list[np.ndarray]], unit: float) -> list[Flag]:
    found = []
    for first, second in sorted(anatomy.NEIGHBOURS):
        a, b = anatomy.INDEX[first], anatomy.INDEX[second]
        if a in polygons and b in polygons:
            gap = _gap(np.concatenate(polygons[a]), np.concatenate(polygons[b])) / unit
            if gap > _APART:
                found.append(Flag("apart", (first, second), f"lie {gap:.1f} lengths of a metacarpal apart"))
    return found


def _gap(points: np.ndarray, others: np.ndarray) -> float:
    points, others = (p[:: max(1, len(p) // 80)].astype(float) for p in (points, others))
    return float(np.sqrt(((points[:, None] - others[None]) ** 2).sum(-1).min()))
