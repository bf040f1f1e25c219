"""The median of probabilities, which a single bad member changes less than the mean."""

from collections.abc import Mapping

import numpy as np
from handbone.anatomy import COUNT
from handbone.core.bone_probabilities import BoneProbabilities
from handbone.core.box import Box
from handbone.core.errors import HandboneError


def median(members: Mapping[str, BoneProbabilities]) -> BoneProbabilities:
    """The pixel-wise median of the members' probabilities, bone by bone; of two members, their mean.

    Parameters
    ----------
    members: name to probabilities of one image.

    Raises
    ------
    HandboneError: the members' images differ in size.
    """
    sizes = {each.size_hw for each in members.values()}
    if len(sizes) != 1:
        told = f"the members' images differ in size ({sorted(sizes)})"
        raise HandboneError(told, remedy="predict the same images")
    parts = []
    for bone in range(COUNT):
        # Only inside the box around all members' masks: 29 planes of the whole image would be large.
        box = Box.around(each.boxes_xyxy[bone].tolist() for each in members.values())
        planes = np.zeros((len(members), box[3] - box[1], box[2] - box[0]), np.uint8)
        for plane, each in zip(planes, members.values(), strict=True):
            left, top, right, bottom = each.boxes_xyxy[bone].tolist()
            if left < right:
                plane[top - box[1] : bottom - box[1], left - box[0] : right - box[0]] = each.crops[bone]
        parts.append((np.rint(np.median(planes, axis=0)).astype(np.uint8), box))
    return BoneProbabilities.from_crops(parts, sizes.pop())
