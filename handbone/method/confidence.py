"""How likely each mask of an outcome is right: calibrated where the weights are, else what the networks say."""

import numpy as np

from handbone.anatomy import NAMES
from handbone.core.bone_masks import BoneMasks
from handbone.core.bone_probabilities import BoneProbabilities
from handbone.method.two_stage import MethodResult


def confidences(probabilities: BoneProbabilities, masks: BoneMasks) -> dict[str, float]:
    """Mean probability inside each bone's mask, by bone name; bones without a mask have no entry."""
    values = {}
    for bone in np.flatnonzero(masks.present()):
        (left, top, right, bottom), (x, y) = masks.boxes_xyxy[bone], probabilities.boxes_xyxy[bone][:2]
        inside = probabilities.crops[bone][top - y : bottom - y, left - x : right - x][masks.crops[bone]]
        values[NAMES[bone]] = round(float(inside.mean()) / 255, 4)
    return values


def confidence_of(outcome: MethodResult, masks: BoneMasks) -> dict[str, float]:
    """Name of each bone that was found to the probability that its mask is good, and that there is a hand at all.

    The probability is the calibrated one of a Dice of .8 where the weights have one, else that of the bone's presence,
    else the mean probability inside the mask.
    """
    hand = 1.0 if outcome.hand is None else outcome.hand.probability
    calibrated = outcome.presence if outcome.confidence is None else outcome.confidence
    if calibrated is None:
        values = confidences(outcome.final, masks)
    else:
        values = {NAMES[bone]: float(calibrated[bone]) for bone in np.flatnonzero(masks.present())}
    return {name: round(value * hand, 4) for name, value in values.items()}
