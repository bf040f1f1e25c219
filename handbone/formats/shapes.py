"""What annotation tools draw, outlines and masks, as labels of one image."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from pycocotools import mask as coco_mask

from handbone.core.errors import HandboneError
from handbone.core.labels import Labels
from handbone.core.polygons import checked_points
from handbone.formats.label_frames import label_frame
from handbone.formats.labels_builder import LabelsBuilder


@dataclass(frozen=True, eq=False)
class Shape:
    """One annotation of a tool: an outline, a mask, or something else with the reason why it is not used.

    Parameters
    ----------
    label: the class name that it was given.
    points_xy: (n, 2) points of a closed outline, in pixels of the image that the tool showed.
    mask: bool (h, w). corner_xy: where its first pixel lies in that image.
    problem: why it cannot be used, as a clause that follows its label ("is a box"); None of one that can.
    """

    label: str
    points_xy: np.ndarray | None = None
    mask: np.ndarray | None = None
    corner_xy: tuple[int, int] = (0, 0)
    problem: str | None = None

    def extent(self) -> np.ndarray:
        """Points (n, 2) that say in which frame it was drawn; none where there are none."""
        if self.mask is not None:
            height, width = self.mask.shape
            return np.array([self.corner_xy, np.add(self.corner_xy, (width - 1, height - 1))], float)
        points = np.empty((0, 2)) if self.points_xy is None else self.points_xy
        return points if points.ndim == 2 and np.isfinite(points).all() else np.empty((0, 2))


def filled(label: str, points_xy: np.ndarray, size_hw: tuple[int, int]) -> Shape:
    """An outline whose points count from the corner of the first pixel, as the mask that pycocotools makes of it.

    Parameters
    ----------
    points_xy: (n, 2) in an image of that height and width.
    """
    try:
        points = checked_points(points_xy, size_hw)
    except HandboneError as error:
        return Shape(label, problem=error.what)
    encoded = coco_mask.frPyObjects([points.ravel().tolist()], *size_hw)[0]
    left, top, across, down = (int(side) for side in coco_mask.toBbox(encoded))
    mask = coco_mask.decode(encoded)[top : top + down, left : left + across].astype(bool)
    return Shape(label, mask=mask, corner_xy=(left, top)) if mask.size else Shape(label, problem="covers no pixel")


def labels_of(
    shapes: Sequence[Shape], builder: LabelsBuilder, *, declared_hw: tuple[int, int] | None, size_hw: tuple[int, int]
) -> Labels:
    """The labels of an image from what a tool drew on it, with findings about all that is not used.

    Parameters
    ----------
    builder: of this image. declared_hw: height and width that the file says; None where it does not.
    size_hw: those of the image as it is read.
    """
    if builder.use_frame(label_frame(declared_hw, size_hw, _extents(shapes))):
        for shape in shapes:
            _add(shape, builder)
    return builder.finish()


def _extents(shapes: Iterable[Shape]) -> list[np.ndarray]:
    return [extent for shape in shapes if (extent := shape.extent()).size]


def _add(shape: Shape, builder: LabelsBuilder) -> None:
    if shape.problem is not None:
        message = f"an annotation of {shape.label} {shape.problem}"
        builder.note(
            "error", "broken-outline", message, "draw it again as an outline or a mask; until then it is ignored"
        )
        return
    bone = builder.bone(shape.label)
    if bone is not None and shape.mask is not None:
        builder.add_mask(bone, shape.mask, shape.corner_xy)
    elif bone is not None and shape.points_xy is not None:
        builder.add(bone, shape.points_xy)
