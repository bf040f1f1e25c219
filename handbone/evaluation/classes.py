"""What is scored: bones, and unions of bones where labels merge several in one class."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from handbone import anatomy
from handbone.core.bone_masks import BoneMasks
from handbone.core.box import Box
from handbone.core.errors import HandboneError
from handbone.recipe.class_map import UNION, ClassMap


@dataclass(frozen=True)
class ScoredClass:
    """One bone, or several that are scored as their union.

    Parameters
    ----------
    bones: indices. Tables of all bones hold the union in the place of the first.
    """

    bones: tuple[int, ...]

    @property
    def first(self) -> str:
        """The bone in whose place it stands."""
        return anatomy.NAMES[self.bones[0]]

    @property
    def name(self) -> str:
        """ "Lunate", or "Triquetrum+Pisiform"."""
        return UNION.join(anatomy.NAMES[bone] for bone in self.bones)


def scored_classes(class_map: ClassMap | None = None, wanted: str = "all") -> tuple[ScoredClass, ...]:
    """The classes to score, in anatomy order.

    Parameters
    ----------
    class_map: of the labels; without one every bone is a class.
    wanted: bones and groups, as `anatomy.select` takes them.

    Raises
    ------
    HandboneError: a bone in two merged classes, an unknown bone or group, or no class at all.
    """
    chosen = set(anatomy.select(wanted))
    known = list(class_map.classes.values()) if class_map else []
    merged = dict.fromkeys(bones for bones in known if len(bones) > 1)
    together = [bone for bones in merged for bone in bones]
    for bone in together:
        if together.count(bone) > 1:
            remedy = "let one class hold it"
            what = f"two merged classes hold {anatomy.NAMES[bone]}"
            raise HandboneError(what, where=class_map.name if class_map else None, remedy=remedy)
    labelled = {bone for bones in known for bone in bones}
    alone = labelled if class_map and class_map.complete else set(range(anatomy.COUNT))
    found = [ScoredClass(bones) for bones in merged] + [ScoredClass((bone,)) for bone in alone - set(together)]
    found = [each for each in found if chosen.intersection(each.bones)]
    if not found:
        raise HandboneError(f"the labels have none of {wanted!r}", remedy="choose other bones or groups")
    return tuple(sorted(found, key=lambda each: each.bones[0]))


def in_classes(masks: BoneMasks, classes: Sequence[ScoredClass]) -> BoneMasks:
    """The masks of the classes, each in the place of its first bone; all other bones are empty."""
    parts = {each.bones[0]: _union(masks, each.bones) for each in classes}
    return BoneMasks.from_crops(parts, masks.size_hw)


def _union(masks: BoneMasks, bones: tuple[int, ...]) -> tuple[np.ndarray, tuple[int, int]]:
    boxes = [masks.boxes_xyxy[bone].tolist() for bone in bones]
    if len(bones) == 1:
        return masks.crops[bones[0]], (boxes[0][0], boxes[0][1])
    around = Box.around(boxes)
    parts = [around.cut(masks.crops[bone], box) for bone, box in zip(bones, boxes, strict=True)]
    return np.logical_or.reduce(parts), (around.left, around.top)
