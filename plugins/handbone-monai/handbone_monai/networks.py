"""MONAI's networks for radiographs: two dimensions, one tensor of logits, sizes that they cannot take refused."""

import math
from typing import Any

from torch import Tensor, nn

from handbone.core.errors import HandboneError
from handbone.networks.architectures.bone_network import BoneNetwork, expect_little
from handbone.networks.runtime import ensure_torchvision
from handbone_monai.settings import AttentionUNetSettings, SegResNetSettings, UNetPlusPlusSettings, UNetSettings

ensure_torchvision()

from monai.networks import nets  # noqa: E402

_ACTIVATIONS: dict[str, Any] = {
    "leakyrelu": ("leakyrelu", {"negative_slope": 0.1, "inplace": True}),
    "relu": ("relu", {"inplace": True}),
    "prelu": "prelu",
    "gelu": "gelu",
}


class Sized(nn.Module):
    """A network that halves its input several times and needs the halves to come out even.

    Parameters
    ----------
    network: maps (N, C, H, W) to logits of the same height and width, or to a list of which the last are the logits.
    divisor: how much coarser its coarsest level is; one value there would be no image to normalise over.
    """

    def __init__(self, network: nn.Module, divisor: int):
        super().__init__()
        self.network, self.divisor = network, divisor

    def forward(self, image: Tensor) -> Tensor:
        """Logits (N, classes, H, W).

        Raises
        ------
        HandboneError: H or W is no multiple of the divisor, or the divisor itself.
        """
        height, width = image.shape[-2:]
        if height % self.divisor or width % self.divisor or min(height, width) < 2 * self.divisor:
            raise HandboneError(
                f"this network reads sides of {2 * self.divisor}, {3 * self.divisor}, {4 * self.divisor} pixels and so "
                f"on, but {height} x {width} came",
                remedy="choose another size, or fewer levels",
            )
        logits = self.network(image)
        return logits[-1] if isinstance(logits, list) else logits


def build(name: str, settings: Any, *, in_channels: int, classes: int) -> BoneNetwork:
    """The network of a name, with every bone starting as rare as it is.

    None of them comes with pretrained weights, so none has an encoder that could learn at another rate.
    """
    network, head, divisor = _BUILDERS[name](settings, in_channels, classes)
    expect_little(head)
    return BoneNetwork(Sized(network, divisor), in_channels=in_channels)


def _unetplusplus(settings: UNetPlusPlusSettings, in_channels: int, classes: int):
    network = nets.BasicUNetPlusPlus(
        spatial_dims=2,
        in_channels=in_channels,
        out_channels=classes,
        features=settings.features,
        norm=("instance", {"affine": True}) if settings.norm == "instance" else "batch",
        act=_ACTIVATIONS[settings.act],
        dropout=settings.dropout,
    )
    # MONAI computes these three also where deep supervision is off, and then drops them: parameters without a
    # gradient, which training on several devices refuses.
    network.final_conv_0_1 = network.final_conv_0_2 = network.final_conv_0_3 = nn.Identity()
    return network, network.final_conv_0_4, 16


def _unet(settings: UNetSettings, in_channels: int, classes: int):
    network = nets.UNet(
        spatial_dims=2,
        in_channels=in_channels,
        out_channels=classes,
        channels=settings.channels,
        strides=settings.strides,
        num_res_units=settings.num_res_units,
        norm=settings.norm,
        act=_ACTIVATIONS[settings.act],
        dropout=settings.dropout,
    )
    return network, network.model[-1], math.prod(settings.strides)


def _attention_unet(settings: AttentionUNetSettings, in_channels: int, classes: int):
    network = nets.AttentionUnet(
        spatial_dims=2,
        in_channels=in_channels,
        out_channels=classes,
        channels=settings.channels,
        strides=settings.strides,
        dropout=settings.dropout,
    )
    return network, network.model[-1], math.prod(settings.strides)


def _segresnet(settings: SegResNetSettings, in_channels: int, classes: int):
    network = nets.SegResNet(
        spatial_dims=2,
        in_channels=in_channels,
        out_channels=classes,
        init_filters=settings.init_filters,
        blocks_down=settings.blocks_down,
        blocks_up=settings.blocks_up,
        dropout_prob=settings.dropout or None,
    )
    return network, network.conv_final, 2 ** len(settings.blocks_up)


_BUILDERS = {
    "monai_basic_unetplusplus": _unetplusplus,
    "monai_unet": _unet,
    "monai_attention_unet": _attention_unet,
    "monai_segresnet": _segresnet,
}
