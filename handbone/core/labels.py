"""The labels of one image: contours of bones in the image's pixels, and problems found while reading."""

from dataclasses import dataclass, field

import numpy as np

from handbone.core.bone_masks import BoneMasks
from handbone.core.findings import Finding
from handbone.core.polygons import Polygons, polygon_centroids_xy


@dataclass(frozen=True, eq=False)
class Labels:
    """Contours of one image's bones.

    Parameters
    ----------
    size_hw: height and width of the image as stored.
    polygons: bone index to closed contours, each (n, 2) float32 points (x, y) with n >= 3; a bone without a contour has
        no entry. Points may lie outside the image. Several polygons of one bone are one mask.
    problems: what was found while reading.
    exact: the masks of a file that holds masks, where its contours alone would fill holes; None elsewhere.
    """

    size_hw: tuple[int, int]
    polygons: Polygons
    problems: tuple[Finding, ...] = field(default=())
    exact: BoneMasks | None = None

    def masks(self) -> BoneMasks:
        """The 29 masks on the image's own grid: those of the file, or its contours filled."""
        return BoneMasks.from_polygons(self.polygons, self.size_hw) if self.exact is None else self.exact

    def centroids_xy(self) -> np.ndarray:
        """(29, 2) float64 centroids of the contours' areas; NaN where a bone has none."""
        return polygon_centroids_xy(self.polygons)
