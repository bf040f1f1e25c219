"""The 29 overlapping masks of one image as a value, stored as crops inside each bone's bounding box."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from handbone import anatomy
from handbone.core import rle
from handbone.core.bone_crops import BoneCrops
from handbone.core.box import Box
from handbone.core.errors import HandboneError, ShapeError

NOTHING = np.zeros((0, 0), bool)


@dataclass(frozen=True, eq=False, repr=False)
class BoneMasks(BoneCrops):
    """The masks of all bones of an image; they may overlap.

    Create it with `from_dense`, `from_polygons`, `from_rle` or `from_crops`. They keep every box as small as its mask,
    so that equal masks are equal values.

    Parameters
    ----------
    size_hw: the image's height and width.
    boxes_xyxy: (29, 4) int32, left, top, right, bottom, half-open; zeros where a bone is absent.
    crops: 29 bool arrays, each the mask inside its box.
    """

    size_hw: tuple[int, int]
    boxes_xyxy: np.ndarray
    crops: tuple[np.ndarray, ...]

    def __post_init__(self) -> None:
        boxes = np.array(self.boxes_xyxy, np.int32)
        if boxes.shape != (anatomy.COUNT, 4):
            raise ShapeError("boxes_xyxy", f"({anatomy.COUNT}, 4)", boxes.shape)
        if len(self.crops) != anatomy.COUNT:
            raise ShapeError("crops", f"({anatomy.COUNT},)", (len(self.crops),))
        boxes.setflags(write=False)
        object.__setattr__(self, "size_hw", (int(self.size_hw[0]), int(self.size_hw[1])))
        object.__setattr__(self, "boxes_xyxy", boxes)
        object.__setattr__(self, "crops", tuple(self.crops))
        for crop, (left, top, right, bottom) in zip(self.crops, boxes.tolist(), strict=True):
            if crop.shape != (bottom - top, right - left):
                raise ShapeError("a bone's crop", str((bottom - top, right - left)), crop.shape)
            crop.setflags(write=False)

    @classmethod
    def from_crops(
        cls, crops: Mapping[int, tuple[np.ndarray, tuple[int, int]]], size_hw: tuple[int, int]
    ) -> "BoneMasks":
        """From parts of the image: bone index to (mask of the part, (left, top) of the part in the image)."""
        boxes = np.zeros((anatomy.COUNT, 4), np.int32)
        kept = [NOTHING] * anatomy.COUNT
        for index, (part, (left, top)) in crops.items():
            part = np.ascontiguousarray(part, dtype=bool)
            x, y, width, height = cv2.boundingRect(part.view(np.uint8)) if part.size else (0, 0, 0, 0)
            if width:
                boxes[_known(index)] = (left + x, top + y, left + x + width, top + y + height)
                kept[index] = part[y : y + height, x : x + width].copy()
        return cls(size_hw, boxes, tuple(kept))

    @classmethod
    def from_dense(cls, dense: np.ndarray) -> "BoneMasks":
        """From masks (29, H, W), where anything but zero is bone."""
        if dense.ndim != 3 or len(dense) != anatomy.COUNT:
            raise ShapeError("masks", f"({anatomy.COUNT}, H, W)", dense.shape)
        return cls.from_crops({index: (mask, (0, 0)) for index, mask in enumerate(dense)}, dense.shape[1:])

    @classmethod
    def from_polygons(cls, polygons: Mapping[int, Sequence[np.ndarray]], size_hw: tuple[int, int]) -> "BoneMasks":
        """From polygons, filled by the contest's rule: cv2.fillPoly on the image's own grid, contours included.

        Parameters
        ----------
        polygons: bone index to polygons (n, 2) of (x, y); several polygons of a bone are joined, what lies outside
            is cut off.

        Raises
        ------
        HandboneError: for a polygon that is not (n, 2) or not finite.
        """
        crops = {}
        for index, several in polygons.items():
            points = [_whole_pixels(polygon, index) for polygon in several if len(polygon)]
            if not points:
                continue
            every = np.concatenate(points)
            left, top = np.maximum(every.min(0), 0).tolist()
            right, bottom = np.minimum(every.max(0) + 1, size_hw[::-1]).tolist()
            if left >= right or top >= bottom:
                continue
            canvas = np.zeros((bottom - top, right - left), np.uint8)
            for polygon in points:
                # One call each: a single call for all would leave a hole where two polygons overlap.
                cv2.fillPoly(canvas, [polygon - (left, top)], 1)
            crops[index] = canvas.view(bool), (left, top)
        return cls.from_crops(crops, size_hw)

    @classmethod
    def from_rle(cls, rles: Sequence[str | None], size_hw: tuple[int, int]) -> "BoneMasks":
        """From 29 texts of run lengths in anatomy order; None is no mask.

        Raises
        ------
        HandboneError: for malformed run lengths; names the bone.
        """
        if len(rles) != anatomy.COUNT:
            raise ShapeError("run lengths", f"({anatomy.COUNT},)", (len(rles),))
        crops = {}
        for index, text in enumerate(rles):
            try:
                (left, top, _, _), crop = rle.decode_to_box(text or "", size_hw)
            except HandboneError as error:
                raise HandboneError(error.what, where=anatomy.NAMES[index], remedy=error.remedy) from None
            crops[index] = crop, (left, top)
        return cls.from_crops(crops, size_hw)

    def __repr__(self) -> str:
        height, width = self.size_hw
        return f"BoneMasks({width} x {height}, {int(self.present().sum())} of {anatomy.COUNT} bones)"

    def __getitem__(self, bone: str) -> np.ndarray:
        """One bone's mask, bool (H, W), by its name ("Capitate", "finger-11") or short name ("MC3"); empty if absent.

        Raises
        ------
        UnknownNameError: there is no such bone.
        """
        return self.mask(anatomy.index_of(bone))

    def __contains__(self, bone: str) -> bool:
        """Whether a bone, by name or short name, has any pixel."""
        return bool(self.present()[anatomy.index_of(bone)])

    def __iter__(self) -> Iterator[str]:
        """Names of the bones that have any pixel, in anatomy order."""
        return (anatomy.NAMES[index] for index in np.flatnonzero(self.present()))

    def mask(self, index: int) -> np.ndarray:
        """One bone's mask, bool (H, W)."""
        mask = np.zeros(self.size_hw, bool)
        left, top, right, bottom = self.boxes_xyxy[_known(index)]
        mask[top:bottom, left:right] = self.crops[index]
        return mask

    def dense(self) -> np.ndarray:
        """All masks, bool (29, H, W)."""
        dense = np.zeros((anatomy.COUNT, *self.size_hw), bool)
        for mask, (left, top, right, bottom), crop in zip(dense, self.boxes_xyxy, self.crops, strict=True):
            mask[top:bottom, left:right] = crop
        return dense

    def areas(self) -> np.ndarray:
        """(29,) int64, pixels."""
        return np.array([np.count_nonzero(crop) for crop in self.crops], np.int64)

    def present(self) -> np.ndarray:
        """(29,) bool, which bones have any pixel."""
        return self.boxes_xyxy[:, 2] > self.boxes_xyxy[:, 0]

    def centroids_xy(self) -> np.ndarray:
        """(29, 2) float64, mean pixel positions in the image; NaN for absent bones."""
        centroids = np.full((anatomy.COUNT, 2), np.nan)
        for index in np.flatnonzero(self.present()):
            moments = cv2.moments(self.crops[index].view(np.uint8), binaryImage=True)
            centroids[index] = np.array([moments["m10"], moments["m01"]]) / moments["m00"] + self.boxes_xyxy[index, :2]
        return centroids

    def polygons(self) -> dict[int, list[np.ndarray]]:
        """Outer contours through pixel centres: bone index to polygons (n, 2) int32; absent bones are left out.

        `from_polygons` of them gives the masks back, with any holes filled.
        """
        polygons = {}
        for index in np.flatnonzero(self.present()).tolist():
            offset = tuple(self.boxes_xyxy[index, :2].tolist())
            crop = self.crops[index].view(np.uint8)
            contours, _ = cv2.findContours(crop, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE, offset=offset)
            polygons[index] = [contour.reshape(-1, 2) for contour in contours]
        return polygons

    def intersections(self) -> np.ndarray:
        """(29, 29) int64, pixels that two bones share; the diagonal holds the areas."""
        shared = np.diag(self.areas())
        for a in range(anatomy.COUNT):
            for b in range(a + 1, anatomy.COUNT):
                shared[a, b] = shared[b, a] = shared_area(self, a, self, b)
        return shared

    def to_rle(self) -> list[str]:
        """29 texts of run lengths, as the contest writes them; empty for absent bones."""
        return [
            rle.encode(crop, size_hw=self.size_hw, offset_xy=(left, top)) if crop.size else ""
            for crop, (left, top, _, _) in zip(self.crops, self.boxes_xyxy.tolist(), strict=True)
        ]

    def replace(self, masks: Mapping[int, np.ndarray]) -> "BoneMasks":
        """These masks with some bones changed: bone index to bool (H, W)."""
        for mask in masks.values():
            if mask.shape != self.size_hw:
                raise ShapeError("a mask", str(self.size_hw), mask.shape)
        corners = self.boxes_xyxy[:, :2].tolist()
        kept = {index: (self.crops[index], tuple(corners[index])) for index in range(anatomy.COUNT)}
        return BoneMasks.from_crops(kept | {index: (mask, (0, 0)) for index, mask in masks.items()}, self.size_hw)


