"""What is wrong with an image's labels, by what trained weights see there: swapped, shifted, missing, doubled bones.

The weights err, too. Every threshold is therefore relative to how well they fit the rest of the same image and to
how sure they are of a bone; where they fit little of a plausible labelling, they are said not to judge it.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from handbone import anatomy
from handbone.anatomy import NAMES
from handbone.core.bone_masks import BoneMasks
from handbone.core.polygons import Polygons
from handbone.data.audit.label_doubles import find_doubles
from handbone.data.audit.label_evidence import LabelError, LabelEvidence, two_digits
from handbone.data.audit.label_fit import misframed
from handbone.data.audit.label_overlap import dice, moved
from handbone.data.audit.label_rules import extra, misplaced, missing
from handbone.data.audit.label_swaps import Swap, find_swaps, swapped_by_geometry

__all__ = ["LabelError", "compare_labels"]

_DOUBTFUL = 0.85  # median Dice of labels and what the weights see, below which another frame is tried
_SEEN, _SURE = 20, 0.8  # bones of a hand that the weights surely see, and their median confidence
_MISNAMED = 4  # bones that they may name otherwise than a hand has them
_ENOUGH = 6  # labels from which an image's usual fit means something
_JUDGED = 0.6  # share of the labels that have to fit something
_WRONGLY_NAMED = 0.3  # share of the labels that the weights may name otherwise than plausible labels do
_NAMED = 4  # labels that a message names; the image shows all


def compare_labels(
    labels: Polygons | BoneMasks, predicted: BoneMasks, confidence: Mapping[int, float] | np.ndarray
) -> list[LabelError]:
    """What is wrong with the labels of one image.

    Parameters
    ----------
    labels: bone index to contours (n, 2) in the image, or masks of the image's size (in which a contour drawn
        twice cannot be seen).
    predicted: what the weights see.
    confidence: of each bone, by index or (29,), 0 to 1; bones that are not named count as 0.

    Returns
    -------
    Errors, the worst first. An error of the kind "not-judged" says that the weights cannot judge the image, and only
    "doubled" may stand beside it.

    Raises
    ------
    ShapeError: masks of another size, or confidences that are not of 29 bones.
    """
    evidence = LabelEvidence.of(labels, predicted, confidence)
    errors, told = find_doubles(evidence)
    whole = _whole_image(evidence)
    errors += [whole] if whole else _by_bone(evidence, told)
    return sorted(errors, key=lambda error: -error.severity)


def _whole_image(evidence: LabelEvidence) -> LabelError | None:
    """What concerns all labels at once, so that nothing more can be said of single ones."""
    count, fitting = int(evidence.labelled.sum()), int(evidence.fitting.sum())
    if count < _ENOUGH:
        return None
    usual = np.median(evidence.own[evidence.labelled])
    if usual < _DOUBTFUL and (error := misframed(evidence)):
        return error
    if usual < _JUDGED and (error := _all_shifted(evidence)):
        return error
    if fitting >= _JUDGED * count:
        return None
    said = f"the weights find only {fitting} of the {count} contours, under any name"
    swapped = sorted(swapped_by_geometry(evidence.polygons))
    if swapped:
        message = f"the labels of {_names(swapped)} seem swapped, judging by their positions in the hand; {said}"
        return LabelError("swapped", tuple(swapped), float(len(swapped)), message)
    if _sees_a_hand(evidence):
        message = f"{said}, but surely a hand: the labels hang together and may be those of another image"
        return LabelError(
            "other-image", tuple(np.flatnonzero(evidence.labelled).tolist()), float(anatomy.COUNT), message
        )
    return LabelError("not-judged", (), 0.0, f"{said}, and the labels are consistent: the weights cannot assess them")


def _sees_a_hand(evidence: LabelEvidence) -> bool:
    """Whether the weights are sure of most bones, which hang together as those of a hand do."""
    seen = evidence.seen
    sure = seen.sum() >= _SEEN and np.median(evidence.confidence[seen]) >= _SURE
    return bool(sure) and len(swapped_by_geometry(evidence.predicted.polygons())) <= _MISNAMED


def _all_shifted(evidence: LabelEvidence) -> LabelError | None:
    both = np.flatnonzero(evidence.labelled & evidence.seen)
    if len(both) < _ENOUGH:
        return None
    offset = np.median((evidence.predicted.centroids_xy() - evidence.labels.centroids_xy())[both], axis=0)
    there = np.array([dice(moved(evidence.labels, b, offset), b, evidence.predicted, b) for b in both.tolist()])
    here = evidence.own[both]
    if np.median(there) < _JUDGED or np.median(there) - np.median(here) < 0.2:
        return None
    message = (
        f"all labels lie {abs(offset[0]):.0f} pixels too far {'left' if offset[0] > 0 else 'right'} and "
        f"{abs(offset[1]):.0f} too far {'up' if offset[1] > 0 else 'down'}: Dice {two_digits(np.median(here))}, "
        f"{two_digits(np.median(there))} when moved"
    )
    return LabelError("shifted", tuple(both.tolist()), float((there - here).sum()), message)


def _by_bone(evidence: LabelEvidence, told: set[int]) -> list[LabelError]:
    table = evidence.table.copy()
    for bone in told:
        table[bone] = 0
        table[bone, bone] = evidence.own[bone]
    swaps, misnamed = find_swaps(evidence.polygons, table, evidence.sure, evidence.fit)
    if not swaps and len(misnamed) > _WRONGLY_NAMED * evidence.labelled.sum():
        message = f"the weights name {len(misnamed)} bones differently, but the labels are more consistent"
        return [LabelError("not-judged", (), 0.0, f"{message}: the weights cannot assess them")]
    errors = [_swapped(evidence, swap) for swap in swaps]
    told = told.union(misnamed, *(swap.bones for swap in swaps))
    rest = [bone for bone in range(anatomy.COUNT) if bone not in told]
    found = [missing(evidence, rest), *(misplaced(evidence, b) or extra(evidence, b) for b in rest)]
    return [*errors, *(error for error in found if error)]


def _swapped(evidence: LabelEvidence, swap: Swap) -> LabelError:
    best = evidence.table.max(1)
    pairs = sorted(swap.lies_on.items(), key=lambda pair: evidence.own[pair[0]] - evidence.table[pair])
    message = ", ".join(_lies_on(evidence, a, b) for a, b in pairs[: _NAMED if len(pairs) <= _NAMED else 2])
    if len(pairs) > _NAMED:
        message = f"the labels of {_names(swap.bones)} are permuted: {message} and {len(pairs) - 2} more"
    loss = sum(max(best[a] - evidence.own[a], 0.0) for a in swap.lies_on)
    return LabelError("swapped", swap.bones, float(loss), message)


def _lies_on(evidence: LabelEvidence, label: int, bone: int) -> str:
    fits = float(evidence.table[label, bone])
    if fits < evidence.low:
        return f"{NAMES[label]}'s label lies where {NAMES[bone]} belongs"
    with_own = f"Dice {two_digits(evidence.own[label])} with its own"
    return f"{NAMES[label]}'s label lies on {NAMES[bone]} ({with_own}, {two_digits(fits)} with {NAMES[bone]})"


def _names(bones: Sequence[int]) -> str:
    shown = ", ".join(NAMES[b] for b in bones[: 2 * _NAMED])
    return shown + (f" and {len(bones) - 2 * _NAMED} more" if len(bones) > 2 * _NAMED else "")
