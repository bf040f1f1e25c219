"""A COCO segmentation to its mask: checked before pycocotools, whose C code trusts every number, sees it."""

from typing import Any

import numpy as np
from pycocotools import mask as coco_mask

from handbone.core.errors import HandboneError
from handbone.core.polygons import as_numbers, checked_points

_MOST_RUNS = 1 << 24
_MOST_PIXELS = 1 << 28  # pycocotools unpacks a mask whole, and its runs have 32 bits


def mask_of(segmentation: Any, size_hw: tuple[int, int]) -> tuple[np.ndarray, tuple[int, int]]:
    """The mask of a segmentation, uint8 (h, w), and the place of its left upper corner, (left, top).

    A segmentation is a list of polygons [x1, y1, x2, ...], or an RLE of runs down the columns.

    Parameters
    ----------
    size_hw: height and width of the image that the segmentation was drawn on.

    Raises
    ------
    HandboneError: numbers that are none, far from the image, or do not add up to it, or an image that is too large; a
        clause about the segmentation.
    """
    if size_hw[0] * size_hw[1] > _MOST_PIXELS:
        raise HandboneError(f"it was drawn on {size_hw[1]} x {size_hw[0]} pixels, more than any radiograph has")
    if isinstance(segmentation, dict):
        rle = _run_lengths(segmentation, size_hw)
    elif isinstance(segmentation, list) and segmentation:
        polygons = [as_numbers(polygon).ravel() for polygon in segmentation]
        if any(len(polygon) < 6 or len(polygon) % 2 for polygon in polygons):
            raise HandboneError("a polygon needs three or more points, given as numbers x1, y1, x2, ...")
        for polygon in polygons:
            checked_points(polygon.reshape(-1, 2), size_hw)
        rle = coco_mask.merge(coco_mask.frPyObjects([polygon.tolist() for polygon in polygons], *size_hw))
    else:
        raise HandboneError("there are neither polygons nor run lengths")
    return _cropped(rle)


def declared_size(segmentation: Any) -> tuple[int, int] | None:
    """Height and width that an RLE itself states; None for polygons, and for anything but two whole numbers."""
    size = segmentation.get("size") if isinstance(segmentation, dict) else None
    if (
        not isinstance(size, list)
        or len(size) != 2
        or not all(type(side) is int and 0 < side < 1 << 20 for side in size)
    ):
        return None
    return size[0], size[1]


def _run_lengths(segmentation: dict[str, Any], size_hw: tuple[int, int]) -> dict[str, Any]:
    """The RLE as pycocotools takes it, uncompressed or not; its runs fill the image exactly."""
    if declared_size(segmentation) != size_hw:
        height, width = size_hw
        raise HandboneError(
            f"its size {str(segmentation.get('size'))[:40]} differs from the image's [{height}, {width}]"
        )
    counts = segmentation.get("counts")
    runs = _uncompressed(counts) if isinstance(counts, str) else as_numbers(counts)
    if runs.ndim != 1 or not len(runs) or len(runs) > _MOST_RUNS or (runs != np.floor(runs)).any() or (runs < 0).any():
        raise HandboneError("its runs are not whole numbers from 0")
    # Floating point keeps what overflows.
    if float(runs.astype(np.float64).sum()) != size_hw[0] * size_hw[1]:
        raise HandboneError(f"its runs add up to {runs.sum():.0f}, not to {size_hw[0] * size_hw[1]}")
    if isinstance(counts, str):
        return {"size": list(size_hw), "counts": counts.encode("ascii")}
    return coco_mask.frPyObjects({"size": list(size_hw), "counts": runs.astype(np.int64).tolist()}, *size_hw)


def _uncompressed(text: str) -> np.ndarray:
    """The runs of COCO's compressed text, as `rleFrString` of its maskApi.c reads it: (n,) int64.

    A number is five bits a character, the lowest first, bit 5 says that more follow and bit 4 of the last is its sign;
    from the fourth on a number is the difference to the last but one.
    """
    try:
        codes = np.frombuffer(text.encode("ascii"), np.uint8).astype(np.int64) - 48
    except UnicodeEncodeError:
        codes = np.array([-1])
    if not len(codes) or codes.min() < 0 or codes.max() > 63 or codes[-1] & 32:
        raise HandboneError("its compressed runs are truncated or damaged")
    last = np.flatnonzero(~codes & 32)
    first = np.r_[0, last[:-1] + 1]
    if (last - first).max() > 6:
        raise HandboneError("its compressed runs contain a number of more than 32 bits")
    place = np.arange(len(codes)) - np.repeat(first, last - first + 1)
    numbers = np.add.reduceat((codes & 31) << (5 * place), first)
    numbers -= np.where(codes[last] & 16, np.int64(1) << (5 * (last - first + 1)), 0)
    numbers[1::2] = np.cumsum(numbers[1::2])
    numbers[2::2] = np.cumsum(numbers[2::2])
    return numbers


def _cropped(rle: dict[str, Any]) -> tuple[np.ndarray, tuple[int, int]]:
    left, top, across, down = (int(v) for v in coco_mask.toBbox(rle))
    mask = coco_mask.decode(rle)[top : top + down, left : left + across]
    return np.ascontiguousarray(mask), (left, top)
