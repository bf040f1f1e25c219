"""Boxes in place of contours: labels of a detector that were exported as polygons or masks outline no bone."""

from collections.abc import Iterable

import cv2
import numpy as np

from handbone.core.errors import HandboneError
from handbone.core.findings import Finding
from handbone.core.samples import Sample
from handbone.data.dataset import Dataset

_SHARE = 0.5  # of all labels; of whole synthetic hands none is a rectangle
_LEAST = 6  # labels that tell anything
_FILLED = 0.98  # of the smallest rectangle around it, as corners in whole pixels may miss it
_SIDE = 4  # pixels, below which any mask may be one
_REMEDY = "export contours or masks: networks that learn from boxes predict boxes"


def boxes(dataset: Dataset, samples: Iterable[Sample]) -> Finding | None:
    """A warning where half of the labels of some images, or more, are rectangles; None where they are not.

    The rectangles may be rotated. Images whose labels cannot be read count for nothing.
    """
    found = [is_rectangle(polygons) for polygons in _labels(dataset, samples)]
    if len(found) < _LEAST or sum(found) < _SHARE * len(found):
        return None
    message = f"{sum(found)} of {len(found)} labels are rectangles, as of boxes that were exported as contours"
    return Finding("warning", "boxes", ".", message, _REMEDY)


def _labels(dataset: Dataset, samples: Iterable[Sample]) -> Iterable[list[np.ndarray]]:
    """The polygons of each bone of each image."""
    for sample in samples:
        if sample.annotation is None:
            continue
        try:
            yield from dataset.read_labels(sample).polygons.values()
        except HandboneError:  # which reading it says
            continue


def is_rectangle(polygons: list[np.ndarray]) -> bool:
    """Whether the contours (n, 2) of one bone are one rectangle, of any direction."""
    if len(polygons) != 1:
        return False
    points = np.asarray(polygons[0], np.float32)
    _, (width, height), _ = cv2.minAreaRect(points)
    return min(width, height) >= _SIDE and cv2.contourArea(points) >= _FILLED * width * height
