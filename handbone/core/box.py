"""A rectangle of pixels and its arithmetic: intersections, enclosing boxes and views."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple, Self

import numpy as np


class Box(NamedTuple):
    """A half-open box of the pixels with left <= x < right and top <= y < bottom.

    It is a tuple, so that it compares and unpacks like a row of `boxes_xyxy`.

    >>> Box(2, 1, 6, 4).shared(Box(0, 0, 4, 9))
    Box(left=2, top=1, right=4, bottom=4)
    """

    left: int
    top: int
    right: int
    bottom: int

    @classmethod
    def whole(cls, size_hw: tuple[int, int]) -> Self:
        """All pixels of an image of this height and width."""
        return cls(0, 0, size_hw[1], size_hw[0])

    @classmethod
    def around(cls, boxes: Iterable[Sequence[int]]) -> Self:
        """The smallest box around boxes; empty ones are ignored, and without any it is all zeros."""
        filled = [box for box in boxes if box[0] < box[2]]
        if not filled:
            return cls(0, 0, 0, 0)
        corners = np.array(filled, int)
        return cls(*corners[:, :2].min(0).tolist(), *corners[:, 2:].max(0).tolist())

    @property
    def size_hw(self) -> tuple[int, int]:
        """Height and width in pixels."""
        return self.bottom - self.top, self.right - self.left

    @property
    def is_empty(self) -> bool:
        """Whether it contains no pixel."""
        return self.left >= self.right or self.top >= self.bottom

    @property
    def area(self) -> int:
        """How many pixels it contains."""
        return 0 if self.is_empty else self.size_hw[0] * self.size_hw[1]

    def moved(self, across: int, down: int) -> Self:
        """This box so many pixels farther right and down."""
        return type(self)(self.left + across, self.top + down, self.right + across, self.bottom + down)

    def shared(self, other: Sequence[int]) -> Self:
        """The intersection; an empty box inside `other` if they are disjoint."""
        left, top = (min(max(self[axis], other[axis]), other[axis + 2]) for axis in (0, 1))
        right, bottom = (min(max(self[axis + 2], low), other[axis + 2]) for axis, low in ((0, left), (1, top)))
        return type(self)(int(left), int(top), int(right), int(bottom))

    def inside(self, outer: Sequence[int]) -> tuple[slice, slice]:
        """Rows and columns of this box in an array that fills the box `outer`."""
        x, y = outer[0], outer[1]
        return slice(self.top - y, self.bottom - y), slice(self.left - x, self.right - x)

    def cut(self, part: np.ndarray, at: Sequence[int]) -> np.ndarray:
        """This box's view of pixels (h, w) that fill the box `at`: cropped, with zeros outside of `at`."""
        view = np.zeros(self.size_hw, part.dtype)
        both = type(self)(*at).shared(self)
        view[both.inside(self)] = part[both.inside(at)]
        return view
