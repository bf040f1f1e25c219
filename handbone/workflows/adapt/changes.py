"""What adapted weights change in the masks of radiographs, by bone and by radiograph."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from handbone.anatomy import COUNT, INDEX, NAMES
from handbone.core.bone_masks import BoneMasks, shared_area
from handbone.workflows.adapt.judging import Outlined


@dataclass(frozen=True)
class BoneChange:
    """What changed of one bone over all radiographs.

    Parameters
    ----------
    bone: its name.
    changed: pixels that one of the two masks has alone, as a share of those that any has; NaN where none was found.
    area_ratio: area after as a share of the area before; NaN where there was none before.
    found_before, found_after: radiographs in which it has a mask.
    flags_before, flags_after: flags that concern it.
    """

    bone: str
    changed: float
    area_ratio: float
    found_before: int
    found_after: int
    flags_before: int
    flags_after: int

    def to_json(self) -> dict[str, Any]:
        """The change as JSON values, null for what cannot be told."""
        return {key: None if value != value else value for key, value in asdict(self).items()}


@dataclass(frozen=True)
class RadiographChange:
    """What changed in one radiograph; `error` where it could not be read."""

    name: str
    changed: float = 0.0
    flags_before: int = 0
    flags_after: int = 0
    error: str | None = None


@dataclass(frozen=True, eq=False)
class Changes:
    """All changes: one entry per bone, in anatomy order, and one per radiograph, in the order given."""

    bones: tuple[BoneChange, ...]
    radiographs: tuple[RadiographChange, ...]

    @property
    def flags_before(self) -> int:
        """Flags on all radiographs with the weights that were given."""
        return sum(each.flags_before for each in self.radiographs)

    @property
    def flags_after(self) -> int:
        """Flags on all radiographs with the adapted weights."""
        return sum(each.flags_after for each in self.radiographs)


def compare(names: Sequence[str], pairs: Iterable[tuple[Outlined, Outlined]]) -> Changes:
    """What changed from the first to the second of each pair; pairs are taken one at a time."""
    pixels, found = np.zeros((4, COUNT)), np.zeros((2, COUNT), int)
    flagged: tuple[Counter[int], Counter[int]] = Counter(), Counter()
    radiographs = []
    for name, (before, after) in zip(names, pairs, strict=True):
        if before.masks is None or after.masks is None:
            radiographs.append(RadiographChange(name, error=before.error or after.error))
            continue
        counted = _pixels(before.masks, after.masks)
        pixels += counted
        found += before.masks.present(), after.masks.present()
        for counter, side in zip(flagged, (before, after), strict=True):
            counter.update(INDEX[bone] for _, bones in side.flags for bone in bones)
        share = counted[0].sum() / max(counted[1].sum(), 1)
        radiographs.append(RadiographChange(name, round(float(share), 4), len(before.flags), len(after.flags)))
    bones = tuple(
        BoneChange(
            NAMES[bone],
            _ratio(pixels[0, bone], pixels[1, bone]),
            _ratio(pixels[3, bone], pixels[2, bone]),
            int(found[0, bone]),
            int(found[1, bone]),
            flagged[0][bone],
            flagged[1][bone],
        )
        for bone in range(COUNT)
    )
    return Changes(bones, tuple(radiographs))


def _pixels(before: BoneMasks, after: BoneMasks) -> np.ndarray:
    """(4, 29) pixels of each bone: in one mask alone, in any, before, after."""
    shared = np.array([shared_area(before, bone, after, bone) for bone in range(COUNT)])
    areas = before.areas(), after.areas()
    either = areas[0] + areas[1] - shared
    return np.stack([either - shared, either, *areas]).astype(float)


def _ratio(part: float, whole: float) -> float:
    return round(float(part / whole), 4) if whole else float("nan")
