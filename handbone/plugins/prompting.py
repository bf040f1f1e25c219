"""Prompts, and the protocol of prompted networks."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from handbone.core.errors import ShapeError

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor, nn


@dataclass(frozen=True, eq=False)
class Prompts:
    """Prompts for B bones, in pixels of the prompter's grid with (0, 0) at the first pixel's centre.

    Parameters
    ----------
    boxes_xyxy: (B, 4) float32, centres of the outermost pixels: left, top, right, bottom.
    points_xy: (B, P, 2) float32.
    labels: (B, P) int64, 1: on the bone, 0: not on it, -1: no point, only there to make rows equally long.
    masks: (B, 1, m, m) float32 logits on the prompter's mask grid, or None.
    """

    boxes_xyxy: "np.ndarray"
    points_xy: "np.ndarray"
    labels: "np.ndarray"
    masks: "np.ndarray | None" = None

    def __post_init__(self) -> None:
        bones = len(self.boxes_xyxy)
        if self.boxes_xyxy.shape != (bones, 4):
            raise ShapeError("boxes_xyxy", "(B, 4)", self.boxes_xyxy.shape)
        if self.labels.ndim != 2 or len(self.labels) != bones:
            raise ShapeError("labels", f"({bones}, P)", self.labels.shape)
        if self.points_xy.shape != (*self.labels.shape, 2):
            raise ShapeError("points_xy", f"{(*self.labels.shape, 2)}", self.points_xy.shape)
        if self.masks is not None and (self.masks.ndim != 4 or self.masks.shape[:2] != (bones, 1)):
            raise ShapeError("masks", f"({bones}, 1, m, m)", self.masks.shape)

    def __len__(self) -> int:
        return len(self.boxes_xyxy)

    def rows(self, first: int, last: int) -> "Prompts":
        """The prompts from `first` to before `last`."""
        rows = slice(first, last)
        masks = None if self.masks is None else self.masks[rows]
        return Prompts(self.boxes_xyxy[rows], self.points_xy[rows], self.labels[rows], masks)


class Prompter(Protocol):
    """A network that reads a square grid once and then answers any number of prompts about it.

    Parameters
    ----------
    size: side in pixels of the grid that it reads (1024 for segment-anything, 256 for LiteMedSAM).
    mask_size: side of the grid of its logits and of mask prompts (256 for both).
    encoder_id: tells encoders with other weights apart; part of the name of every cached embedding.
    decoder: the part that fine-tuning trains; everything else stays as it is.
    points: whether it has learned from points; one that knows boxes alone gets none, whatever a recipe asks for.
    """

    size: int
    mask_size: int
    encoder_id: str
    decoder: "nn.Module"
    points: bool

    def embed(self, grid: "np.ndarray") -> "Tensor":
        """The embedding (1, C, h, w), float32, of a grid (size, size), float32 in [0, 1]; without gradients."""

    def candidates(self, embedding: "Tensor", prompts: Prompts) -> "tuple[Tensor, Tensor]":
        """Logits (B, K, mask_size, mask_size) and the IoU (B, K) that each is expected to have, both float32.

        With gradients where the decoder's parameters ask for them. The embedding may lie on any device.
        """
