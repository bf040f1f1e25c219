"""What can be wrong with the label of a single bone: not there, beside its bone, of another size, or on nothing."""

from collections.abc import Iterable

import numpy as np

from handbone import anatomy
from handbone.anatomy import INDEX, NAMES
from handbone.core.bone_masks import shared_area
from handbone.data.audit.label_evidence import NEIGHBOURS, LabelError, LabelEvidence, two_digits
from handbone.data.audit.label_overlap import dice, moved

_LEAST_SURE, _SURE, _VERY_SURE = 0.7, 0.8, 0.9  # of the usual confidence in this image
_CONFIDENT = 0.6  # of a bone without a label, whatever is usual
_NAMED = 4  # bones that a message names
_PLAUSIBLE = 1.0  # logarithm of an area's ratio to that in other hands
_SHIFT, _ELSEWHERE = 0.2, 0.6  # in sizes of the bone: with the right shape, with any shape
_GAIN = 0.25  # Dice that a label gains when moved to its bone
_ON_OTHER = 0.8  # share of a label on another bone
_ALONE = 0.5  # lengths of the third metacarpal from every neighbour
_BEHIND = {INDEX["Triquetrum"]: INDEX["Pisiform"], INDEX["Pisiform"]: INDEX["Triquetrum"]}
_FOREARM = {INDEX[name] for name in anatomy.GROUPS["forearm"]}


def missing(evidence: LabelEvidence, bones: Iterable[int]) -> LabelError | None:
    """Those of some bones that have no label although the weights surely see them where no other label is."""
    areas = evidence.predicted.areas()
    lost = [
        bone
        for bone in bones
        if evidence.seen[bone]
        and not evidence.labelled[bone]
        and evidence.sure[bone] >= _LEAST_SURE
        and evidence.confidence[bone] >= _CONFIDENT
        and evidence.hangs_on(bone)
        and not evidence.taken(bone)
        # The image's edge cuts the forearm anywhere.
        and (bone in _FOREARM or evidence.stray(bone, areas[bone]) < _PLAUSIBLE)
    ]
    if not lost:
        return None
    said = ", ".join(f"{NAMES[b]} (confidence {two_digits(evidence.confidence[b])})" for b in lost[:_NAMED])
    said += f" and {len(lost) - _NAMED} more" if len(lost) > _NAMED else ""
    severity = float(evidence.confidence[lost].sum())
    return LabelError("missing", tuple(lost), severity, f"no label, but the weights see {said}")


def misplaced(evidence: LabelEvidence, bone: int) -> LabelError | None:
    """A label beside its bone, or much larger or smaller than the bone that the weights surely see."""
    own, sure = float(evidence.own[bone]), evidence.sure[bone]
    if not evidence.labelled[bone] or sure < _SURE or own >= evidence.low:
        return None
    if evidence.taken(bone) or not evidence.hangs_on(bone):
        return None
    seen_area = int(evidence.predicted.areas()[bone])
    offset = evidence.predicted.centroids_xy()[bone] - evidence.labels.centroids_xy()[bone]
    distance = float(np.hypot(*offset))
    sizes = distance / np.sqrt(seen_area)
    there = dice(moved(evidence.labels, bone, offset), bone, evidence.predicted, bone)
    same_shape = there >= max(evidence.low, own + _GAIN) and sizes >= _SHIFT
    if same_shape or (own < 0.2 and sizes >= _ELSEWHERE and sure >= _VERY_SURE):
        message = (
            f"{NAMES[bone]}'s label lies {distance:.0f} pixels ({sizes:.1f} of the bone's size) from where the weights "
            f"see the bone: Dice {two_digits(own)}, {two_digits(there)} when moved there"
        )
        return LabelError("shifted", (bone,), float(max(there, evidence.fit) - own), message)
    return _odd_outline(evidence, bone, int(evidence.labels.areas()[bone]) / seen_area)


def _odd_outline(evidence: LabelEvidence, bone: int, ratio: float) -> LabelError | None:
    areas, seen_areas = evidence.labels.areas(), evidence.predicted.areas()
    likelier = evidence.stray(bone, seen_areas[bone]) < min(evidence.stray(bone, areas[bone]), _PLAUSIBLE)
    if 0.5 <= ratio <= 2 or not likelier or evidence.sure[bone] < _VERY_SURE or bone in _FOREARM:
        return None
    own = float(evidence.own[bone])
    message = f"{NAMES[bone]}'s label has {ratio:.1f} times the predicted area: Dice {two_digits(own)}"
    return LabelError("odd-outline", (bone,), float(evidence.fit - own), message)


def extra(evidence: LabelEvidence, bone: int) -> LabelError | None:
    """A label on another bone that has its own, or far from all neighbours, where the weights see no such bone."""
    if not evidence.labelled[bone] or evidence.seen[bone]:
        return None
    area = int(evidence.labels.areas()[bone])
    for other in np.flatnonzero(evidence.own >= max(evidence.low, 0.01)).tolist():
        share = shared_area(evidence.labels, bone, evidence.labels, other) / area
        if share >= _ON_OTHER and _BEHIND.get(bone) != other:
            place = f"{share:.0%} of {NAMES[bone]}'s label lie on that of {NAMES[other]}"
            message = f"{place}, and the weights find no {NAMES[bone]}"
            return LabelError("extra", (bone,), share, message)
    gaps = [evidence.gap(evidence.polygons[bone], other) for other in NEIGHBOURS[bone] if evidence.seen[other]]
    if len(gaps) > 1 and min(gaps) > _ALONE * evidence.unit:
        message = (
            f"{NAMES[bone]}'s label lies {min(gaps):.0f} pixels from every neighbour, where the weights find nothing"
        )
        return LabelError("extra", (bone,), 1.0, message)
    return None
