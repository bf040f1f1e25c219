"""Images with their contours, as training takes them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

Polygons = Mapping[int, Sequence[np.ndarray]]


@dataclass(frozen=True, eq=False)
class LabelledImage:
    """An image with its contours.

    Parameters
    ----------
    name: base name of the file with its extension.
    load: reads the decoded image (H, W), float in [0, 1] or unsigned integers over their whole range.
    size_hw: the image's height and width.
    polygons: bone index to contours (n, 2) in the image.
    """

    name: str
    load: Callable[[], np.ndarray]
    size_hw: tuple[int, int]
    polygons: Polygons


class Stream(Protocol):
    """Images that are drawn when they are needed, see `handbone.data.synthetic_stream.SyntheticStream`."""

    def __len__(self) -> int: ...

    def draw(self, epoch: int, index: int, size: int) -> LabelledImage: ...
