"""What all labels of a data set have in common where they outline no bone: they are boxes, or in other units."""

import math
from collections.abc import Iterable, Iterator

import cv2
import numpy as np

from handbone.core.errors import HandboneError
from handbone.core.findings import Finding
from handbone.core.labels import Labels
from handbone.core.samples import Sample
from handbone.data.dataset import Dataset

_SHARE = 0.5  # of all labels; of whole synthetic hands none is a rectangle
_LEAST = 6  # labels that tell anything
_IMAGES = 64  # of a large data set, spread over it: what one tool exports is alike, and reading labels takes time
_FILLED = 0.98  # of the smallest rectangle around it, as corners in whole pixels may miss it
_SIDE = 4  # pixels, below which any mask may be one
_SMALLEST = 200  # pixels of an image's side, below which numbers in percent look like any
_BOXES_REMEDY = "export contours or masks: networks that learn from boxes predict boxes"


def boxes(dataset: Dataset, samples: Iterable[Sample]) -> Finding | None:
    """A warning where half of the labels, or more, are rectangles; None where they are not.

    The rectangles may be rotated. Some images of a large data set are looked at, and those whose labels cannot be read
    count for nothing.
    """
    found = [is_rectangle(polygons) for labels in _labels(dataset, samples) for polygons in labels.polygons.values()]
    if len(found) < _LEAST or sum(found) < _SHARE * len(found):
        return None
    message = f"{sum(found)} of {len(found)} labels are rectangles, as of boxes that were exported as contours"
    return Finding("warning", "boxes", ".", message, _BOXES_REMEDY)


def percent(dataset: Dataset, samples: Iterable[Sample]) -> Finding | None:
    """A warning where labels look like numbers in percent: none exceeds 100, and some reach far.

    Images are those that `boxes` looks at.
    """
    farthest = 0.0
    for labels in _labels(dataset, samples):
        if labels.polygons:
            points = np.concatenate([points for polygons in labels.polygons.values() for points in polygons])
            farthest = max(farthest, float(points.max()))
            if farthest > 100 or min(labels.size_hw) < _SMALLEST:
                return None
    if farthest < 50:
        return None
    message = "all labels lie in the first 100 x 100 pixels of their images, as numbers in percent do"
    return Finding(
        "warning", "percent", ".", message, "export them in pixels; 'data check --labels' shows where they lie"
    )


def _labels(dataset: Dataset, samples: Iterable[Sample]) -> Iterator[Labels]:
    """The labels of each image that is looked at and can be read."""
    labelled = [sample for sample in samples if sample.annotation is not None]
    for sample in labelled[:: math.ceil(len(labelled) / _IMAGES) or 1]:
        try:
            yield dataset.read_labels(sample)
        except HandboneError:  # which reading it says
            continue


def is_rectangle(polygons: list[np.ndarray]) -> bool:
    """Whether the contours (n, 2) of one bone are one rectangle, of any direction."""
    if len(polygons) != 1:
        return False
    points = np.asarray(polygons[0], np.float32)
    _, (width, height), _ = cv2.minAreaRect(points)
    return min(width, height) >= _SIDE and cv2.contourArea(points) >= _FILLED * width * height
