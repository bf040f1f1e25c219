"""How anyone's run lengths are meant: along rows or down columns, from 1 or 0, in the image's or another frame."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

import cv2
import numpy as np

from handbone.anatomy import COUNT, NAMES
from handbone.core import rle
from handbone.core.bone_masks import BoneMasks
from handbone.core.errors import HandboneError
from handbone.core.rle import Cells

_FRAME = re.compile(r"frame=([1-9][0-9]{0,5})(?:x([1-9][0-9]{0,5}))?", re.ASCII)
WORDS = "standard, column-major, zero-based, frame=512 or frame=WIDTHxHEIGHT"


@dataclass(frozen=True)
class RleReading:
    """How run lengths are read. The contest's way, which is the default, is row-major and counts from 1.

    Parameters
    ----------
    column_major: runs go down the columns. zero_based: the first pixel is number 0.
    frame_hw: height and width of the frame that they count in; unset for the image's own.
    """

    column_major: bool = False
    zero_based: bool = False
    frame_hw: tuple[int, int] | None = None

    @classmethod
    def parse(cls, words: Iterable[str]) -> "RleReading | None":
        """From what `--rle` was given, words that may hold several with commas between; None for no word.

        >>> RleReading.parse(["column-major,frame=640x480"])
        RleReading(column_major=True, zero_based=False, frame_hw=(480, 640))

        Raises
        ------
        HandboneError: an unknown word.
        """
        given = [word.strip() for each in words for word in each.split(",")]
        frame = None
        for word in given:
            found = _FRAME.fullmatch(word)
            if not found and word not in ("standard", "column-major", "zero-based"):
                raise HandboneError(f"unknown word {word[:40]!r}", where="--rle", remedy=f"give {WORDS}")
            if found:
                frame = int(found[2] or found[1]), int(found[1])
        return cls("column-major" in given, "zero-based" in given, frame) if given else None

    @property
    def is_standard(self) -> bool:
        """Whether texts can be used as they stand."""
        return self == RleReading()

    def __str__(self) -> str:
        frame = self.frame_hw
        size = None if frame is None else f"{frame[1]}" if frame[0] == frame[1] else f"{frame[1]}x{frame[0]}"
        words = ["column-major"] * self.column_major + ["zero-based"] * self.zero_based
        return ",".join([*words, *([f"frame={size}"] if size else [])]) or "standard"

    def masks(self, cells: Cells, size_hw: tuple[int, int]) -> BoneMasks:
        """The masks of an image of a height and width from 29 texts; None is no mask.

        Raises
        ------
        HandboneError: malformed run lengths; its `where` is the bone.
        """
        frame_hw = self.frame_hw or size_hw
        if self.column_major or self.zero_based:
            masks = self._decoded(cells, frame_hw)
        else:
            masks = BoneMasks.from_rle(cells, frame_hw)
        return masks if frame_hw == size_hw else _scaled(masks, size_hw)

    def standard(self, cells: Cells, size_hw: tuple[int, int]) -> Cells:
        """The texts in the contest's way and the image's frame; None stays None."""
        if self.is_standard:
            return cells
        texts = self.masks(cells, size_hw).to_rle()
        return [None if cell is None else text for cell, text in zip(cells, texts, strict=True)]

    def _decoded(self, cells: Cells, frame_hw: tuple[int, int]) -> BoneMasks:
        crops, first = {}, 0 if self.zero_based else 1
        shape = frame_hw[::-1] if self.column_major else frame_hw
        for bone in range(COUNT):
            try:
                (left, top, _, _), crop = rle.decode_to_box(cells[bone] or "", shape, first_pixel=first)
            except HandboneError as error:
                raise HandboneError(error.what, where=NAMES[bone], remedy=error.remedy) from None
            crops[bone] = (crop.T, (top, left)) if self.column_major else (crop, (left, top))
        return BoneMasks.from_crops(crops, frame_hw)


def _scaled(masks: BoneMasks, size_hw: tuple[int, int]) -> BoneMasks:
    """Masks of one frame in another: a pixel belongs to a bone where the interpolated mask is one half or more."""
    scale_x, scale_y = size_hw[1] / masks.size_hw[1], size_hw[0] / masks.size_hw[0]
    crops = {}
    for bone in np.flatnonzero(masks.present()).tolist():
        left, top, right, bottom = masks.boxes_xyxy[bone].tolist()
        x, y = int((left - 1) * scale_x), int((top - 1) * scale_y)
        across, down = int(np.ceil((right + 1) * scale_x)) - x, int(np.ceil((bottom + 1) * scale_y)) - y
        # Pixel centres are whole numbers in either frame.
        shift_x, shift_y = (left + 0.5) * scale_x - 0.5 - x, (top + 0.5) * scale_y - 0.5 - y
        there = np.array([[scale_x, 0, shift_x], [0, scale_y, shift_y]])
        # A bone that the frame's edge cuts goes on there as it ends: what lies beyond is no background.
        cut = ((int(top == 0), int(bottom == masks.size_hw[0])), (int(left == 0), int(right == masks.size_hw[1])))
        crop = np.pad(masks.crops[bone].astype(np.float32), cut, mode="edge")
        there[:, 2] -= there[:, :2] @ (cut[1][0], cut[0][0])
        part = cv2.warpAffine(crop, there, (across, down))
        part = part[max(0, -y) : size_hw[0] - y, max(0, -x) : size_hw[1] - x] >= 0.5
        crops[bone] = part, (max(0, x), max(0, y))
    return BoneMasks.from_crops(crops, size_hw)
