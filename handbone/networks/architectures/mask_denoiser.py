"""A small U-Net that maps corrupted masks of a hand to clean ones: a denoising autoencoder of anatomy.

Larrazabal, Martinez, Glocker and Ferrante 2020, "Post-DAE: anatomically plausible segmentation via post-processing with
denoising autoencoders". Here the network also keeps the skips of a U-Net and adds its input to its logits, so that
correct contours pass unchanged and only anatomical errors have to be learned.
"""

from itertools import pairwise

import torch
from torch import Tensor, nn

from handbone.networks.architectures.bone_network import BoneNetwork, expect_little

# Channels at 1/2, 1/4, ... 1/32 of the side. A third of the work is done at 1/2, where blocks have one convolution.
_WIDTHS = (24, 48, 80, 128, 160)
# Logits that a pixel of an input mask starts with: +3 inside, -3 outside.
_TRUST = 3.0


class MaskUNet(nn.Module):
    """A U-Net on 2 x 2 blocks of pixels; heights and widths are multiples of 32.

    Skips are added, not concatenated: that costs 2.5 times less.

    Parameters
    ----------
    in_channels: where it equals `classes`, channels are masks of the bones that come out, and add to their logits.
    classes: output channels.
    """

    def __init__(self, in_channels: int, classes: int):
        super().__init__()
        self.fold, self.unfold = nn.PixelUnshuffle(2), nn.PixelShuffle(2)
        self.stem = nn.Sequential(
            *_convolution(4 * in_channels, _WIDTHS[0], kernel=1), *_convolution(_WIDTHS[0], _WIDTHS[0])
        )
        self.down = nn.ModuleList(
            nn.Sequential(*_convolution(above, here), *_convolution(here, here)) for above, here in pairwise(_WIDTHS)
        )
        self.narrow = nn.ModuleList(nn.Conv2d(below, here, 1, bias=False) for here, below in pairwise(_WIDTHS))
        self.up = nn.ModuleList(nn.Sequential(*_convolution(here, here)) for here in _WIDTHS[:-1])
        self.head = nn.Conv2d(_WIDTHS[0], 4 * classes, 1)
        if in_channels == classes:
            self.trust = nn.Parameter(torch.full((1, classes, 1, 1), _TRUST))
        else:
            self.register_parameter("trust", None)
            expect_little(self.head)

    def forward(self, masks: Tensor) -> Tensor:
        """Logits (N, classes, H, W) of masks (N, in_channels, H, W) in [0, 1]."""
        # Blocks are taken from planes, and convolved channels-last.
        values = self.stem(self.fold(masks.contiguous()).contiguous(memory_format=torch.channels_last))
        skips = []
        for block in self.down:
            skips.append(values)
            values = block(nn.functional.max_pool2d(values, 2))
        for skip, narrow, block in zip(skips[::-1], self.narrow[::-1], self.up[::-1], strict=True):
            values = block(skip + nn.functional.interpolate(narrow(values), scale_factor=2.0))
        logits = self.unfold(self.head(values).contiguous())
        return logits if self.trust is None else logits + self.trust * (2 * masks - 1)


def build(*, in_channels: int, classes: int) -> BoneNetwork:
    """The network with random weights; its input is left in [0, 1]."""
    return BoneNetwork(MaskUNet(in_channels, classes), in_channels=in_channels, grey=(0.0, 1.0))


def _convolution(inputs: int, outputs: int, kernel: int = 3) -> tuple[nn.Module, nn.Module, nn.Module]:
    convolution = nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2, bias=False)
    return convolution, nn.BatchNorm2d(outputs), nn.ReLU(inplace=True)
