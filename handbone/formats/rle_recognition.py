"""Whether run lengths are what they are taken for, by how their masks lie on the image and on a hand.

Successive runs of a bone start about one row apart, so that the median distance between them is the width of the frame
that they count in, or its height where they go down the columns. Where both are alike, the contours decide: those of
the right order follow edges of the image, and a hand without an image stands upright. Runs from 0 lie one pixel before
these edges; without images they are known only where bones touch the frame's edge.
"""

from collections.abc import Iterable
from dataclasses import replace
from functools import lru_cache
from itertools import islice
from pathlib import Path

import cv2
import numpy as np

from handbone import anatomy
from handbone.core.bone_masks import BoneMasks
from handbone.core.errors import HandboneError
from handbone.core.rle import Cells
from handbone.core.rle_reading import RleReading
from handbone.formats import rle_offset

_ENOUGH = 40  # distances between runs from which their median is the frame's side
_NEAR = 0.02  # of a side
_SAMPLE = 1 << 20  # letters of a text
_AT_EDGE = 4  # runs that begin at the frame's edge, as those of a bone do that the edge cuts
_USUAL_SIDES = (224, 256, 320, 384, 448, 512, 640, 768, 800, 896, 1024, 1280, 1536, 2000, 2048, 2560, 3000, 3060, 4096)
_SIDE = 512  # of the image that edges are looked for in
_BETTER = 1.25  # times the strength of edges along the contours, from which the other order is the right one
_CHECKED = 3  # images of a file, which all its run lengths are like
_STANDARD, _DOWN = RleReading(), RleReading(column_major=True)
# Name, 29 texts, size and, if at hand, grey values (H, W) of an image.
OfImage = tuple[str, Cells, tuple[int, int], np.ndarray | None]
_LEVELS = (
    *("Radius Ulna", "Scaphoid Lunate Triquetrum Pisiform", "Trapezium Trapezoid Capitate Hamate", "metacarpal"),
    *("proximal", "middle", "distal"),
)


def _place(bone: anatomy.Bone) -> int:
    """How far along the hand a bone lies, from the forearm to the fingertips."""
    words = {bone.name, *bone.title.split()}
    return next(place for place, level in enumerate(_LEVELS) if words & set(level.split()))


_PLACES = np.array([_place(bone) for bone in anatomy.BONES])


def suspected(cells: Cells, size_hw: tuple[int, int], image: np.ndarray | None = None) -> RleReading | None:
    """How run lengths of an image seem to be meant; None where nothing speaks against the contest's way.

    Parameters
    ----------
    cells: 29 texts, not all of which need be there. size_hw: the image's height and width.
    image: grey (H, W), bones bright, if it is at hand.
    """
    side = run_distance(cells)
    if side is None:
        return None
    zero = _counts_from_zero(cells, side)
    by_rows, by_columns = (abs(side - s) <= max(3, _NEAR * s) for s in (size_hw[1], size_hw[0]))
    if by_rows and not by_columns:
        return RleReading(zero_based=True) if zero else None
    if by_columns and not by_rows:
        return RleReading(column_major=True, zero_based=zero)
    # A square frame, the image's or another.
    frame = None if by_rows else (_usual(side),) * 2
    readings = RleReading(False, zero, frame), RleReading(True, zero, frame)
    rows, columns = (_read(reading, cells, size_hw) for reading in readings)
    if rows is None or columns is None:
        likelier = readings[1] if columns is not None else readings[0]
    else:
        likelier = readings[1] if _is_turned(rows, columns, image) else readings[0]
    return None if likelier.is_standard else likelier


def refuse_if_suspected(path: Path | None, images: Iterable[OfImage]) -> None:
    """Refuse run lengths that are not what they are taken for; looks at the first few images of a file.

    Parameters
    ----------
    path: the file, for the message. images: name, 29 texts, size and, if at hand, the image itself of each.

    Raises
    ------
    HandboneError: says how those of the first few images, all of them, seem to be meant, and which `--rle` reads them.
    """
    first = list(islice(images, _CHECKED))
    readings = [suspected(cells, size, image) for _, cells, size, image in first]
    if not any(readings) and _begins_early(first):
        readings = [RleReading(zero_based=True)] * len(first)
    elif all(reading == _DOWN for reading in readings) and _begins_early(first, _DOWN):
        readings = [replace(_DOWN, zero_based=True)] * len(first)
    if not first or None in readings:
        return
    (name, _, size_hw, _), reading = first[0], readings[0]
    assert reading is not None  # none of them is
    said = ["go down the columns"] * reading.column_major + ["count from 0"] * reading.zero_based
    if reading.frame_hw:
        said.append(f"count in a frame {reading.frame_hw[1]} pixels wide, not in {size_hw[1]} x {size_hw[0]}")
    square = " (frame=WIDTHxHEIGHT where it is not square)" if reading.frame_hw else ""
    remedy = f"give --rle {reading}{square}, or --rle standard to insist"
    raise HandboneError(f"the run lengths of {name!r} seem to {' and to '.join(said)}", where=path, remedy=remedy)


