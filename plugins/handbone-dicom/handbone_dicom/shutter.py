"""The display shutter (PS3.3 C.7.6.11): what lies outside of it is not to be shown."""

import cv2
import numpy as np
from pydicom.dataset import Dataset

#: Elements that are read.
TAGS = (
    "ShutterShape",
    "ShutterLeftVerticalEdge",
    "ShutterRightVerticalEdge",
    "ShutterUpperHorizontalEdge",
    "ShutterLowerHorizontalEdge",
    "CenterOfCircularShutter",
    "RadiusOfCircularShutter",
    "VerticesOfThePolygonalShutter",
)
# A shutter that leaves less than this of the image is a mistake of its header.
_LEAST = 0.02


def outside_shutter(dataset: Dataset, size_hw: tuple[int, int]) -> np.ndarray | None:
    """bool (H, W), what a shutter hides; None without one, or with one that cannot be meant."""
    shapes = dataset.get("ShutterShape") or ()
    shapes = [shapes] if isinstance(shapes, str) else list(shapes)
    inside = np.ones(size_hw, bool)
    try:
        for shape in shapes:
            inside &= _INSIDE[shape](dataset, size_hw)
    except (KeyError, TypeError, ValueError, AttributeError, cv2.error):
        return None
    return None if inside.all() or inside.mean() < _LEAST else ~inside


def _rectangle(dataset: Dataset, size_hw: tuple[int, int]) -> np.ndarray:
    # Rows and columns are counted from 1, and the edges belong to the image.
    rows, columns = np.arange(1, size_hw[0] + 1)[:, None], np.arange(1, size_hw[1] + 1)[None]
    left, right = int(dataset.ShutterLeftVerticalEdge), int(dataset.ShutterRightVerticalEdge)
    upper, lower = int(dataset.ShutterUpperHorizontalEdge), int(dataset.ShutterLowerHorizontalEdge)
    return (rows >= upper) & (rows <= lower) & (columns >= left) & (columns <= right)


def _circle(dataset: Dataset, size_hw: tuple[int, int]) -> np.ndarray:
    row, column = (int(value) for value in dataset.CenterOfCircularShutter)
    rows, columns = np.arange(1, size_hw[0] + 1)[:, None], np.arange(1, size_hw[1] + 1)[None]
    return (rows - row) ** 2 + (columns - column) ** 2 <= int(dataset.RadiusOfCircularShutter) ** 2


def _polygon(dataset: Dataset, size_hw: tuple[int, int]) -> np.ndarray:
    rows_columns = np.array(dataset.VerticesOfThePolygonalShutter, np.int64).reshape(-1, 2)
    limit = 4 * max(size_hw)
    points_xy = np.clip(rows_columns[:, ::-1] - 1, -limit, limit).astype(np.int32)
    return cv2.fillPoly(np.zeros(size_hw, np.uint8), [points_xy], 1).astype(bool)


_INSIDE = {"RECTANGULAR": _rectangle, "CIRCULAR": _circle, "POLYGONAL": _polygon}
