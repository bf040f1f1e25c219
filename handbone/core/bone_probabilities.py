"""A compact store of the probabilities of 29 bones, quantised to 1/255 and kept only where they are not negligible.

An image of 2048 x 2048 takes well under 0.5 MB on disk instead of 487 MB as float32 planes, so that soft ensembles of
many models fit on a laptop.
"""

import zipfile
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from handbone import anatomy
from handbone.core.bone_crops import BoneCrops
from handbone.core.bone_masks import BoneMasks
from handbone.core.box import Box
from handbone.core.errors import HandboneError, ShapeError
from handbone.core.files import atomic_file
from handbone.core.frame import Frame
from handbone.core.grid_logits import FLOOR, from_grid

_NOTHING = np.zeros((0, 0), np.uint8)


@dataclass(frozen=True, eq=False, repr=False)
class BoneProbabilities(BoneCrops):
    """Probabilities of all bones in an image's own frame.

    Parameters
    ----------
    size_hw: the image's height and width.
    boxes_xyxy: (29, 4) int32, half-open; zeros where a bone's probability is below 0.02 everywhere.
    crops: 29 uint8 arrays, round(255 p) inside each box; 0 outside.
    """

    size_hw: tuple[int, int]
    boxes_xyxy: np.ndarray
    crops: tuple[np.ndarray, ...]

    def __post_init__(self) -> None:
        boxes = np.array(self.boxes_xyxy, np.int32)
        if boxes.shape != (anatomy.COUNT, 4) or len(self.crops) != anatomy.COUNT:
            raise ShapeError("boxes_xyxy", f"({anatomy.COUNT}, 4), one for each crop", boxes.shape)
        boxes.setflags(write=False)
        object.__setattr__(self, "size_hw", (int(self.size_hw[0]), int(self.size_hw[1])))
        object.__setattr__(self, "boxes_xyxy", boxes)
        object.__setattr__(self, "crops", tuple(self.crops))
        height, width = self.size_hw
        for crop, (left, top, right, bottom) in zip(self.crops, boxes.tolist(), strict=True):
            if crop.shape != (bottom - top, right - left) or crop.dtype != np.uint8:
                raise ShapeError("a bone's crop", f"{(bottom - top, right - left)}, uint8", crop.shape)
            if not (0 <= left <= right <= width and 0 <= top <= bottom <= height):
                raise HandboneError(
                    f"the box {(left, top, right, bottom)} extends beyond the image of {width} x {height} pixels"
                )
            crop.setflags(write=False)

    @classmethod
    def from_crops(
        cls, parts: Iterable[tuple[np.ndarray, Sequence[int]]], size_hw: tuple[int, int]
    ) -> "BoneProbabilities":
        """From 29 parts (round(255 p) as uint8, half-open box); cut down to where p is at least 0.02."""
        boxes, crops = np.zeros((anatomy.COUNT, 4), np.int32), [_NOTHING] * anatomy.COUNT
        for index, (part, (left, top, _, _)) in enumerate(parts):
            if not part.size:
                continue
            _, kept = cv2.threshold(part, FLOOR - 1, 0, cv2.THRESH_TOZERO)
            x, y, width, height = cv2.boundingRect(kept)
            if width:
                boxes[index] = (left + x, top + y, left + x + width, top + y + height)
                crops[index] = kept[y : y + height, x : x + width].copy()
        return cls(size_hw, boxes, tuple(crops))

    @classmethod
    def from_masks(cls, masks: BoneMasks) -> "BoneProbabilities":
        """From masks without probabilities: 1 inside and 0 outside."""
        parts = [
            (crop.view(np.uint8) * np.uint8(255), Box(*box))
            for crop, box in zip(masks.crops, masks.boxes_xyxy.tolist(), strict=True)
        ]
        return cls.from_crops(parts, masks.size_hw)

    @classmethod
    def from_dense(cls, probabilities: np.ndarray) -> "BoneProbabilities":
        """From float (29, H, W) in [0, 1]."""
        if probabilities.ndim != 3 or len(probabilities) != anatomy.COUNT:
            raise ShapeError("probabilities", f"({anatomy.COUNT}, H, W)", probabilities.shape)
        height, width = probabilities.shape[1:]
        planes = (np.rint(255 * np.clip(plane, 0, 1)).astype(np.uint8) for plane in probabilities)
        return cls.from_crops(((plane, Box.whole((height, width))) for plane in planes), (height, width))

    @classmethod
    def from_grid_logits(cls, logits: np.ndarray, frame: Frame, image_hw: tuple[int, int]) -> "BoneProbabilities":
        """From a network's logits on its grid, brought back into the image; 0 outside the frame.

        Logits are interpolated before the sigmoid (sharper edges than interpolated probabilities, same threshold)
        and only where a bone's probability exceeds 0.02.

        Parameters
        ----------
        logits: float32 (29, h, w) on the frame's grid.
        frame: maps the image to the grid.
        image_hw: the image's height and width.
        """
        if logits.shape != (anatomy.COUNT, *frame.size_hw):
            raise ShapeError("logits", f"({anatomy.COUNT}, {frame.size_hw[0]}, {frame.size_hw[1]})", logits.shape)
        return cls.from_crops((from_grid(plane, frame, image_hw) for plane in logits), image_hw)

    def __repr__(self) -> str:
        height, width = self.size_hw
        seen = int((self.boxes_xyxy[:, 2] > 0).sum())
        return f"BoneProbabilities({width} x {height}, {seen} of {anatomy.COUNT} bones)"

    def __getitem__(self, bone: str) -> np.ndarray:
        """One bone's probabilities, float32 (H, W) in [0, 1], by its name ("Capitate") or short name ("MC3").

        Raises
        ------
        UnknownNameError: there is no such bone.
        """
        (left, top, right, bottom), inside = self.crop(anatomy.index_of(bone))
        plane = np.zeros(self.size_hw, np.float32)
        plane[top:bottom, left:right] = inside
        return plane

    def dense(self) -> np.ndarray:
        """Float32 (29, H, W) in [0, 1]."""
        dense = np.zeros((anatomy.COUNT, *self.size_hw), np.float32)
        for plane, (left, top, right, bottom), crop in zip(dense, self.boxes_xyxy, self.crops, strict=True):
            plane[top:bottom, left:right] = crop.astype(np.float32) / 255
        return dense

    def crop(self, index: int) -> tuple[Box, np.ndarray]:
        """One bone's box (half-open; zeros when absent) and its float32 probabilities inside it."""
        return Box(*self.boxes_xyxy[index].tolist()), self.crops[index].astype(np.float32) / 255

    def peak(self) -> np.ndarray:
        """(29,) float32, the highest probability of each bone anywhere."""
        return np.array([crop.max(initial=0) for crop in self.crops], np.float32) / 255

    def threshold(self, threshold: float | Sequence[float] | np.ndarray = 0.5) -> BoneMasks:
        """The masks where the probability is at least `threshold`, one for all bones or (29,); at least 0.02."""
        limits = np.asarray(threshold, np.float64)
        if limits.shape not in ((), (anatomy.COUNT,)):
            raise ShapeError("threshold", f"() or ({anatomy.COUNT},)", limits.shape)
        # Exact in steps: rounding makes 0.5 the step 127.5, which no stored value hits.
        steps = np.broadcast_to(np.maximum(255 * limits, FLOOR), anatomy.COUNT)
        corners = self.boxes_xyxy[:, :2].tolist()
        crops = {i: (crop >= steps[i], tuple(corners[i])) for i, crop in enumerate(self.crops) if crop.size}
        return BoneMasks.from_crops(crops, self.size_hw)

    def blend(
        self,
        other: "BoneProbabilities",
        weight: np.ndarray | tuple[Box, np.ndarray],
        bones: Iterable[int] = range(anatomy.COUNT),
    ) -> "BoneProbabilities":
        """These probabilities with some bones faded into another's: self * (1 - weight) + other * weight.

        Parameters
        ----------
        other: probabilities in the same image.
        weight: float (H, W) in [0, 1], or (box, float (h, w)) with 0 outside the half-open box.
        bones: indices of the bones that change.
        """
        _same_image(self, other)
        box, weights = weight if isinstance(weight, tuple) else (Box.whole(self.size_hw), weight)
        if weights.shape != Box(*box).size_hw:
            raise ShapeError("weight", str(Box(*box).size_hw), weights.shape)
        chosen = set(bones)
        parts = []
        for index in range(anatomy.COUNT):
            mine, theirs = self.boxes_xyxy[index].tolist(), other.boxes_xyxy[index].tolist()
            if index not in chosen:
                parts.append((self.crops[index], Box(*mine)))
                continue
            around = Box.around([mine, theirs])
            here = around.cut(self.crops[index], mine).astype(np.float32)
            there = around.cut(other.crops[index], theirs)
            share = around.cut(weights.astype(np.float32, copy=False), box)
            parts.append((np.rint(here + share * (there - here)).astype(np.uint8), around))
        return BoneProbabilities.from_crops(parts, self.size_hw)

    def without(self, bones: Iterable[int]) -> "BoneProbabilities":
        """These probabilities with some bones removed."""
        gone = set(int(bone) for bone in bones)
        parts = [
            (_NOTHING if index in gone else crop, Box(*box))
            for index, (crop, box) in enumerate(zip(self.crops, self.boxes_xyxy.tolist(), strict=True))
        ]
        return BoneProbabilities.from_crops(parts, self.size_hw)

    @staticmethod
    def mean(several: Sequence["BoneProbabilities"]) -> "BoneProbabilities":
        """The plain mean of several predictions of one image (a uniform soft vote).

        Raises
        ------
        HandboneError: for none, or for images of different sizes.
        """
        if not several:
            raise HandboneError("the mean needs the probabilities of at least one member")
        for other in several[1:]:
            _same_image(several[0], other)
        parts = []
        for index in range(anatomy.COUNT):
            around = Box.around(each.boxes_xyxy[index].tolist() for each in several)
            total = np.zeros(around.size_hw, np.float32)
            for each in several:
                total += around.cut(each.crops[index], each.boxes_xyxy[index].tolist())
            parts.append((np.rint(total / len(several)).astype(np.uint8), around))
        return BoneProbabilities.from_crops(parts, several[0].size_hw)

    def save(self, path: str | Path) -> Path:
        """Write one compressed .npz file atomically."""
        pixels = np.concatenate([crop.ravel() for crop in self.crops])
        with atomic_file(Path(path)) as temporary, open(temporary, "wb") as file:
            np.savez_compressed(file, size_hw=np.array(self.size_hw), boxes_xyxy=self.boxes_xyxy, pixels=pixels)
        return Path(path)

    @classmethod
    def load(cls, path: str | Path) -> "BoneProbabilities":
        """Read a file that `save` wrote; nothing in it is executed.

        Raises
        ------
        HandboneError: for a missing, truncated or foreign file.
        """
        try:
            with np.load(path, allow_pickle=False) as file:
                size_hw, boxes, pixels = file["size_hw"], file["boxes_xyxy"], file["pixels"]
            areas = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
            parts = np.split(pixels, np.cumsum(areas)[:-1])
            shapes = [(bottom - top, right - left) for left, top, right, bottom in boxes.tolist()]
            crops = tuple(part.reshape(shape) for part, shape in zip(parts, shapes, strict=True))
            return cls(tuple(size_hw.tolist()), boxes, crops)
        except FileNotFoundError:
            raise HandboneError("there is no such file", where=path) from None
        except (OSError, ValueError, KeyError, TypeError, IndexError, EOFError, HandboneError) as error:
            raise HandboneError(f"is not a file of bone probabilities ({error})", where=path) from error
        except (zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError) as error:
            raise HandboneError(f"is damaged ({error})", where=path, remedy="predict again") from error


def _same_image(one: BoneProbabilities, other: BoneProbabilities) -> None:
    if one.size_hw != other.size_hw:
        raise ShapeError("the other probabilities' image", str(one.size_hw), other.size_hw)
