"""What both networks' training sets have in common: images through frames, augmented, with targets on the grid."""

import copy
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Self

import numpy as np
import torch
from torch.utils.data import Dataset

from handbone.anatomy import COUNT
from handbone.core.frame import Frame
from handbone.core.rasterise import coverage
from handbone.data.augment import Augmenter
from handbone.data.labelled_image import LabelledImage, Polygons, Stream
from handbone.data.view import view
from handbone.recipe import schema


class GridDataset(Dataset, ABC):
    """Images on a square grid, for a network to learn from; one item per image.

    An item is a dict of `image`, float32 (C, size, size) in [0, 1], `target`, uint8 (29, size, size), 255 where a bone
    covers the whole pixel, and `name`. What is random in an item depends on the seed, the epoch and the item's index
    only.

    Parameters
    ----------
    images: what to learn from; a stream draws each when it is its turn.
    size: side of the grid.
    augment: random changes; none when unset.
    seed: of everything random.
    """

    def __init__(
        self,
        images: Sequence[LabelledImage] | Stream,
        *,
        size: int,
        augment: schema.Augment | None = None,
        seed: int = 0,
    ):
        self.images, self.size, self.seed = images, size, seed
        self.epoch = 0
        self.augmenter = None if augment is None else Augmenter(augment)

    def __len__(self) -> int:
        return len(self.images)

    def at_size(self, size: int) -> Self:
        """The same images on a grid of another size."""
        other = copy.copy(self)
        other.size = size
        return other

    def set_epoch(self, epoch: int) -> None:
        """Choose this epoch's random changes."""
        self.epoch = epoch

    def image_side(self) -> int:
        """Side of a drawn image that has about as many pixels under the frame as the grid has."""
        return self.size

    def image_of(self, index: int) -> LabelledImage:
        """The image of an index in this epoch."""
        if isinstance(self.images, Sequence):
            return self.images[index]
        return self.images.draw(self.epoch, index, self.image_side())

    @abstractmethod
    def frame_of(self, radiograph: LabelledImage, rng: np.random.Generator) -> Frame:
        """Where the network looks."""

    def polygons_of(self, radiograph: LabelledImage) -> dict[int, list[np.ndarray]]:
        """Contours in the image that move with it; keys from 29 on are not part of the target."""
        return {bone: list(polygons) for bone, polygons in radiograph.polygons.items()}

    def channels_of(self, grid: np.ndarray, polygons: Polygons, outline: float, rng: np.random.Generator) -> np.ndarray:
        """The network's input float32 (C, size, size) from the image on the grid and the moved contours."""
        return grid[None]

    def __getitem__(self, index: int) -> dict[str, torch.Tensor | str]:
        if not 0 <= index < len(self):
            raise IndexError(index)
        rng = np.random.default_rng((self.seed, self.epoch, index))
        radiograph = self.image_of(index)
        frame = self.frame_of(radiograph, rng)
        grid = view(radiograph.load(), frame)
        polygons = {
            key: [frame.to_grid(polygon).astype(np.float32) for polygon in polygons]
            for key, polygons in self.polygons_of(radiograph).items()
        }
        if self.augmenter is not None:
            grid, polygons = self.augmenter(grid, polygons, rng)
        target = coverage(bones_of(polygons), size_hw=frame.size_hw, outline=frame.scale)
        image = self.channels_of(grid, polygons, frame.scale, rng)
        return {
            "image": torch.from_numpy(np.ascontiguousarray(image, np.float32)),
            "target": torch.from_numpy(target),
            "name": radiograph.name,
        }


def bones_of(polygons: Polygons, first: int = 0) -> dict[int, Sequence[np.ndarray]]:
    """The contours under the 29 keys from `first` on, by bone index."""
    return {key - first: value for key, value in polygons.items() if 0 <= key - first < COUNT}
