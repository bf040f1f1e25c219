"""Distances between the boundaries of two sets of masks, exact and fast for bones of any size and shape.

Work is confined to the box around both masks of a bone. Where the masks fill much of it, distances come from distance
transforms. Where the box is mostly empty, as around a false speck far from the bone, they come from a k-d tree
(Bentley, 1975) of boundary pixels. Both are exact.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from scipy.ndimage import distance_transform_edt
from scipy.spatial import KDTree

from handbone import anatomy
from handbone.core.bone_masks import BoneMasks
from handbone.core.box import Box
from handbone.core.errors import ShapeError

#: Width in pixels of the bands that boundary IoU compares.
BAND_PX = 2.0
_CROSS = cv2.getStructuringElement(cv2.MORPH_CROSS, (3, 3))
# A box of more pixels for each of the masks' is mostly empty. Bones of one place have 2 to 6.
_MOSTLY_EMPTY = 16


@dataclass(frozen=True, eq=False)
class Boundaries:
    """The distances between one bone's two boundaries.

    Parameters
    ----------
    there, back: distances from each boundary pixel of the ground truth to the masks' boundary, and the other way; in
        pixels, or in the unit of the pixel's size. Where one side is empty the other's distances are infinite; where
        both are, there are none.
    shared_band, either_band: pixels of both inner bands, and of either.
    """

    there: np.ndarray
    back: np.ndarray
    shared_band: int
    either_band: int


def compare_boundaries(
    ground_truth: BoneMasks,
    masks: BoneMasks,
    *,
    band_px: float = BAND_PX,
    pixel_hw: tuple[float, float] = (1.0, 1.0),
) -> list[Boundaries]:
    """The boundaries of the 29 bones, from which all boundary metrics are computed.

    Parameters
    ----------
    band_px: width of the inner bands, always in pixels.
    pixel_hw: distance from row to row and from column to column; distances are in this unit.

    Raises
    ------
    ShapeError: for masks of images of different sizes.
    """
    refuse_other_image(ground_truth, masks)
    return [_compare(ground_truth, masks, bone, band_px, pixel_hw) for bone in range(anatomy.COUNT)]


def refuse_other_image(ground_truth: BoneMasks, masks: BoneMasks) -> None:
    """ShapeError for masks of images of different sizes."""
    if ground_truth.size_hw != masks.size_hw:
        raise ShapeError("the masks' image", f"{ground_truth.size_hw} like the ground truth's", masks.size_hw)


def _compare(
    ground_truth: BoneMasks, masks: BoneMasks, bone: int, band_px: float, pixel_hw: tuple[float, float]
) -> Boundaries:
    box = Box.around([ground_truth.boxes_xyxy[bone].tolist(), masks.boxes_xyxy[bone].tolist()])
    pixels = sum(int(np.count_nonzero(each.crops[bone])) for each in (ground_truth, masks))
    compare = _compare_points if box.size_hw[0] * box.size_hw[1] > _MOSTLY_EMPTY * pixels else _compare_in_box
    return compare(ground_truth, masks, bone, box, band_px, pixel_hw)


def _compare_in_box(
    ground_truth: BoneMasks, masks: BoneMasks, bone: int, box: Box, band_px: float, pixel_hw: tuple[float, float]
) -> Boundaries:
    """By the distance of every pixel of the box to the nearest boundary pixel."""
    whole, other_whole = (box.cut(each.crops[bone], each.boxes_xyxy[bone].tolist()) for each in (ground_truth, masks))
    first, second = _boundary(whole), _boundary(other_whole)
    depth, other_depth = _to_boundary(first), _to_boundary(second)
    band, other_band = whole & (depth < band_px), other_whole & (other_depth < band_px)
    shared = int(np.count_nonzero(band & other_band))
    either = int(np.count_nonzero(band)) + int(np.count_nonzero(other_band)) - shared
    if pixel_hw != (1.0, 1.0):
        depth, other_depth = _to_boundary(first, pixel_hw), _to_boundary(second, pixel_hw)
    return Boundaries(other_depth[first], depth[second], shared, either)


def _compare_points(
    ground_truth: BoneMasks, masks: BoneMasks, bone: int, box: Box, band_px: float, pixel_hw: tuple[float, float]
) -> Boundaries:
    """By the distance of every boundary pixel to the nearest of the other boundary."""
    (first, band), (second, other_band) = (_outline(each, bone, band_px) for each in (ground_truth, masks))
    shared = len(np.intersect1d(band, other_band, assume_unique=True))
    either = len(band) + len(other_band) - shared
    return Boundaries(_to_points(first, second, pixel_hw), _to_points(second, first, pixel_hw), shared, either)


def _boundary(whole: np.ndarray) -> np.ndarray:
    """The boundary pixels of a mask, bool (h, w); beyond its edges nothing is bone."""
    if not whole.size:
        return whole
    pixels = whole.view(np.uint8)
    return pixels != cv2.erode(pixels, _CROSS, borderType=cv2.BORDER_CONSTANT, borderValue=0)


def _to_boundary(boundary: np.ndarray, pixel_hw: tuple[float, float] = (1.0, 1.0)) -> np.ndarray:
    """The distance of every pixel to the nearest boundary pixel, (h, w); infinite without any."""
    if not boundary.any():
        return np.full(boundary.shape, np.inf, np.float32)
    if pixel_hw != (1.0, 1.0):
        return distance_transform_edt(~boundary, sampling=pixel_hw)
    return cv2.distanceTransform((~boundary).view(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)


def _to_points(points: np.ndarray, others: np.ndarray, pixel_hw: tuple[float, float]) -> np.ndarray:
    """The distance of each point, rows and columns (n, 2), to the nearest of the others; infinite without any."""
    if not len(points) or not len(others):
        return np.full(len(points), np.inf)
    return KDTree(others * pixel_hw).query(points * pixel_hw)[0]


def _outline(masks: BoneMasks, bone: int, band_px: float) -> tuple[np.ndarray, np.ndarray]:
    """A bone's boundary pixels as (n, 2) rows and columns of the image, and its inner band as numbers of pixels."""
    crop, (left, top) = masks.crops[bone], masks.boxes_xyxy[bone, :2].tolist()
    # Pixels of two parts stay farther apart than a band is wide, so that the bands stay as they are.
    rows, columns = (_near_bone(np.any(crop, axis=axis), int(np.ceil(band_px)) + 1) for axis in (1, 0))
    crop = crop[np.ix_(rows, columns)]
    boundary = _boundary(crop)
    at_row, at_column = np.nonzero(boundary)
    band_row, band_column = np.nonzero(crop & (_to_boundary(boundary) < band_px))
    numbers = (rows[band_row] + top) * masks.size_hw[1] + columns[band_column] + left
    return np.column_stack([rows[at_row] + top, columns[at_column] + left]), numbers


def _near_bone(filled: np.ndarray, margin: int) -> np.ndarray:
    """The indices of lines that hold any pixel of the bone or lie within a margin of one."""
    if filled.all():
        return np.arange(len(filled))
    reach = np.convolve(filled, np.ones(2 * margin + 1, np.int64))[margin : margin + len(filled)]
    return np.flatnonzero(reach)
