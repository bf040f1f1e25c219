"""A compact U-Net (Ronneberger et al. 2015) with group norm, which works for batches of one image."""

import torch
from torch import Tensor, nn
from torch.nn import functional

_GROUPS = 4


class Block(nn.Sequential):
    """Two convolutions, each with normalisation and activation."""

    def __init__(self, before: int, after: int):
        super().__init__()
        for channels in (before, after):
            self.append(nn.Conv2d(channels, after, 3, padding=1, bias=False))
            self.append(nn.GroupNorm(_GROUPS if after % _GROUPS == 0 else 1, after))
            self.append(nn.SiLU(inplace=True))


class CompactUNet(nn.Module):
    """A U-Net that maps radiographs in [0, 1] to logits of the same height and width.

    Parameters
    ----------
    in_channels: 1, or 30 if coarse probabilities follow the radiograph.
    classes: channels of the logits.
    width: channels at full size. depth: number of times the size is halved.
    """

    def __init__(self, in_channels: int, classes: int, *, width: int = 16, depth: int = 4):
        super().__init__()
        widths = [width * 2**step for step in range(depth + 1)]
        # `encoder` is the part that a recipe's encoder_lr_factor applies to.
        self.encoder = nn.ModuleList(
            Block(before, after) for before, after in zip([in_channels, *widths], widths, strict=False)
        )
        self.decoder = nn.ModuleList(
            Block(deep + skip, skip) for deep, skip in zip(widths[:0:-1], widths[-2::-1], strict=True)
        )
        self.head = nn.Conv2d(width, classes, 1)
        # Bones are small: starting from a probability of 1 % saves the first training steps.
        nn.init.constant_(self.head.bias, -4.6)

    def forward(self, image: Tensor) -> Tensor:
        """Logits (N, classes, H, W) of images (N, in_channels, H, W)."""
        skips = []
        values = image - 0.5
        for step, block in enumerate(self.encoder):
            values = block(functional.max_pool2d(values, 2) if step else values)
            skips.append(values)
        skips.pop()
        for block in self.decoder:
            skip = skips.pop()
            values = functional.interpolate(values, size=skip.shape[-2:], mode="bilinear", align_corners=False)
            values = block(torch.cat([values, skip], dim=1))
        return self.head(values)
