"""What both networks' training sets have in common: pictures through frames, augmented, with targets on the grid."""

import copy
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, Self

import numpy as np
import torch
from torch.utils.data import Dataset

from handbone.anatomy import COUNT
from handbone.core.frame import Frame
from handbone.core.rasterise import coverage
from handbone.data.augment import Augmenter
from handbone.data.view import view
from handbone.recipe import schema

Rings = Mapping[int, Sequence[np.ndarray]]


@dataclass(frozen=True)
class LabelledPicture:
    """A picture with its outlines.

    Parameters
    ----------
    name: base name of the file with its extension.
    load: reads the decoded picture (H, W), float in [0, 1] or unsigned integers over their whole range.
    size_hw: the picture's height and width.
    rings: bone index to outlines (n, 2) in the picture.
    """

    name: str
    load: Callable[[], np.ndarray]
    size_hw: tuple[int, int]
    rings: Rings


class Stream(Protocol):
    """Pictures that are drawn when they are needed, see `handbone.data.synthetic_stream.PhantomStream`."""

    def __len__(self) -> int: ...

    def draw(self, epoch: int, index: int, size: int) -> LabelledPicture: ...


class GridDataset(Dataset, ABC):
    """Pictures on a square grid, for a network to learn from; one item a picture.

    An item is a dict of `image`, float32 (C, size, size) in [0, 1], `target`, uint8 (29, size, size), 255 where a bone
    covers the whole pixel, and `name`. What is random in an item depends on the seed, the epoch and the item's index
    only.

    Parameters
    ----------
    pictures: what to learn from; a stream draws each when it is its turn.
    size: side of the grid.
    augment: random changes; none when unset.
    seed: of everything random.
    """

    def __init__(
        self,
        pictures: Sequence[LabelledPicture] | Stream,
        *,
        size: int,
        augment: schema.Augment | None = None,
        seed: int = 0,
    ):
        self.pictures, self.size, self.seed = pictures, size, seed
        self.epoch = 0
        self.augmenter = None if augment is None else Augmenter(augment)

    def __len__(self) -> int:
        return len(self.pictures)

    def at_size(self, size: int) -> Self:
        """The same pictures on a grid of another size."""
        other = copy.copy(self)
        other.size = size
        return other

    def set_epoch(self, epoch: int) -> None:
        """Choose this epoch's random changes."""
        self.epoch = epoch

    def picture_side(self) -> int:
        """Side of a drawn picture that has about as many pixels under the frame as the grid has."""
        return self.size

    def picture_of(self, index: int) -> LabelledPicture:
        """The picture of an index in this epoch."""
        if isinstance(self.pictures, Sequence):
            return self.pictures[index]
        return self.pictures.draw(self.epoch, index, self.picture_side())

    @abstractmethod
    def frame_of(self, picture: LabelledPicture, rng: np.random.Generator) -> Frame:
        """Where the network looks."""

    def rings_of(self, picture: LabelledPicture) -> dict[int, list[np.ndarray]]:
        """Outlines in the picture that move with it; keys from 29 on are not part of the target."""
        return {bone: list(rings) for bone, rings in picture.rings.items()}

    def channels_of(self, grid: np.ndarray, rings: Rings, outline: float, rng: np.random.Generator) -> np.ndarray:
        """The network's input float32 (C, size, size) from the picture on the grid and the moved outlines."""
        return grid[None]

    def __getitem__(self, index: int) -> dict[str, torch.Tensor | str]:
        if not 0 <= index < len(self):
            raise IndexError(index)
        rng = np.random.default_rng((self.seed, self.epoch, index))
        picture = self.picture_of(index)
        frame = self.frame_of(picture, rng)
        grid = view(picture.load(), frame)
        rings = {
            key: [frame.to_grid(ring).astype(np.float32) for ring in polygons]
            for key, polygons in self.rings_of(picture).items()
        }
        if self.augmenter is not None:
            grid, rings = self.augmenter(grid, rings, rng)
        target = coverage(bones_of(rings), size_hw=frame.size_hw, outline=frame.scale)
        image = self.channels_of(grid, rings, frame.scale, rng)
        return {
            "image": torch.from_numpy(np.ascontiguousarray(image, np.float32)),
            "target": torch.from_numpy(target),
            "name": picture.name,
        }


def bones_of(rings: Rings, first: int = 0) -> dict[int, Sequence[np.ndarray]]:
    """The outlines under the 29 keys from `first` on, by bone index."""
    return {key - first: value for key, value in rings.items() if 0 <= key - first < COUNT}
