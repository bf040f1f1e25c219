"""Run lengths in the contest format: row-major, 1-based "start length" pairs; an empty string for an empty mask."""

import re

import numpy as np

from handbone.core.box import Box
from handbone.core.errors import HandboneError, ShapeError

#: Run lengths by bone in anatomy order: "" for an empty mask, None for a bone that nothing is said of.
Cells = list[str | None]

# Numbers that surely fit into 64 bits: NumPy reads such a text whole, ten times faster than number by number.
_PLAIN = re.compile(r"(?:[0-9]{1,18}(?: |$))*", re.ASCII)
_BLANKS = 1000
_WHOLE = re.compile(r"-?[0-9]{1,18}", re.ASCII)


def encode(mask: np.ndarray, *, size_hw: tuple[int, int] | None = None, offset_xy: tuple[int, int] = (0, 0)) -> str:
    """The run lengths of a mask.

    Parameters
    ----------
    mask: bool (H, W), the whole image, or a part of it.
    size_hw: the image's height and width; the mask's own when unset.
    offset_xy: where the part's first pixel lies in the image.

    Raises
    ------
    ShapeError: for a mask that is not (H, W) or extends beyond the image.

    >>> encode(np.array([[0, 1, 1], [1, 0, 0]], bool))
    '2 3'
    """
    if mask.ndim != 2:
        raise ShapeError("a mask", "(H, W)", mask.shape)
    height, width = size_hw or mask.shape
    left, top = offset_xy
    rows, columns = mask.shape
    if left < 0 or top < 0 or left + columns > width or top + rows > height:
        raise ShapeError(f"a mask at {(left, top)} in an image of {(height, width)}", "that fits into it", mask.shape)
    # A column of background on both sides ends every run at its row's end, so that all changes are found in one pass.
    padded = np.zeros((rows, columns + 2), np.uint8)
    padded[:, 1:-1] = mask
    flat = padded.ravel()
    changes = np.flatnonzero(flat[1:] != flat[:-1])
    row, column = np.divmod(changes, columns + 2)
    edges = (row + top) * width + column + left
    starts, ends = edges[::2], edges[1::2]
    if columns == width:
        # Only in full rows can a run go on in the next row.
        goes_on = starts[1:] == ends[:-1]
        starts = starts[np.r_[True, ~goes_on][: len(starts)]]
        ends = ends[np.r_[~goes_on, True][: len(ends)]]
    return text_of(starts, ends)


def decode(rle: str, size_hw: tuple[int, int]) -> np.ndarray:
    """The mask, bool (H, W), of a text of run lengths.

    Raises
    ------
    HandboneError: for a text that is malformed, has overlapping runs or extends beyond the image.
    """
    (left, top, right, bottom), crop = decode_to_box(rle, size_hw)
    mask = np.zeros(size_hw, bool)
    mask[top:bottom, left:right] = crop
    return mask


def decode_to_box(rle: str, size_hw: tuple[int, int], *, first_pixel: int = 1) -> tuple[Box, np.ndarray]:
    """The mask's smallest box (left, top, right, bottom; half-open) and the bool pixels in it; zeros when empty.

    first_pixel: its number.

    Raises
    ------
    HandboneError: for a text that is malformed, has overlapping runs or extends beyond the image.
    """
    starts, ends = runs(rle, size_hw, first_pixel=first_pixel)
    if not len(starts):
        return Box(0, 0, 0, 0), np.zeros((0, 0), bool)
    width = size_hw[1]
    # A run over several rows becomes one piece per row.
    first_rows = starts // width
    counts = (ends - 1) // width - first_rows + 1
    within = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
    rows = np.repeat(first_rows, counts) + within
    lefts = np.maximum(np.repeat(starts, counts) - rows * width, 0)
    rights = np.minimum(np.repeat(ends, counts) - rows * width, width)
    left, top, right, bottom = int(lefts.min()), int(rows[0]), int(rights.max()), int(rows[-1]) + 1
    steps = np.zeros((bottom - top, right - left + 1), np.int8)
    # Touching runs end and start at the same place, hence add.at.
    np.add.at(steps, (rows - top, lefts - left), 1)
    np.add.at(steps, (rows - top, rights - left), -1)
    crop = np.cumsum(steps, axis=1, dtype=np.int8)[:, :-1].astype(bool)
    return Box(left, top, right, bottom), crop


def text_of(starts: np.ndarray, ends: np.ndarray) -> str:
    """The run lengths of rising runs (0-based, half-open)."""
    pairs = np.column_stack([starts + 1, ends - starts])
    return " ".join(map(str, pairs.ravel().tolist()))


def runs(rle: str, size_hw: tuple[int, int], *, first_pixel: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """Starts and ends (0-based, half-open) of a text of run lengths, in rising order.

    first_pixel: its number.

    Raises
    ------
    HandboneError: for a text that is malformed, has overlapping runs or extends beyond the image.
    """
    height, width = size_hw
    # Every second pixel in a run of its own, and some blanks.
    if len(rle) > _BLANKS + (height * width // 2 + 1) * 2 * (len(str(height * width)) + 1):
        raise HandboneError(
            f"the run lengths of {len(rle)} letters are more than an image of {width} x {height} pixels can have",
            remedy="check that they belong to this image",
        )
    numbers = _numbers(rle)
    if len(numbers) % 2:
        raise HandboneError(
            f"the run lengths have {len(numbers)} numbers, but must be pairs of start and length",
            remedy="check whether the text was truncated",
        )
    pairs = numbers.reshape(-1, 2)
    pairs = pairs[np.argsort(pairs[:, 0], kind="stable")]
    starts, lengths = pairs[:, 0] - first_pixel, pairs[:, 1]
    if np.any(lengths < 1):
        raise HandboneError(f"a run has the length {lengths.min()}", remedy="omit empty runs")
    ends = starts + lengths
    outside = (starts < 0) | (ends > height * width) | (lengths > height * width)
    if outside.any():
        start, length = pairs[np.argmax(outside)]
        raise HandboneError(
            f"the run '{start} {length}' extends beyond the image of {width} x {height} pixels",
            remedy=f"run lengths start at {first_pixel} and refer to the image as stored",
        )
    overlap = starts[1:] < ends[:-1]
    if overlap.any():
        first, second = pairs[np.argmax(overlap)], pairs[np.argmax(overlap) + 1]
        what = f"the runs '{first[0]} {first[1]}' and '{second[0]} {second[1]}' overlap"
        raise HandboneError(what, remedy="write each pixel of a bone in one run")
    return starts, ends


def _numbers(rle: str) -> np.ndarray:
    if _PLAIN.fullmatch(rle):
        return np.fromstring(rle, np.int64, sep=" ")
    tokens = rle.split()
    # int() would also take 1_0, digits of other scripts and thousands of digits.
    wrong = next((token for token in tokens if not _WHOLE.fullmatch(token)), None)
    if wrong is not None:
        raise HandboneError(
            f"{wrong[:40]!r} in the run lengths is not a whole number of pixels",
            remedy="leave the text empty for an empty mask",
        )
    return np.array([int(token) for token in tokens], np.int64)