def _begins_early(images: Iterable[OfImage], reading: RleReading = _STANDARD) -> bool:
    """Whether masks lie one pixel before the edges of their images, as those of runs from 0 do."""
    beside: list[float] = []
    for _, cells, size_hw, image in images:
        if image is not None and (masks := _read(reading, cells, size_hw)) is not None:
            beside += rle_offset.offsets(masks, image, down=reading.column_major)
    return rle_offset.is_one_pixel(beside)


def run_distance(cells: Cells) -> int | None:
    """The median distance between starts of successive runs of one bone; None where there are too few."""
    distances = [np.diff(np.sort(pairs[:, 0])) for pairs in map(_pairs, cells)]
    every = np.concatenate(distances) if distances else np.empty(0)
    # Runs of one row, where a bone has two parts, are nearer to each other.
    every = every[every > 1]
    return round(float(np.median(every))) if len(every) >= _ENOUGH else None


@lru_cache(anatomy.COUNT)  # an image's are asked for twice
def _pairs(text: str | None) -> np.ndarray:
    """(n, 2) starts and lengths, the first ones of a long text; none of a malformed one, which reading it will say."""
    tokens = (text or "")[:_SAMPLE].split()
    if text and len(text) > _SAMPLE:
        tokens = tokens[: (len(tokens) - 1) // 2 * 2]  # the last number may be cut
    if len(tokens) % 2 or not all(token.isascii() and token.isdigit() and len(token) < 19 for token in tokens):
        return np.empty((0, 2), np.int64)
    return np.array(tokens, dtype=object).astype(np.int64).reshape(-1, 2) if tokens else np.empty((0, 2), np.int64)


def _counts_from_zero(cells: Cells, side: int) -> bool:
    """Whether the first pixel is number 0: a run starts there, or at the end of a row."""
    pairs = np.concatenate([_pairs(text) for text in cells])
    if (pairs[:, 0] == 0).any():
        return True
    over_edge = np.count_nonzero((pairs[:, 0] % side == 0) & (pairs[:, 1] > 1))
    return bool(over_edge >= _AT_EDGE)


def _usual(side: int) -> int:
    near = min(_USUAL_SIDES, key=lambda usual: abs(usual - side))
    return near if abs(near - side) <= max(2, 0.01 * near) else side


def _read(reading: RleReading, cells: Cells, size_hw: tuple[int, int]) -> BoneMasks | None:
    try:
        return reading.masks(cells, size_hw)
    except HandboneError:
        return None


def _is_turned(rows: BoneMasks, columns: BoneMasks, image: np.ndarray | None) -> bool:
    """Whether masks read down the columns are the likelier ones."""
    if image is not None:
        edges = _edges(image)
        return _along(columns, edges, image.shape) > _BETTER * _along(rows, edges, image.shape)
    # Exchanging x and y makes of an upright hand one whose fingers point to the left.
    x, y = _direction(rows)
    return -x > abs(y)


def _edges(image: np.ndarray) -> np.ndarray:
    """The strength of edges, float32, in an image of about 512 pixels."""
    scale = min(1.0, _SIDE / max(image.shape))
    small = cv2.resize(np.asarray(image, np.float32), None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    small = cv2.GaussianBlur(small, (0, 0), 1.5)
    return np.hypot(cv2.Sobel(small, cv2.CV_32F, 1, 0), cv2.Sobel(small, cv2.CV_32F, 0, 1))


def _along(masks: BoneMasks, edges: np.ndarray, size_hw: tuple[int, int]) -> float:
    """The mean strength of edges under the contours."""
    scale = np.array(edges.shape[::-1]) / size_hw[::-1]
    filled = BoneMasks.from_polygons(
        {b: [(r + 0.5) * scale - 0.5 for r in rs] for b, rs in masks.polygons().items()}, edges.shape
    )
    canvas = np.zeros(edges.shape, np.uint8)
    for contours in filled.polygons().values():
        cv2.polylines(canvas, contours, True, 1)
    return float(edges[canvas > 0].mean()) if canvas.any() else 0.0


def _direction(masks: BoneMasks) -> tuple[float, float]:
    """Where fingertips lie from the forearm: the covariance of a bone's place along the hand with its centroid."""
    centroids = masks.centroids_xy()
    known = ~np.isnan(centroids[:, 0])
    if known.sum() < 2:
        return 0.0, 0.0
    levels = _PLACES[known] - _PLACES[known].mean()
    return tuple((levels[:, None] * (centroids[known] - centroids[known].mean(0))).sum(0).tolist())
