"""Masks of a hand made wrong as networks make them wrong: the inputs from which the prior learns.

Kinds of errors as seen in networks' masks of real radiographs. All of it is batched and runs where the masks are.
"""

import torch
from torch import Tensor
from torch.nn import functional

from handbone import anatomy
from handbone.method.prior.fields import (
    blobs,
    blurred,
    coordinates,
    outline_points,
    size_of,
    smooth_noise,
    tongues,
    uniform,
)
from handbone.method.prior.renamings import RENAMINGS, renaming_odds
from handbone.method.prior.windows import Windows

# Share of the hands that stay as they are, and of those whose names change.
_UNHURT, _RENAMED = 0.1, 0.35
# Chance of each error for each bone of a hand that is not spared.
_WAVY, _BITTEN, _SPURRED, _LEAKING, _PATCHED, _LOST = 0.6, 0.1, 0.08, 0.06, 0.07, 0.015
# Crumbs of a hand on average, and shares of hands whose probabilities are soft or faint in places.
_CRUMBS, _SOFT, _FAINT = 3.0, 0.6, 0.4
# The side of a crumb's window: three times the largest radius either way.
_CRUMB_SIDE = 48
# Limits of the blurred mask between which a contour may run.
_FAR_OUT, _FAR_IN = 0.2, 0.85
_PAIRS = sorted((anatomy.INDEX[a], anatomy.INDEX[b]) for a, b in anatomy.NEIGHBOURS)


def corrupt(clean: Tensor, generator: torch.Generator) -> Tensor:
    """What a network might have said of these bones.

    Parameters
    ----------
    clean: coverage (N, 29, S, S) in [0, 1], hands in the canonical pose.
    generator: of the masks' device.

    Returns
    -------
    (N, 29, S, S) in [0, 1]; `clean` stays as it is.
    """
    hurt = uniform(0, 1, len(clean), generator=generator) >= _UNHURT
    masks = clean.clone()
    for error in (_patch, _wave, _spur, _leak, _bite, _lose, _crumble):
        error(masks, hurt, generator)
    masks = _rename(masks, hurt, generator)
    return _soften(masks, hurt, generator).clamp_(0, 1)


