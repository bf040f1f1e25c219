"""What all built-in networks share: normalisation inside, and batch norm that works for a single value per channel."""

import math

import torch
from torch import Tensor, nn

from handbone.core.errors import ShapeError

# The mean of ImageNet's three channel means and deviations, for a grey image that stands for all three.
IMAGENET_GREY = (0.449, 0.226)


class BoneNetwork(nn.Module):
    """A segmentation network that takes radiographs without normalisation.

    Parameters
    ----------
    core: maps (N, in_channels, H, W) to logits (N, classes, H, W).
    encoder: the part of `core` that may hold pretrained weights; None where there is none.
    in_channels: 1, or more where coarse probabilities follow the radiograph.
    grey: mean and deviation by which the radiograph is normalised; other channels stay in [0, 1].
    """

    def __init__(
        self,
        core: nn.Module,
        encoder: nn.Module | None = None,
        *,
        in_channels: int,
        grey: tuple[float, float] = IMAGENET_GREY,
    ):
        super().__init__()
        self.core = bear_single_values(core)
        self._encoder_name = next((name for name, part in core.named_modules() if part is encoder), None)
        self.in_channels = in_channels
        mean, deviation = (torch.zeros(in_channels), torch.ones(in_channels))
        mean[0], deviation[0] = grey
        self.register_buffer("mean", mean.view(1, -1, 1, 1))
        self.register_buffer("deviation", deviation.view(1, -1, 1, 1))

    @property
    def encoder(self) -> nn.Module | None:
        """The part that `encoder_lr_factor` applies to."""
        return None if self._encoder_name is None else self.core.get_submodule(self._encoder_name)

    def forward(self, image: Tensor) -> Tensor:
        """Logits (N, classes, H, W) of images (N, in_channels, H, W) in [0, 1].

        Raises
        ------
        ShapeError: another number of channels.
        """
        check_channels(image, self.in_channels)
        return self.core(self.normalised(image))

    def normalised(self, image: Tensor) -> Tensor:
        """Images (N, in_channels, H, W) in [0, 1] as `core` reads them."""
        return (image - self.mean) / self.deviation


def check_channels(image: Tensor, count: int) -> None:
    """Refuse images that are not (N, count, H, W).

    Raises
    ------
    ShapeError: with the shape that came.
    """
    if image.ndim != 4 or image.shape[1] != count:
        raise ShapeError("the network's input", f"(N, {count}, H, W)", tuple(image.shape))


class BatchNormOfAnySize(nn.BatchNorm2d):
    """Batch norm that falls back to its running statistics where a channel has only one value.

    Global pooling (DeepLabV3, PSPNet, PAN) leaves one value a channel and image, so that a batch of one cannot be
    normalised by its own statistics and torch refuses it.
    """

    def forward(self, values: Tensor) -> Tensor:
        """Normalised values (N, C, H, W)."""
        if self.training and values.shape[0] * values.shape[2] * values.shape[3] == 1:
            return nn.functional.batch_norm(
                values, self.running_mean, self.running_var, self.weight, self.bias, training=False, eps=self.eps
            )
        return super().forward(values)


def bear_single_values(module: nn.Module) -> nn.Module:
    """Replace every plain BatchNorm2d of a module by one that works for a batch of one; the state stays the same."""
    for part in module.modules():
        if type(part) is nn.BatchNorm2d:
            part.__class__ = BatchNormOfAnySize
    return module


def expect_little(head: nn.Module) -> None:
    """Initialise every output of a head's last convolution to a probability of 1 %, roughly a bone's share of an image.

    From 50 %, the first hundreds of steps only learn that most pixels are background (Lin et al. 2017, section 4.1).
    """
    last = [part for part in head.modules() if isinstance(part, nn.Conv2d | nn.ConvTranspose2d)][-1]
    nn.init.constant_(last.bias, math.log(0.01 / 0.99))


def fit_stem(name: str, weight: Tensor, shape: torch.Size) -> Tensor:
    """A pretrained first convolution (out, 3, k, k) for another number of input channels.

    The three colours are summed for the grey radiograph, which gives what three equal channels would give; further
    channels start at zero, so that the network starts as if they were not there.
    """
    if weight.shape[0] != shape[0] or weight.shape[2:] != shape[2:]:
        raise ShapeError(name, str(tuple(shape)), tuple(weight.shape))
    fitted = torch.zeros(shape, dtype=weight.dtype)
    fitted[:, 0] = weight.sum(dim=1) if weight.shape[1] == 3 else weight[:, 0]
    return fitted
