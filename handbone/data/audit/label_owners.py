"""Whose labels these are, where those of an image lie on another image's bones."""

from collections.abc import Sequence

import numpy as np

_LIES_ON = 0.05  # median distance of bones, over the hand's extent
_CLEARLY = 0.5  # times the distance in the image that has the labels
_ENOUGH = 12  # bones in common


def owner_of(number: int, places: Sequence[np.ndarray | None]) -> int | None:
    """The number of the image whose bones an image's labels lie on; None where that is itself, or none of them.

    Parameters
    ----------
    number: of the image that has the labels.
    places: of every image (2, 29, 2), centroids of the labels and of the bones that weights see; NaN where there is no
        bone. None for an image that could not be read.
    """
    if (place := places[number]) is None:
        return None
    labels, own = place
    limit = min(_LIES_ON, _CLEARLY * distance(labels, own))
    others = ((other, place[1]) for other, place in enumerate(places) if other != number and place is not None)
    near = [(away, other) for other, seen in others if (away := distance(labels, seen)) < limit]
    return min(near)[1] if near else None


def distance(labels_xy: np.ndarray, seen_xy: np.ndarray) -> float:
    """The median distance of bones (29, 2) over the extent of the hand; infinite with too few bones in common."""
    both = ~np.isnan(labels_xy[:, 0]) & ~np.isnan(seen_xy[:, 0])
    if both.sum() < _ENOUGH:
        return float("inf")
    extent = np.sqrt(((seen_xy[both] - seen_xy[both].mean(0)) ** 2).sum(1).mean())
    return float(np.median(np.linalg.norm(labels_xy[both] - seen_xy[both], axis=1)) / max(extent, 1e-9))