def _chosen(masks: Tensor, hurt: Tensor, odds: float, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Hands and bones (K,), (K,) that an error befalls: bones that are there, of hands that are not spared."""
    lots = uniform(0, 1, *masks.shape[:2], generator=generator)
    # Hands are hurt unevenly: most in few places, some everywhere.
    severity = 3 * uniform(0, 1, len(masks), 1, generator=generator) ** 2
    there = masks.flatten(2).amax(-1) > 0.5
    return torch.nonzero((lots < odds * severity) & hurt[:, None] & there, as_tuple=True)


def _rename(masks: Tensor, hurt: Tensor, generator: torch.Generator) -> Tensor:
    """Bones under each other's names."""
    count, device = len(masks), masks.device
    table = torch.tensor(RENAMINGS, device=device)
    odds = torch.tensor(renaming_odds(), device=device)
    drawn = torch.multinomial(odds, count, replacement=True, generator=generator)
    renamed = (uniform(0, 1, count, generator=generator) < _RENAMED) & hurt
    order = torch.where(renamed[:, None], table[drawn], torch.arange(masks.shape[1], device=device))
    return masks[torch.arange(count, device=device)[:, None], order]


def _wave(masks: Tensor, hurt: Tensor, generator: torch.Generator) -> None:
    """Contours that run too far in or out, or beside the bone."""
    hand, bone = _chosen(masks, hurt, _WAVY, generator)
    if not len(hand):
        return
    windows = Windows.around(masks, hand, bone)
    old, side = windows.read(masks, bone), windows.side
    steps = torch.linspace(-1, 1, side, device=masks.device)
    grid = torch.stack(torch.meshgrid(steps, steps, indexing="xy"), -1)
    reach = size_of(old).view(-1, 1) * uniform(0.0, 0.1, len(hand), 1, generator=generator) * 2 / side
    shift = torch.randn((len(hand), 2), generator=generator, device=masks.device) * reach
    moved = functional.grid_sample(old[:, None], grid + shift.view(-1, 1, 1, 2), align_corners=True)[:, 0]
    # A smooth threshold on a blurred mask moves its contour; more for larger bones.
    limit = 0.5 + 0.17 * smooth_noise(len(hand), 9.5, side, generator=generator)
    limit += uniform(-0.2, 0.2, len(hand), 1, 1, generator=generator)
    inside = torch.sigmoid(20 * (blurred(moved, 1.8) - limit.clamp(_FAR_OUT, _FAR_IN)))
    # Away from the bone a sigmoid leaves a trace.
    windows.write(masks, bone, ((inside - 0.03) / 0.97).clamp(min=0))


def _bite(masks: Tensor, hurt: Tensor, generator: torch.Generator) -> None:
    hand, bone = _chosen(masks, hurt, _BITTEN, generator)
    if not len(hand):
        return
    windows = Windows.around(masks, hand, bone)
    old = windows.read(masks, bone)
    x, y, _ = outline_points(old, generator=generator)
    radius = size_of(old) * uniform(0.12, 0.5, len(hand), generator=generator)
    windows.write(masks, bone, old * (1 - blobs(x, y, radius, windows.side, generator=generator)))


def _spur(masks: Tensor, hurt: Tensor, generator: torch.Generator) -> None:
    """Tongues from the contour into soft tissue or over neighbours."""
    hand, bone = _chosen(masks, hurt, _SPURRED, generator)
    if not len(hand):
        return
    windows = Windows.around(masks, hand, bone)
    old = windows.read(masks, bone)
    x, y, outward = outline_points(old, generator=generator)
    turn = uniform(-1.2, 1.2, len(hand), generator=generator)
    direction = torch.stack(
        [
            turn.cos() * outward[:, 0] - turn.sin() * outward[:, 1],
            turn.sin() * outward[:, 0] + turn.cos() * outward[:, 1],
        ],
        1,
    )
    size = size_of(old)
    length = size * uniform(0.2, 1.0, len(hand), generator=generator)
    width = size * uniform(0.15, 0.5, len(hand), generator=generator)
    strips = tongues(x, y, direction, length, width, side=windows.side, generator=generator)
    windows.write(masks, bone, torch.maximum(old, strips))


def _leak(masks: Tensor, hurt: Tensor, generator: torch.Generator) -> None:
    """Broad seams along a side of the bone."""
    hand, bone = _chosen(masks, hurt, _LEAKING, generator)
    if not len(hand):
        return
    windows = Windows.around(masks, hand, bone)
    old = windows.read(masks, bone)
    x, y, _ = outline_points(old, generator=generator)
    size = size_of(old)
    place = blobs(x, y, size * uniform(0.3, 0.8, len(hand), generator=generator), windows.side, generator=generator)
    wide = (blurred(old, 4.0) > uniform(0.03, 0.3, len(hand), 1, 1, generator=generator)).float()
    windows.write(masks, bone, torch.maximum(old, wide * place))


def _patch(masks: Tensor, hurt: Tensor, generator: torch.Generator) -> None:
    """Parts of a bone in a neighbour's mask, most of them taken from the bone."""
    pairs = torch.tensor(_PAIRS, device=masks.device)
    hand, bone = _chosen(masks, hurt, _PATCHED, generator)
    if not len(hand):
        return
    touches = (pairs[None] == bone.view(-1, 1, 1)).any(-1).float()
    pair = pairs[torch.multinomial(touches, 1, generator=generator)[:, 0]]
    other = pair.sum(1) - bone
    # Bones of which two patches go to one neighbour at once would lose one: the first of them counts.
    windows = Windows.around(masks, hand, bone)
    old = windows.read(masks, bone)
    x, y, _ = outline_points(old, generator=generator)
    radius = size_of(old) * uniform(0.2, 0.9, len(hand), generator=generator)
    part = old * blobs(x, y, radius, windows.side, generator=generator)
    stays = (uniform(0, 1, len(hand), 1, 1, generator=generator) < 0.25).float()
    windows.write(masks, bone, torch.where(stays > 0, old, old - part))
    windows.write(masks, other, torch.maximum(windows.read(masks, other), part))


def _lose(masks: Tensor, hurt: Tensor, generator: torch.Generator) -> None:
    hand, bone = _chosen(masks, hurt, _LOST, generator)
    masks[hand, bone] = 0


def _crumble(masks: Tensor, hurt: Tensor, generator: torch.Generator) -> None:
    """Specks anywhere, in the channels of bones that are there and of bones that are not."""
    count, side = len(masks), masks.shape[-1]
    lots = uniform(0, 1, count, masks.shape[1], generator=generator)
    severity = uniform(0, 2 * _CRUMBS / masks.shape[1], count, 1, generator=generator)
    hand, bone = torch.nonzero((lots < severity) & hurt[:, None], as_tuple=True)
    if not len(hand):
        return
    # Near the middle of the hand as often as at its rim.
    x, y = (side * uniform(0.02, 0.98, len(hand), generator=generator) for _ in range(2))
    radius = torch.exp(uniform(0.0, 2.1, len(hand), generator=generator))
    windows = Windows.at(hand, x, y, _CRUMB_SIDE, side)
    x, y = (x - windows.left).view(-1, 1, 1), (y - windows.top).view(-1, 1, 1)
    specks = blobs(x, y, radius, windows.side, generator=generator)
    windows.write(masks, bone, torch.maximum(windows.read(masks, bone), specks))


def _soften(masks: Tensor, hurt: Tensor, generator: torch.Generator) -> Tensor:
    """Probabilities instead of coverage: soft edges, and places where a network is not sure."""
    count, side = len(masks), masks.shape[-1]
    soft = torch.nonzero(uniform(0, 1, count, generator=generator) < _SOFT)[:, 0]
    smooth = functional.avg_pool2d(masks[soft], 3, 1, 1, count_include_pad=False)
    masks[soft] = torch.lerp(masks[soft], smooth, uniform(0.2, 1, len(soft), 1, 1, 1, generator=generator))
    faint = (uniform(0, 1, count, generator=generator) < _FAINT) & hurt
    lots = uniform(0, 1, count, masks.shape[1], generator=generator) < 0.3
    columns, rows = coordinates(side, masks.device)
    x, y = (side * uniform(0, 1, count, 1, 1, generator=generator) for _ in range(2))
    reach = side * uniform(0.05, 0.3, count, 1, 1, generator=generator)
    dip = torch.exp(-0.5 * ((columns - x) ** 2 + (rows - y) ** 2) / reach**2)
    dip = dip * uniform(0.2, 0.8, count, 1, 1, generator=generator)
    hand, bone = torch.nonzero(lots & faint[:, None], as_tuple=True)
    masks[hand, bone] *= 1 - dip[hand]
    return masks
