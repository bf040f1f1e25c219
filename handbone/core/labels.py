"""The labels of one picture: outlines of bones in the picture's own pixels, and what was odd about them."""

from collections.abc import Iterable
from dataclasses import dataclass, field

import cv2
import numpy as np

from handbone import anatomy
from handbone.core.bone_masks import BoneMasks
from handbone.core.errors import UnknownNameError
from handbone.core.findings import Finding

Rings = dict[int, list[np.ndarray]]


@dataclass(frozen=True, eq=False)
class Labels:
    """Outlines of one picture's bones.

    Parameters
    ----------
    size_hw: height and width of the picture as stored.
    rings: bone index to closed outlines, each (n, 2) float32 points (x, y) with n >= 3; a bone without an outline has
        no entry. Points may lie outside the picture. Several rings of one bone are one mask.
    problems: what was found while reading.
    """

    size_hw: tuple[int, int]
    rings: Rings
    problems: tuple[Finding, ...] = field(default=())

    def masks(self) -> BoneMasks:
        """The 29 masks, filled on the picture's own grid."""
        return BoneMasks.from_rings(self.rings, self.size_hw)

    def centroids_xy(self) -> np.ndarray:
        """(29, 2) float64 centroids of the outlines' areas; NaN where a bone has none."""
        return ring_centroids_xy(self.rings)


def ring_centroids_xy(rings: Rings) -> np.ndarray:
    """Centroids (29, 2) float64 of bones from their outlines, weighted by area; NaN where a bone has none."""
    centroids = np.full((anatomy.COUNT, 2), np.nan)
    for index, outlines in rings.items():
        moments = [cv2.moments(np.asarray(ring, np.float32)) for ring in outlines]
        area = sum(m["m00"] for m in moments)
        if area > 0:
            centroids[index] = (sum(m["m10"] for m in moments) / area, sum(m["m01"] for m in moments) / area)
        elif outlines:
            centroids[index] = np.concatenate(outlines).mean(0)
    return centroids


def ring_areas(rings: Rings) -> np.ndarray:
    """Areas (29,) float64 inside the outlines in square pixels; 0 where a bone has none."""
    areas = np.zeros(anatomy.COUNT)
    for index, outlines in rings.items():
        areas[index] = sum(cv2.contourArea(np.asarray(ring, np.float32)) for ring in outlines)
    return areas


class LabelsBuilder:
    """Gathers the outlines of one picture from annotations and notes what is odd about each.

    Parameters
    ----------
    file: the annotation file's path as findings shall name it.
    size_hw: size of the picture.
    class_map: foreign class names to bone names.
    """

    def __init__(self, file: str, size_hw: tuple[int, int], class_map: dict[str, str]):
        self._file, self._size_hw, self._class_map = file, size_hw, class_map
        self._rings: Rings = {}
        self._order: list[int] = []
        self._problems: list[Finding] = []

    def note(self, severity: str, rule: str, message: str, remedy: str) -> None:
        """Record a finding about this picture's annotation."""
        self._problems.append(Finding(severity, rule, self._file, message, remedy))

    def bone(self, label: object) -> int | None:
        """The bone index of a class name; None (and a finding) where it is unknown."""
        name = self._class_map.get(str(label), str(label))
        if name in anatomy.INDEX:
            return anatomy.INDEX[name]
        error = UnknownNameError("label", str(label), anatomy.NAMES)
        remedy = f"{error.remedy} Correct it, or map it in [data.class_map]; until then this annotation is left out"
        self.note("error", "unknown-label", error.what, remedy)
        return None

    def add(self, bone: int, ring: np.ndarray) -> None:
        """Add one outline (n, 2) of a bone."""
        name = anatomy.NAMES[bone]
        if ring.ndim != 2 or ring.shape[1] != 2 or len(ring) < 3 or not np.isfinite(ring).all():
            message = f"an outline of {name} is not a list of three or more points (x, y)"
            self.note("error", "broken-outline", message, "draw it again; until then this outline is left out")
            return
        low, high = ring.min(0), ring.max(0)
        height, width = self._size_hw
        if high[0] < 0 or high[1] < 0 or low[0] > width - 1 or low[1] > height - 1:
            message = f"an outline of {name} lies wholly outside the picture of {width} x {height}"
            self.note(
                "error", "outside-picture", message, "check that the outline belongs to this picture and its size"
            )
        elif (low < -1).any() or high[0] > width or high[1] > height:
            message = f"points of {name} lie outside the picture of {width} x {height}"
            self.note("warning", "points-outside", message, "nothing needs doing: the outline is clipped at the edge")
        self._order.append(bone)
        self._rings.setdefault(bone, []).append(ring.astype(np.float32))

    def finish(self, expected: Iterable[int] = range(anatomy.COUNT)) -> Labels:
        """The labels, with findings about the annotations as a whole."""
        missing = [anatomy.NAMES[b] for b in expected if b not in self._rings]
        if missing:
            message = f"no outline for {', '.join(missing)}"
            remedy = "outline them if they are visible; training takes them as absent from the picture"
            self.note("warning", "missing-bones", message, remedy)
        several = [anatomy.NAMES[b] for b in sorted(self._rings) if len(self._rings[b]) > 1]
        if several:
            message = f"several outlines for {', '.join(several)}"
            self.note("note", "several-outlines", message, "they are taken as one mask; check that none is mislabelled")
        if self._order != sorted(self._order):
            message = "annotations are not in the order of the bones"
            self.note("note", "unordered", message, "nothing needs doing: labels count, not positions")
        return Labels(self._size_hw, dict(sorted(self._rings.items())), tuple(self._problems))


def outlines_of_mask(mask: np.ndarray, offset_xy: tuple[int, int] = (0, 0)) -> list[np.ndarray]:
    """Outlines of a mask (H, W) that fill to the same mask again, holes apart.

    Returns
    -------
    (n, 2) float32 rings, n >= 3, shifted by `offset_xy`.
    """
    contours, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE, offset=offset_xy)
    rings = [contour[:, 0].astype(np.float32) for contour in contours]
    # A speck or a line of one pixel's width has fewer than three corners; repeating the last keeps it a ring.
    return [np.concatenate([r, np.repeat(r[-1:], 3 - len(r), 0)]) if len(r) < 3 else r for r in rings]
