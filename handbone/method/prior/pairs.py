"""Pairs of corrupted and clean masks for training the prior, with the frame, the edges and the bones varied."""

import torch
from torch import Tensor
from torch.nn import functional

from handbone import anatomy
from handbone.method.prior.corrupt import corrupt
from handbone.method.prior.fields import coordinates, uniform

# A frame stands on masks that may be wrong: degrees, share of its size, share of its side.
_TURN, _GROW, _SHIFT = 8.0, 0.1, 0.05
# Shares of hands that an edge cuts, and that lack a finger or a bone.
_CUT, _AMPUTATED = 0.3, 0.06
_PARTS = ((0,), (0, 1), (3, 4, 5), (7, 8, 9), (11, 12, 13), (15, 16, 17), (3,), (7,), (11,), (15,))


def training_pair(clean: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Corrupted masks and the clean masks that the prior has to find in them.

    What lies beyond an edge, and bones that a hand lacks, are in neither of the two: they must not be invented.

    Parameters
    ----------
    clean: coverage (N, 29, S, S) in [0, 1] in the canonical frame.
    generator: of the masks' device.

    Returns
    -------
    Two tensors (N, 29, S, S) in [0, 1].
    """
    target = _reframed(clean, generator)
    target = target * _there(len(clean), generator)[:, :, None, None]
    visible = _visible(len(clean), clean.shape[-1], generator)
    target = target * visible
    return corrupt(target, generator) * visible, target


def _reframed(masks: Tensor, generator: torch.Generator) -> Tensor:
    """The masks in frames that lie a little wrong."""
    count = len(masks)
    angle = torch.deg2rad(uniform(-_TURN, _TURN, count, generator=generator))
    grow = 1 + uniform(-_GROW, _GROW, count, generator=generator)
    shift = uniform(-2 * _SHIFT, 2 * _SHIFT, count, 2, generator=generator)
    cosine, sine = angle.cos() * grow, angle.sin() * grow
    rows = torch.stack([cosine, -sine, shift[:, 0]], 1), torch.stack([sine, cosine, shift[:, 1]], 1)
    grid = functional.affine_grid(torch.stack(rows, 1), list(masks.shape), align_corners=False)
    return functional.grid_sample(masks, grid, align_corners=False)


def _there(count: int, generator: torch.Generator) -> Tensor:
    """(count, 29) of 0 and 1: what amputations leave."""
    parts = torch.ones(len(_PARTS) + 1, anatomy.COUNT, device=generator.device)
    for number, bones in enumerate(_PARTS):
        parts[number, list(bones)] = 0
    drawn = torch.randint(len(_PARTS), (count,), generator=generator, device=generator.device)
    lacks = uniform(0, 1, count, generator=generator) < _AMPUTATED
    return parts[torch.where(lacks, drawn, len(_PARTS))]


def _visible(count: int, side: int, generator: torch.Generator) -> Tensor:
    """(count, 1, side, side) of 0 and 1: the image, cut by a straight edge in some of the hands."""
    columns, rows = coordinates(side, generator.device)
    direction = uniform(0, 2 * torch.pi, count, 1, 1, generator=generator)
    # From across the palm (rare) to beyond the fingertips.
    reach = side * uniform(0.12, 0.5, count, 1, 1, generator=generator)
    middle = (side - 1) / 2
    beyond = (columns - middle) * direction.cos() + (rows - middle) * direction.sin() > reach
    cut = uniform(0, 1, count, 1, 1, generator=generator) < _CUT
    return (~(beyond & cut)).float()[:, None]
