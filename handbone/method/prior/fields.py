"""Random fields and places on stacks of masks (K, H, W), in batched torch code for the CPU and for accelerators."""

import torch
from torch import Tensor
from torch.nn import functional


def uniform(low: float, high: float, *shape: int, generator: torch.Generator) -> Tensor:
    """Uniform numbers in [low, high) on the generator's device."""
    return low + (high - low) * torch.rand(shape, generator=generator, device=generator.device)


def smooth_noise(count: int, spacing: float, side: int, *, generator: torch.Generator) -> Tensor:
    """(count, side, side) of standard normal knots, `spacing` pixels apart, with cubic interpolation between."""
    knots = max(2, round(side / spacing) + 1)
    values = torch.randn((count, 1, knots, knots), generator=generator, device=generator.device)
    return functional.interpolate(values, (side, side), mode="bicubic", align_corners=True)[:, 0]


def blurred(masks: Tensor, sigma: float) -> Tensor:
    """Square masks (K, S, S) under a Gaussian of `sigma` pixels, cut off at three of them; zero beyond the edges."""
    place = torch.arange(masks.shape[-1], device=masks.device, dtype=masks.dtype)
    reach = max(1, round(3 * sigma))
    steps = torch.arange(-reach, reach + 1, device=masks.device, dtype=masks.dtype)
    away = place[:, None] - place
    # As matrix products: convolutions of one channel are several times slower on CPUs, and cuDNN's benchmark mode
    # would time all its algorithms anew for every K.
    kernel = (
        torch.exp(-0.5 * (away / sigma) ** 2) * (away.abs() <= reach) / torch.exp(-0.5 * (steps / sigma) ** 2).sum()
    )
    return kernel @ masks @ kernel


def coordinates(side: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """x (1, 1, side) and y (1, side, 1) of pixel centres."""
    steps = torch.arange(side, device=device, dtype=torch.float32)
    return steps.view(1, 1, -1), steps.view(1, -1, 1)


def size_of(masks: Tensor) -> Tensor:
    """(K,) square roots of areas, in pixels; at least 1."""
    return masks.sum((1, 2)).clamp(min=1).sqrt()


def outline_points(masks: Tensor, *, generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
    """A random point on each mask's contour: x (K, 1, 1), y (K, 1, 1), and the outward direction (K, 2) there.

    A mask without pixels gets a random point of its grid.
    """
    side = masks.shape[-1]
    planes = masks[:, None]
    rim = functional.max_pool2d(planes, 3, 1, 1) + functional.max_pool2d(-planes, 3, 1, 1)
    chosen = torch.multinomial(rim.flatten(1) + 1e-6, 1, generator=generator)[:, 0]
    y, x = torch.div(chosen, side, rounding_mode="floor"), chosen % side
    soft = blurred(masks, 2.5)
    row = torch.arange(len(masks), device=masks.device)
    low_x, high_x = (x - 1).clamp(min=0), (x + 1).clamp(max=side - 1)
    low_y, high_y = (y - 1).clamp(min=0), (y + 1).clamp(max=side - 1)
    outward = torch.stack([soft[row, y, low_x] - soft[row, y, high_x], soft[row, low_y, x] - soft[row, high_y, x]], 1)
    outward = outward / outward.norm(dim=1, keepdim=True).clamp(min=1e-6)
    return x.float().view(-1, 1, 1), y.float().view(-1, 1, 1), outward


def blobs(x: Tensor, y: Tensor, radius: Tensor, side: int, *, generator: torch.Generator) -> Tensor:
    """Uneven, turned ellipses (K, side, side) of 0 and 1 around points (K, 1, 1); radius: (K,) pixels."""
    count = len(x)
    columns, rows = coordinates(side, x.device)
    angle = uniform(0, torch.pi, count, 1, 1, generator=generator)
    stretch = uniform(0.6, 1.7, count, 1, 1, generator=generator)
    along = (columns - x) * angle.cos() + (rows - y) * angle.sin()
    across = (rows - y) * angle.cos() - (columns - x) * angle.sin()
    away = ((along / stretch) ** 2 + (across * stretch) ** 2).sqrt() / radius.view(-1, 1, 1)
    return (away + 0.2 * smooth_noise(count, 11.0, side, generator=generator) < 1).float()


def tongues(
    x: Tensor, y: Tensor, direction: Tensor, length: Tensor, width: Tensor, *, side: int, generator: torch.Generator
) -> Tensor:
    """Strips (K, side, side) of 0 and 1 that start at points (K, 1, 1), taper and end round.

    Parameters
    ----------
    direction: (K, 2) unit vectors. length, width: (K,) pixels.
    """
    columns, rows = coordinates(side, x.device)
    dx, dy = direction[:, 0].view(-1, 1, 1), direction[:, 1].view(-1, 1, 1)
    along = (columns - x) * dx + (rows - y) * dy
    across = (rows - y) * dx - (columns - x) * dy
    length, width = length.view(-1, 1, 1), width.view(-1, 1, 1)
    share = (along / length).clamp(0, 1)
    away = torch.hypot(along - share * length, across)
    uneven = 1 + 0.25 * smooth_noise(len(x), 8.0, side, generator=generator)
    return (away < width / 2 * (1 - 0.6 * share) * uneven).float()
