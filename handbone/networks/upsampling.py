"""Convolutions of maps enlarged by nearest neighbours, computed on the small maps.

A 3 x 3 convolution sees at most 2 x 2 different values of a map that was enlarged twofold. So each of the four pixels
that come of one has a 2 x 2 convolution of its own, with sums of the weights: four ninths of the work, and the enlarged
map is never made (the sub-pixel convolution of Shi et al. 2016, read backwards).
"""

import torch
from torch import Tensor, nn

# Which taps of a 3 x 3 convolution fall on which of two neighbours: for the first and the second pixel of a pair.
_TAPS = ((((1.0, 0.0, 0.0), (0.0, 1.0, 1.0))), (((1.0, 1.0, 0.0), (0.0, 0.0, 1.0))))


class UpsampledConvolution(nn.Module):
    """What a 3 x 3 convolution gives of a map enlarged twofold by nearest neighbours, and of a map beside it.

    Parameters
    ----------
    convolution: 3 x 3, with padding 1 and stride 1.
    channels: how many of its inputs are enlarged, the first ones.
    """

    def __init__(self, convolution: nn.Conv2d, channels: int):
        super().__init__()
        weight, bias = convolution.weight.detach(), convolution.bias
        self.out_channels, rest = weight.shape[0], weight.shape[1] - channels
        self.enlarged = nn.Conv2d(channels, 4 * self.out_channels, 2, padding=1, bias=bias is not None and not rest)
        taps = torch.tensor(_TAPS, dtype=weight.dtype)
        # The right pixel of a pair comes first: a row of what the convolution gives is then a row of the enlarged map,
        # but for one pixel at each end.
        phases = torch.einsum("aki,blj,ocij->abockl", taps, taps.flip(0), weight[:, :channels])
        self.enlarged.weight.data = phases.reshape(4 * self.out_channels, channels, 2, 2)
        self.beside = nn.Conv2d(rest, self.out_channels, 3, padding=1, bias=bias is not None) if rest else None
        if self.beside is not None:
            self.beside.weight.data = weight[:, channels:].contiguous()
        if bias is not None and self.beside is not None:
            self.beside.bias.data = bias.detach().clone()
        elif bias is not None:
            self.enlarged.bias.data = bias.detach().repeat(4)

    def forward(self, small: Tensor, beside: Tensor | None = None) -> Tensor:
        """(N, out, 2H, 2W) of a small map (N, channels, H, W) and of a map (N, rest, 2H, 2W)."""
        count, _, height, width = small.shape
        pair = 2 * self.out_channels
        phases = self.enlarged(small).permute(0, 2, 3, 1)
        if self.beside is None:
            whole = phases.new_empty((count, 2 * height, 2 * width, self.out_channels)).permute(0, 3, 1, 2)
        else:
            whole = self.beside(beside).contiguous(memory_format=torch.channels_last)
        rows = whole.permute(0, 2, 3, 1).view(count, height, 2, width * pair)
        for down in (0, 1):
            padded = phases[:, down : down + height, :, down * pair : (down + 1) * pair].flatten(2)
            own = padded[..., self.out_channels : self.out_channels + width * pair]
            rows[:, :, down].copy_(own) if self.beside is None else rows[:, :, down].add_(own)
        return whole


class UpsampledBlock(nn.Module):
    """A decoder block of smp's UNet++, with its first convolution on the small map.

    Parameters
    ----------
    block: it enlarges by nearest neighbours, and has no attention before its first convolution.
    channels: of the map that it enlarges.
    """

    def __init__(self, block: nn.Module, channels: int):
        super().__init__()
        self.first = UpsampledConvolution(block.conv1[0], channels)
        self.rest = nn.Sequential(*list(block.conv1.children())[1:], block.conv2, block.attention2)

    def forward(self, small: Tensor, beside: Tensor | None = None) -> Tensor:
        """As the block: (N, out, 2H, 2W) of (N, channels, H, W) and of (N, rest, 2H, 2W)."""
        return self.rest(self.first(small, beside))


def is_upsampling_block(part: nn.Module) -> bool:
    """Whether a module is a block that `UpsampledBlock` can stand for."""
    return (
        type(part).__module__ == "segmentation_models_pytorch.decoders.unetplusplus.decoder"
        and type(part).__name__ == "DecoderBlock"
        and not part.is_empty
        and part.interpolation_mode == "nearest"
        and type(part.attention1.attention) is nn.Identity
    )
