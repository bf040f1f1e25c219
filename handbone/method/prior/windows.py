"""Square windows around bones on stacks of masks: errors are local, and a whole grid costs seven times as much."""

from dataclasses import dataclass

import torch
from torch import Tensor

# Pixels of a window's side; a metacarpal is 60 long where a hand fills the grid of 256.
_SIDE = 96
# Pixels along a window's edges that stay as they are: fields end there, where the grid goes on.
_RIM = 6


@dataclass(frozen=True, eq=False)
class Windows:
    """One window for each of K masks.

    Parameters
    ----------
    hand, left, top: (K,) the mask's hand in the stack, and the window's first column and row in the grid.
    side: of the windows, in pixels.
    """

    hand: Tensor
    left: Tensor
    top: Tensor
    side: int

    @classmethod
    def around(cls, masks: Tensor, hand: Tensor, bone: Tensor) -> "Windows":
        """Windows around the bones (K,) of hands (K,) in masks (N, 29, S, S)."""
        planes = masks[hand, bone] > 0.5
        return cls.at(hand, _middle(planes.any(1)), _middle(planes.any(2)), _SIDE, masks.shape[-1])

    @classmethod
    def at(cls, hand: Tensor, x: Tensor, y: Tensor, side: int, grid: int) -> "Windows":
        """Windows around points (K,) in pixels of grids of `grid` x `grid`, moved where they would leave them."""
        side = min(side, grid)
        left, top = ((each.long() - side // 2).clamp(0, grid - side) for each in (x, y))
        return cls(hand, left, top, side)

    def read(self, masks: Tensor, bone: Tensor) -> Tensor:
        """What lies in the windows of bones (K,): (K, side, side)."""
        return masks[self._index(bone)]

    def write(self, masks: Tensor, bone: Tensor, values: Tensor) -> None:
        """Write (K, side, side) into the windows of bones (K,); only what is not at an edge that the grid lacks."""
        index = self._index(bone)
        inner = self._inner(self.top, masks.shape[-1])[:, :, None] & self._inner(self.left, masks.shape[-1])[:, None]
        masks[index] = torch.where(inner, values, masks[index])

    def _index(self, bone: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        steps = torch.arange(self.side, device=self.left.device)
        rows, columns = self.top[:, None] + steps, self.left[:, None] + steps
        return self.hand[:, None, None], bone[:, None, None], rows[:, :, None], columns[:, None]

    def _inner(self, first: Tensor, grid: int) -> Tensor:
        """(K, side) bool: not within the rim, but for the grid's own edges."""
        steps = torch.arange(self.side, device=first.device)
        low = (steps >= _RIM) | (first[:, None] == 0)
        return low & ((steps < self.side - _RIM) | (first[:, None] == grid - self.side))


def _middle(seen: Tensor) -> Tensor:
    """(K,) halfway between the first and the last of (K, S) that is true; the middle where none is."""
    last = seen.shape[1] - 1
    first, final = seen.int().argmax(1), last - seen.flip(1).int().argmax(1)
    return torch.div(first + final, 2, rounding_mode="floor")
