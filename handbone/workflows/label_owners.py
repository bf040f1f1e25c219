"""Whose labels these are, where those of an image lie on another image's bones."""

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from handbone.anatomy import COUNT
from handbone.data.audit.label_evidence import LabelError

if TYPE_CHECKING:
    from handbone.workflows.check_labels import LabelCheck

_LIES_ON = 0.05  # median distance of bones, over the hand's extent
_CLEARLY = 0.5  # times the distance in the image that has the labels
_ENOUGH = 12  # bones in common


def with_owners(checks: "Sequence[LabelCheck]") -> "list[LabelCheck]":
    """The checks; where the labels of an image lie on the bones of another one, that is its only error."""
    found = []
    for check in checks:
        owner = _owner(check, checks) if check.errors else None
        if owner is not None:
            bones = tuple(np.flatnonzero(~np.isnan(check.places[0, :, 0])).tolist())
            message = f"the labels are those of {owner.sample.name}"
            check = replace(check, errors=(LabelError("other-image", bones, float(COUNT), message),))
        found.append(check)
    return found


def _owner(check: "LabelCheck", checks: "Sequence[LabelCheck]") -> "LabelCheck | None":
    """The check of the image whose bones the labels lie on; None where that is their own or no one's."""
    limit = min(_LIES_ON, _CLEARLY * distance(*check.places))
    others = (other for other in checks if other is not check and other.places is not None)
    near = [(away, other) for other in others if (away := distance(check.places[0], other.places[1])) < limit]
    return min(near, key=lambda pair: pair[0])[1] if near else None


def distance(labels_xy: np.ndarray, seen_xy: np.ndarray) -> float:
    """The median distance of bones (29, 2) over the extent of the hand; infinite with too few bones in common."""
    both = ~np.isnan(labels_xy[:, 0]) & ~np.isnan(seen_xy[:, 0])
    if both.sum() < _ENOUGH:
        return float("inf")
    extent = np.sqrt(((seen_xy[both] - seen_xy[both].mean(0)) ** 2).sum(1).mean())
    return float(np.median(np.linalg.norm(labels_xy[both] - seen_xy[both], axis=1)) / max(extent, 1e-9))
