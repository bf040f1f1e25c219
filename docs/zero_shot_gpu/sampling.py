"""Images and label bits read through jittered frames, on the training's device."""

import numpy as np
import torch
from ring import on_device
from torch import Tensor
from torch.nn import functional

from handbone import anatomy

# Share of the grids that are bent by a smooth field.
_BENT = 0.4


def jitter(rng: np.random.Generator, count: int, side: int, *, turn: float, grow: float, shift: float) -> np.ndarray:
    """Random similarities of a grid about its middle, a little squeezed: float32 (count, 3, 3).

    Parameters
    ----------
    side: of the grid in pixels.
    turn: standard deviation in degrees. grow: of the logarithm of the scale. shift: as a share of the side.
    """

    def normal(deviation: float, *shape: int) -> np.ndarray:
        return (deviation * rng.normal(size=shape)).clip(-2.5 * deviation, 2.5 * deviation)

    angle, squeeze = np.deg2rad(normal(turn, count)), np.exp(normal(0.03, count))
    turned = np.stack([np.cos(angle), -np.sin(angle), np.sin(angle), np.cos(angle)], 1).reshape(-1, 2, 2)
    linear = turned * np.stack([squeeze, 1 / squeeze], 1)[:, None] * np.exp(normal(grow, count))[:, None, None]
    matrices = np.tile(np.eye(3, dtype=np.float32), (count, 1, 1))
    middle = (side - 1) / 2
    matrices[:, :2, :2] = linear
    matrices[:, :2, 2] = middle + side * normal(shift, count, 2) - linear.sum(2) * middle
    return matrices


def places(matrices: np.ndarray, side: int, *, fineness: int, bend: float, generator: torch.Generator) -> Tensor:
    """Where points of the grids lie in their images: (N, S, S, 2) of (x, y) pixels, S = side x fineness.

    Parameters
    ----------
    matrices: (N, 2, 3) or (N, 3, 3) from grid to image.
    fineness: points per pixel of the grid and direction.
    bend: standard deviation, over grids, of the smooth displacements' size in pixels of the grid.
    generator: of the device.
    """
    device, count, points = generator.device, len(matrices), side * fineness
    steps = (torch.arange(points, device=device) + 0.5) / fineness - 0.5
    grid = torch.stack(torch.meshgrid(steps, steps, indexing="xy"))
    knots = int(torch.randint(4, 9, ()))
    field = torch.randn(count, 2, knots, knots, generator=generator, device=device)
    size = bend * torch.randn(count, 1, 1, 1, generator=generator, device=device)
    bent = torch.rand(count, 1, 1, 1, generator=generator, device=device) < _BENT
    field = functional.interpolate(field * size * bent, (points, points), mode="bicubic", align_corners=True)
    affine = on_device(matrices[:, :2].astype(np.float32), device)
    # No matrix product: at lower precision, which may be set for those, places would be pixels off.
    moved = (affine[:, :, :2, None, None] * (grid + field)[:, None]).sum(2) + affine[:, :, 2:, None]
    return moved.movedim(1, -1)


def read_images(images: Tensor, chosen: Tensor, places_xy: Tensor, *, fineness: int) -> Tensor:
    """Images (N, 1, side, side) in [0, 1]: bilinear, and averaged over the points of a pixel; 0 beyond the edges.

    Parameters
    ----------
    images: uint8 (K, P, P). chosen: (N,) of them.
    """
    grid = (2 * places_xy + 1) / images.shape[-1] - 1
    read = functional.grid_sample(images[chosen][:, None].float() / 255, grid, align_corners=False)
    return functional.avg_pool2d(read, fineness)


def read_labels(bits: Tensor, chosen: Tensor, places_xy: Tensor, *, fineness: int) -> Tensor:
    """Coverage (N, 29, side, side) in [0, 1].

    With one point per pixel, the four labels around it are weighted as bilinear interpolation does; with more, the
    nearest labels of all points count alike.

    Parameters
    ----------
    bits: int32 (K, P, P) of label bits. chosen: (N,) of them.
    """
    bone = torch.arange(anatomy.COUNT, device=bits.device, dtype=torch.int32).view(1, -1, 1, 1)
    side = places_xy.shape[1] // fineness
    total = torch.zeros(len(chosen), anatomy.COUNT, side, side, device=bits.device)
    if fineness > 1:
        labels = _gather(bits, chosen, places_xy.round().long())[:, None]
        for row in range(fineness):
            for column in range(fineness):
                total += (labels[..., row::fineness, column::fineness] >> bone) & 1
        return total / fineness**2
    corner = places_xy.floor()
    part = (places_xy - corner)[:, None]
    for dx, share_x in ((0, 1 - part[..., 0]), (1, part[..., 0])):
        for dy, share_y in ((0, 1 - part[..., 1]), (1, part[..., 1])):
            step = torch.tensor((dx, dy), device=bits.device)
            labels = _gather(bits, chosen, corner.long() + step)[:, None]
            total += ((labels >> bone) & 1) * (share_x * share_y)
    return total


def _gather(bits: Tensor, chosen: Tensor, places_xy: Tensor) -> Tensor:
    """(N, S, S) label bits at whole pixels (N, S, S, 2); 0 beyond the edges."""
    last = bits.shape[-1] - 1
    within = places_xy.clamp(0, last)
    labels = bits[chosen[:, None, None], within[..., 1], within[..., 0]]
    return torch.where((within == places_xy).all(-1), labels, 0)
