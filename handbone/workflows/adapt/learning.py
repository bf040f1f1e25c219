"""One training example, its weights, and the loss that minds them."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from handbone.anatomy import COUNT
from handbone.core.frame import Frame
from handbone.core.rasterise import coverage
from handbone.data.augment import Augmenter
from handbone.data.grid_dataset import LabelledImage, bones_of
from handbone.data.view import view

# Of soft Dice: a bone without weight costs nothing.
_SMOOTH = 1.0


@dataclass(frozen=True, eq=False)
class Example:
    """What a network learns from.

    Parameters
    ----------
    image: float32 (1, size, size) in [0, 1].
    target: uint8 (29, size, size), 255 where a bone covers the whole pixel.
    weight: uint8 (29, size, size), 255 where the target is sure, 0 where it says nothing.
    """

    image: np.ndarray
    target: np.ndarray
    weight: np.ndarray


def make_example(
    image: LabelledImage,
    frame: Frame,
    augmenter: Augmenter,
    rng: np.random.Generator,
    *,
    dropped: Iterable[int] = (),
) -> Example:
    """An image through a frame, changed at random, with the target and its weights.

    Parameters
    ----------
    image: its contours under 0 to 28; those of an own radiograph also under 29 to 86, see `PseudoMasks`.
    dropped: bones without weight.
    """
    grid = view(image.load(), frame)
    polygons = {
        key: [frame.to_grid(r).astype(np.float32) for r in polygons] for key, polygons in image.polygons.items()
    }
    grid, polygons = augmenter(grid, polygons, rng)
    target, sure, possible = (
        coverage(bones_of(polygons, first), size_hw=frame.size_hw, outline=frame.scale)
        for first in (0, COUNT, 2 * COUNT)
    )
    # Contours lie inside one another but for rounding.
    weight = 255 - (np.maximum(possible, sure) - sure)
    weight[list(dropped)] = 0
    return Example(grid[None], target, weight)


def weighted_loss(logits: Tensor, target: Tensor, weight: Tensor) -> Tensor:
    """Cross-entropy plus 1 - Dice, both over the pixels that have weight; Dice by image and bone.

    Parameters
    ----------
    logits, target, weight: float (N, 29, H, W); target and weight in [0, 1].

    >>> logits = torch.full((1, 29, 4, 4), 9.0)
    >>> float(weighted_loss(logits, torch.zeros_like(logits), torch.zeros_like(logits)))
    0.0
    """
    logits = logits.float()
    each = torch.nn.functional.binary_cross_entropy_with_logits(logits, target, reduction="none")
    entropy = (each * weight).sum() / weight.sum().clamp(min=1)
    seen = logits.sigmoid() * weight
    shared = (seen * target).sum((2, 3))
    both = seen.sum((2, 3)) + (target * weight).sum((2, 3))
    return entropy + (1 - (2 * shared + _SMOOTH) / (both + _SMOOTH)).mean()
