"""Contours that are there twice: one bone under two names, twice under one name, or two bones under one name."""

from itertools import combinations

import numpy as np

from handbone.anatomy import NAMES
from handbone.data.audit.label_evidence import LabelError, LabelEvidence, two_digits
from handbone.data.audit.label_overlap import dice, dice_table, part

# Pisiform and Triquetrum, one behind the other in many radiographs, reach a Dice of .78.
_SAME_OUTLINE = 0.85
_SAME_POLYGON = 0.6
_LIES_ON, _TOUCHES = 0.5, 0.3
_HALVES = 0.15  # share of a bone's area below which a second contour is a fragment or an epiphysis
_APART = 0.3  # parts of one bone are not farther apart, in lengths of the third metacarpal
_HARMLESS = 0.1  # severity of a contour drawn twice, which changes no mask


def find_doubles(evidence: LabelEvidence) -> tuple[list[LabelError], set[int]]:
    """Doubled contours, and the bones whose labels they make unusable for any other comparison."""
    errors = _two_names(evidence)
    unusable = {bone for error in errors for bone in error.bones}
    for bone, polygons in evidence.polygons.items():
        if len(polygons) > 1 and bone not in unusable:
            found = _several_polygons(evidence, bone)
            errors += found
            unusable |= {b for error in found if error.severity > _HARMLESS for b in error.bones}
    return errors, unusable


def _two_names(evidence: LabelEvidence) -> list[LabelError]:
    found = []
    among = dice_table(evidence.labels, evidence.labels)
    for a, b in np.argwhere(np.triu(among >= _SAME_OUTLINE, 1)).tolist():
        same = float(among[a, b])
        if dice(evidence.predicted, a, evidence.predicted, b) > same - 0.2:
            continue
        right, wrong = (a, b) if evidence.own[a] >= evidence.own[b] else (b, a)
        message = (
            f"one contour has two names, {NAMES[right]} and {NAMES[wrong]} (Dice {two_digits(same)} with each other)"
        )
        if evidence.seen[[a, b]].any():
            fits = ", ".join(f"{two_digits(evidence.own[bone])} with {NAMES[bone]}" for bone in (right, wrong))
            message += f"; by the weights it fits {fits}"
        found.append(LabelError("doubled", (a, b), 1.0 - float(evidence.own[wrong]), message))
    return found


def _several_polygons(evidence: LabelEvidence, bone: int) -> list[LabelError]:
    polygons, name = evidence.polygons[bone], NAMES[bone]
    masks = [part([polygon], bone, evidence.labels.size_hw) for polygon in polygons]
    twice = max((dice(one, bone, other, bone) for one, other in combinations(masks, 2)), default=0.0)
    found = []
    if twice >= _SAME_POLYGON:
        message = (
            f"{name} is outlined {len(polygons)} times, twice in one place (Dice {two_digits(twice)} with each other)"
        )
        found.append(LabelError("doubled", (bone,), _HARMLESS, message))
    areas = [int(mask.areas()[bone]) for mask in masks]
    table = np.array([dice_table(mask, evidence.predicted)[bone] for mask in masks])
    # Where no contour lies on the bone, the weights may have named it wrongly.
    found_here = table[:, bone].max() >= _TOUCHES
    for polygon, fits, area in zip(polygons, table, areas, strict=True):
        other = int(fits.argmax())
        sure = found_here or evidence.own[other] >= evidence.low > 0
        if other != bone and sure and fits[other] >= max(_LIES_ON, fits[bone] + 0.2):
            message = (
                f"one of {len(polygons)} contours of {name} lies on {NAMES[other]} (Dice {two_digits(fits[other])})"
            )
            message += "" if evidence.labelled[other] else ", which has no label"
            found.append(LabelError("doubled", tuple(sorted((bone, other))), float(fits[other]), message))
        elif (
            found_here
            and area >= _HALVES * max(areas)
            and (gap := evidence.gap([polygon], bone)) > _APART * evidence.unit
        ):
            message = f"one of {len(polygons)} contours of {name} is {gap:.0f} pixels from its predicted mask"
            found.append(LabelError("doubled", (bone,), area / sum(areas), message))
    return found
