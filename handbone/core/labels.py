"""The labels of one picture: outlines of bones in the picture's own pixels, and what was odd about them."""

from dataclasses import dataclass, field

import numpy as np

from handbone.core.bone_masks import BoneMasks
from handbone.core.findings import Finding
from handbone.core.polygons import Rings, ring_centroids_xy


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
