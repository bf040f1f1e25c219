"""What people changed between two sets of masks of the same images, bone by bone."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal

import numpy as np

from handbone.anatomy import COUNT, NAMES
from handbone.core.bone_masks import BoneMasks, shared_area
from handbone.core.errors import HandboneError
from handbone.core.progress import track
from handbone.workflows.masks.source import MaskSource
from handbone.workflows.matched_names import matched

#: What became of a bone; a renamed one has the mask that another bone had before.
Change = Literal["changed", "drawn", "removed", "renamed"]
_CHANGES: tuple[Change, ...] = ("changed", "drawn", "removed", "renamed")
# Dice from which a mask is another bone's earlier one, and under which it is not its own any more.
_SAME, _OTHER = 0.8, 0.5


@dataclass(frozen=True)
class BoneChange:
    """What became of one bone of one image; bones that stay as they were have none.

    Parameters
    ----------
    before, after: areas in pixels. added, removed: pixels.
    dice: of both masks; 0 where one is empty.
    bone_before: the bone whose mask a renamed one has now.
    """

    image: str
    bone: str
    change: Change
    before: int
    after: int
    added: int
    removed: int
    dice: float
    bone_before: str | None = None


#: Of the CSV.
COLUMNS = [field.name for field in fields(BoneChange)]


@dataclass(frozen=True)
class LabelDiff:
    """The changes from one set of masks to another.

    Parameters
    ----------
    changes: image by image, in the order of the bones.
    images: those that both have. only_old, only_new: those that one has alone.
    failed: image to the reason why it could not be compared.
    """

    changes: tuple[BoneChange, ...]
    images: tuple[str, ...]
    only_old: tuple[str, ...]
    only_new: tuple[str, ...]
    failed: dict[str, str]

    def to_json(self) -> dict[str, Any]:
        """Everything as JSON values."""
        return {
            "images": list(self.images),
            "changed_images": sorted({change.image for change in self.changes}),
            "only_old": list(self.only_old),
            "only_new": list(self.only_new),
            "failed": self.failed,
            "changes": [asdict(change) for change in self.changes],
        }


def diff_labels(old: MaskSource, new: MaskSource) -> LabelDiff:
    """Compare the images that two sources share; images are joined by their names, without extensions if need be.

    Raises
    ------
    HandboneError: they share no image.
    """
    pairs = matched(new.names, old.names)
    if not pairs:
        what = f"it shares no radiograph with {old.path}"
        raise HandboneError(what, where=new.path, remedy="compare labels of the same radiographs")
    changes: list[BoneChange] = []
    failed: dict[str, str] = {}
    for name, other in track(pairs.items(), "Comparing"):
        try:
            changes += changes_of(other, old.image(other).masks, new.image(name).masks)
        except HandboneError as error:  # one image must not cost the others
            failed[other] = str(error)
    images = tuple(sorted(set(pairs.values()) - failed.keys()))
    only_old = tuple(sorted(set(old.names) - set(pairs.values())))
    return LabelDiff(tuple(changes), images, only_old, tuple(sorted(set(new.names) - pairs.keys())), failed)


def changes_of(image: str, old: BoneMasks, new: BoneMasks) -> list[BoneChange]:
    """The changes of one image's bones.

    Raises
    ------
    HandboneError: the masks belong to images of different sizes.
    """
    if old.size_hw != new.size_hw:
        (height, width), (other_height, other_width) = old.size_hw, new.size_hw
        what = f"masks of {width} x {height} and of {other_width} x {other_height} pixels"
        raise HandboneError(what, where=image, remedy="compare labels of the same radiograph")
    before, after = old.areas(), new.areas()
    shared = np.array([shared_area(old, bone, new, bone) for bone in range(COUNT)])
    found = []
    for bone in np.flatnonzero((before != shared) | (after != shared)).tolist():
        dice = _dice(shared[bone], before[bone], after[bone])
        former = _former(bone, old, new, before, after) if dice < _OTHER else None
        change: Change = "removed" if not after[bone] else "drawn" if not before[bone] else "changed"
        found.append(
            BoneChange(
                image,
                NAMES[bone],
                "renamed" if former else change,
                before=int(before[bone]),
                after=int(after[bone]),
                added=int(after[bone] - shared[bone]),
                removed=int(before[bone] - shared[bone]),
                dice=round(dice, 4),
                bone_before=former,
            )
        )
    return found


def _former(bone: int, old: BoneMasks, new: BoneMasks, before: np.ndarray, after: np.ndarray) -> str | None:
    """The bone that a bone's mask belonged to before."""
    others = [
        (_dice(shared_area(old, other, new, bone), before[other], after[bone]), NAMES[other])
        for other in range(COUNT)
        if other != bone and before[other] and after[bone]
    ]
    dice, name = max(others, default=(0.0, ""))
    return name if dice >= _SAME else None


def _dice(shared: float, one: float, other: float) -> float:
    return float(2 * shared / (one + other)) if one + other else 1.0


def by_bone(changes: Sequence[BoneChange]) -> list[dict[str, Any]]:
    """A row a changed bone over all images: how often what happened, pixels, and the mean Dice; most changed first."""
    rows = []
    for bone in NAMES:
        own = [change for change in changes if change.bone == bone]
        if not own:
            continue
        kinds: dict[str, Any] = {kind: sum(one.change == kind for one in own) for kind in _CHANGES}
        pixels = {"added_px": sum(one.added for one in own), "removed_px": sum(one.removed for one in own)}
        rows.append({"bone": bone, **kinds, **pixels, "dice": float(np.mean([one.dice for one in own]))})
    return sorted(rows, key=lambda row: -(row["added_px"] + row["removed_px"]))
