"""Decoding a part of the grid: three quarters of a UNet++'s time go into its decoder, and bones fill half of an image.

The encoder reads the whole image, so that each pixel keeps its surroundings. A decoder of convolutions alone sees only
a little further than a pixel: with a margin around the box its logits are those of the whole grid but for rounding.
"""

import math
from typing import Any

from torch import Tensor, nn

from handbone.core.box import Box
from handbone.networks.architectures.bone_network import BoneNetwork
from handbone.networks.grid_network import ABSENT
from handbone.networks.upsampling import UpsampledBlock

# Pixels of the grid: without it pixels at the edge change, with 8 some; with 16 masks stay the same.
_MARGIN = 16


def decodes_parts(network: nn.Module) -> bool:
    """Whether a network made by `for_prediction` has a decoder that sees little further than a pixel: that of UNet++.

    Blocks that are replaced have no attention, which would look at the whole map.
    """
    trunk = _trunk(network)
    return isinstance(trunk, BoneNetwork) and any(isinstance(part, UpsampledBlock) for part in trunk.core.modules())


def decoded_box(network: nn.Module, box: Box, size_hw: tuple[int, int]) -> Box:
    """The box of a grid (height, width) that is decoded around a box; empty for an empty one.

    Its sides are quarters of the grid: kernels are made for each new size of maps, which takes as long as a seventh of
    a pass, and a limited number is kept.
    """
    if box.is_empty:
        return box
    core: Any = _trunk(network).core
    stride = core.encoder.output_stride
    left, right = _quarters(box.left, box.right, size_hw[1], stride)
    top, bottom = _quarters(box.top, box.bottom, size_hw[0], stride)
    return Box(left, top, right, bottom)


def _quarters(low: int, high: int, size: int, stride: int) -> tuple[int, int]:
    """The ends of a part of a side that is some quarters of it long, and that starts at a multiple of the stride."""
    start = max(low - _MARGIN, 0) // stride * stride
    quarter = math.ceil(size / 4 / stride) * stride
    length = min(math.ceil((min(high + _MARGIN, size) - start) / quarter) * quarter, size)
    start = min(start, size - length)
    return start, start + length


def logits_in(network: nn.Module, image: Tensor, box: Box) -> Tensor:
    """Logits (N, classes, h, w) of images (N, in_channels, H, W) in a box from `decoded_box`."""
    trunk: Any = _trunk(network)
    if trunk is network:
        return _decoded(trunk, image, box)
    # What fuses looks at windows of the whole grid.
    part = (..., slice(box.top, box.bottom), slice(box.left, box.right))
    decoded = _decoded(trunk, image[:, : trunk.in_channels], box)
    logits = decoded.new_full((*decoded.shape[:2], *image.shape[2:]), ABSENT)
    logits[part] = decoded
    return network.fused(image, logits)[part]


def _decoded(trunk: Any, image: Tensor, box: Box) -> Tensor:
    core = trunk.core
    features = [_cut(each, box, image.shape[-1] // each.shape[-1]) for each in core.encoder(trunk.normalised(image))]
    return core.segmentation_head(core.decoder(features))


def _trunk(network: nn.Module) -> Any:
    """The part of a network that decodes: the trunk of one that fuses."""
    return network.trunk if hasattr(network, "fused") and hasattr(network, "trunk") else network


def _cut(features: Tensor, box: Box, stride: int) -> Tensor:
    left, top, right, bottom = (side // stride for side in box)
    return features[..., top:bottom, left:right]
