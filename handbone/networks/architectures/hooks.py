"""The built-in networks by name; nothing here imports torch."""

from functools import partial
from typing import TYPE_CHECKING

from handbone.networks.architectures.sam_settings import SamSettings
from handbone.networks.architectures.settings import DptSettings, SmpSettings, TorchvisionSettings
from handbone.plugins import ModelSpec, hookimpl
from handbone.recipe.table import Table

if TYPE_CHECKING:
    from torch import nn

_SMP = {
    "unet": "U-Net: skips at every scale; a safe start",
    "unetplusplus": "U-Net++: nested skips; the contest's best single models",
    "manet": "MA-Net: attention in the decoder",
    "linknet": "LinkNet: added skips; light",
    "fpn": "Feature pyramid network",
    "pspnet": "PSPNet: pooled context; coarse borders",
    "deeplabv3": "DeepLabV3 with dilated encoder",
    "deeplabv3plus": "DeepLabV3+: dilated encoder and one skip",
    "pan": "Pyramid attention network",
    "upernet": "UPerNet: pooled context and a feature pyramid",
    "segformer": "SegFormer's decoder; made for mit_b0 to mit_b5 encoders",
    "dpt": "Dense prediction transformer; encoder: a vision transformer of timm",
}


def _build_smp(architecture: str, settings: SmpSettings, *, in_channels: int, classes: int) -> "nn.Module":
    from handbone.networks.architectures.smp import build

    return build(architecture, settings, in_channels=in_channels, classes=classes)


def _build_deeplabv3_resnet101(settings: TorchvisionSettings, *, in_channels: int, classes: int) -> "nn.Module":
    from handbone.networks.architectures.torchvision import deeplabv3_resnet101

    return deeplabv3_resnet101(settings, in_channels=in_channels, classes=classes)


def _build_mask_denoiser(settings: Table, *, in_channels: int, classes: int) -> "nn.Module":
    from handbone.networks.architectures import mask_denoiser

    return mask_denoiser.build(in_channels=in_channels, classes=classes)


def _build_fusion(settings: SmpSettings, *, in_channels: int, classes: int) -> "nn.Module":
    from handbone.networks.architectures import fusion

    return fusion.build(settings, in_channels=in_channels, classes=classes)


def _build_sam(settings: SamSettings, *, in_channels: int, classes: int) -> "nn.Module":
    from handbone.networks.architectures.sam import build

    return build(settings, in_channels=in_channels, classes=classes)


@hookimpl
def handbone_models() -> list[ModelSpec]:
    """Architectures of smp 0.6, DeepLabV3-ResNet101, segment-anything's encoders, and handbone's own."""
    specs = [
        ModelSpec(
            name=name,
            summary=summary,
            settings=DptSettings if name == "dpt" else SmpSettings,
            build=partial(_build_smp, name),
        )
        for name, summary in _SMP.items()
    ]
    specs.append(
        ModelSpec(
            name="deeplabv3_resnet101",
            summary="torchvision's DeepLabV3 with ResNet-101",
            settings=TorchvisionSettings,
            build=_build_deeplabv3_resnet101,
        )
    )
    specs.append(
        ModelSpec(
            name="unetplusplus_fusion",
            summary="U-Net++, and a small U-Net that weighs its carpals against the coarse masks; refiners only",
            settings=SmpSettings,
            build=_build_fusion,
        )
    )
    specs.append(
        ModelSpec(
            name="mask_denoiser",
            summary="the anatomical prior: corrupted masks in, clean masks out; reads no radiograph",
            settings=Table,
            build=_build_mask_denoiser,
        )
    )
    specs.append(
        ModelSpec(
            name="sam",
            summary="segment-anything's image encoder, frozen or tuned, under a light decoder",
            settings=SamSettings,
            build=_build_sam,
        )
    )
    return specs
