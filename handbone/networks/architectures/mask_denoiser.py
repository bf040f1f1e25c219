"""A small U-Net that maps corrupted masks of a hand to clean ones: a denoising autoencoder of anatomy.

Larrazabal, Martinez, Glocker and Ferrante 2020, "Post-DAE: anatomically plausible segmentation via post-processing with
denoising autoencoders". Here the network also keeps the skips of a U-Net and adds its input to its logits, so that
correct contours pass unchanged and only anatomical errors have to be learned.
"""

import torch
from torch import Tensor, nn

from handbone.networks.architectures.bone_network import BoneNetwork, expect_little

# Channels at 1/2, 1/4, ... 1/32 of the input's side.
_WIDTHS = (32, 48, 80, 128, 160)
# Logits that a pixel of an input mask starts with: +3 inside, -3 outside.
_TRUST = 3.0


class _Block(nn.Sequential):
    """Two 3 x 3 convolutions with batch norm."""

    def __init__(self, inputs: int, outputs: int):
        super().__init__(*_convolution(inputs, outputs), *_convolution(outputs, outputs))


class MaskUNet(nn.Module):
    """A U-Net on 2 x 2 blocks of pixels; heights and widths are multiples of 32.

    Parameters
    ----------
    in_channels: where it equals `classes`, channels are masks of the bones that come out, and add to their logits.
    classes: output channels.
    """

    def __init__(self, in_channels: int, classes: int):
        super().__init__()
        self.fold, self.unfold = nn.PixelUnshuffle(2), nn.PixelShuffle(2)
        self.down = nn.ModuleList()
        self.stem = nn.Sequential(*_convolution(4 * in_channels, _WIDTHS[0], kernel=1))
        for inputs, outputs in zip((_WIDTHS[0], *_WIDTHS[:-1]), _WIDTHS, strict=True):
            self.down.append(_Block(inputs, outputs))
        self.up = nn.ModuleList(
            _Block(below + beside, beside) for below, beside in zip(_WIDTHS[:0:-1], _WIDTHS[-2::-1], strict=True)
        )
        self.head = nn.Conv2d(_WIDTHS[0], 4 * classes, 1)
        if in_channels == classes:
            self.trust = nn.Parameter(torch.full((1, classes, 1, 1), _TRUST))
        else:
            self.register_parameter("trust", None)
            expect_little(self.head)

    def forward(self, masks: Tensor) -> Tensor:
        """Logits (N, classes, H, W) of masks (N, in_channels, H, W) in [0, 1]."""
        values, beside = self.stem(self.fold(masks)), []
        for level, block in enumerate(self.down):
            values = block(values if level == 0 else nn.functional.max_pool2d(values, 2))
            beside.append(values)
        for block, skip in zip(self.up, beside[-2::-1], strict=True):
            values = block(torch.cat([nn.functional.interpolate(values, scale_factor=2.0), skip], 1))
        logits = self.unfold(self.head(values))
        return logits if self.trust is None else logits + self.trust * (2 * masks - 1)


def build(*, in_channels: int, classes: int) -> BoneNetwork:
    """The network with random weights; its input is left in [0, 1]."""
    return BoneNetwork(MaskUNet(in_channels, classes), in_channels=in_channels, grey=(0.0, 1.0))


def _convolution(inputs: int, outputs: int, kernel: int = 3) -> tuple[nn.Module, nn.Module, nn.Module]:
    convolution = nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2, bias=False)
    return convolution, nn.BatchNorm2d(outputs), nn.ReLU(inplace=True)