def shared_area(masks: BoneMasks, index: int, others: BoneMasks, other_index: int) -> int:
    """Pixels that a bone of `masks` shares with a bone of `others`, a value of the same image."""
    box, other_box = Box(*masks.boxes_xyxy[index].tolist()), Box(*others.boxes_xyxy[other_index].tolist())
    both = box.shared(other_box)
    if both.is_empty:
        return 0
    part, other_part = masks.crops[index][both.inside(box)], others.crops[other_index][both.inside(other_box)]
    return int(np.count_nonzero(part & other_part))


def _known(index: int) -> int:
    if not 0 <= index < anatomy.COUNT:
        raise HandboneError(
            f"there is no bone with the index {index}", remedy=f"indices run from 0 to {anatomy.COUNT - 1}"
        )
    return index


def _whole_pixels(polygon: np.ndarray, index: int) -> np.ndarray:
    points = np.asarray(polygon, np.float64)
    if points.ndim != 2 or points.shape[1] != 2:
        raise ShapeError(f"a polygon of {anatomy.NAMES[_known(index)]}", "(n, 2)", points.shape)
    if not np.isfinite(points).all():
        raise HandboneError(
            f"a polygon of {anatomy.NAMES[_known(index)]} has a point with a coordinate that is not finite"
        )
    # Far enough outside any image, and safe for OpenCV's fixed-point arithmetic.
    return np.rint(np.clip(points, -1e6, 1e6)).astype(np.int32)
