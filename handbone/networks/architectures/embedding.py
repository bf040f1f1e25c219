"""A light decoder for image encoders of segment-anything's kind, whose embedding is too coarse for contours."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from handbone.networks.architectures.bone_network import BoneNetwork, expect_little
from handbone.networks.runtime import ensure_torchvision

ensure_torchvision()

from segmentation_models_pytorch.base import SegmentationHead  # noqa: E402
from segmentation_models_pytorch.decoders.unet.decoder import UnetDecoder  # noqa: E402

#: Mean and standard deviation of ImageNet's colours, with which segment-anything was trained.
IMAGENET_RGB = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
#: Channels of the stem and of the decoder at strides 1, 2, 4 and 8.
_STEM, _DECODER = (16, 32, 48, 64), (16, 32, 64, 128)


class EmbeddingUnet(nn.Module):
    """An image encoder's embedding, brought to full resolution with skips from a small convolutional stem.

    The encoder sees the radiograph alone, as three equal channels, so that it gives the features that it was pretrained
    for. Coarse probabilities, where there are any, reach the stem only.

    Parameters
    ----------
    encoder: maps (N, 3, H, W) to (N, channels, h, w) of any h and w; H and W are multiples of 32.
    channels: of the embedding.
    in_channels: of the input, the radiograph in [0, 1] first. classes: logits per pixel.
    mean, std: (3,) of the encoder's channels, in [0, 1].
    frozen: the encoder keeps its weights and statistics, and no gradient is computed for it.
    """

    def __init__(
        self,
        encoder: nn.Module,
        *,
        channels: int,
        in_channels: int,
        classes: int,
        mean: Sequence[float] = (0.0, 0.0, 0.0),
        std: Sequence[float] = (1.0, 1.0, 1.0),
        frozen: bool = False,
    ):
        super().__init__()
        self.encoder, self.frozen = encoder.requires_grad_(not frozen), frozen
        self.register_buffer("mean", torch.tensor(mean).view(1, 3, 1, 1))
        self.register_buffer("std", torch.tensor(std).view(1, 3, 1, 1))
        inputs = (in_channels, *_STEM[:-1])
        self.stem = nn.ModuleList(
            _convolution(before, after, stride=1 if level == 0 else 2)
            for level, (before, after) in enumerate(zip(inputs, _STEM, strict=True))
        )
        self.decoder = UnetDecoder(
            encoder_channels=(in_channels, *_STEM, channels),
            decoder_channels=_DECODER[::-1],
            n_blocks=len(_DECODER),
            interpolation_mode="bilinear",
        )
        self.segmentation_head = SegmentationHead(_DECODER[0], classes)
        expect_little(self.segmentation_head)
        self.train(self.training)

    def train(self, mode: bool = True) -> "EmbeddingUnet":
        """As for every module, but a frozen encoder stays in evaluation mode."""
        super().train(mode)
        if self.frozen:
            self.encoder.eval()
        return self

    def forward(self, image: Tensor) -> Tensor:
        """Logits (N, classes, H, W) of (N, in_channels, H, W)."""
        skips = [image]
        for stage in self.stem:
            skips.append(stage(skips[-1]))
        embedding = self.encoder((image[:, :1] - self.mean) / self.std)
        return self.segmentation_head(self.decoder([*skips, embedding]))


def bone_network(core: EmbeddingUnet, *, in_channels: int) -> BoneNetwork:
    """The network as handbone uses it; the encoder normalises its own input."""
    return BoneNetwork(core, core.encoder, in_channels=in_channels, grey=(0.0, 1.0))


def _convolution(before: int, after: int, *, stride: int) -> nn.Sequential:
    convolution = nn.Conv2d(before, after, 3, stride=stride, padding=1, bias=False)
    return nn.Sequential(convolution, nn.BatchNorm2d(after), nn.ReLU(inplace=True))
