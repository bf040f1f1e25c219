"""The built-in networks by name; nothing here imports torch."""

from functools import partial
from typing import Any

from pydantic import Field

from handbone.networks.architectures.sam_settings import SamSettings
from handbone.plugins import ModelSpec, hookimpl
from handbone.recipe.schema import Table


class SmpSettings(Table):
    """Settings of an architecture of segmentation-models-pytorch."""

    encoder: str = Field(default="resnet34", description="an encoder of smp or any model of timm")
    encoder_weights: str | None = Field(
        default="imagenet", description="'imagenet' or another set of the hub, a .safetensors or .pth file, or 'none'"
    )
    encoder_depth: int | None = Field(default=None, ge=3, le=5, description="default: the architecture's own")
    options: dict[str, Any] = Field(default_factory=dict, description="further arguments of the smp class")


class DptSettings(SmpSettings):
    """DPT needs a vision transformer of timm as encoder."""

    encoder: str = "tu-vit_base_patch16_224.augreg_in21k"


class TorchvisionSettings(Table):
    """Settings of torchvision's DeepLabV3."""

    encoder_weights: str | None = Field(
        default="imagenet", description="'imagenet', a .safetensors or .pth file of the backbone, or 'none'"
    )


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


def _build_smp(architecture: str, settings: SmpSettings, *, in_channels: int, classes: int):
    from handbone.networks.architectures.smp import build

    return build(architecture, settings, in_channels=in_channels, classes=classes)


def _build_deeplabv3_resnet101(settings: TorchvisionSettings, *, in_channels: int, classes: int):
    from handbone.networks.architectures.torchvision import deeplabv3_resnet101

    return deeplabv3_resnet101(settings, in_channels=in_channels, classes=classes)


def _build_sam(settings: SamSettings, *, in_channels: int, classes: int):
    from handbone.networks.architectures.sam import build

    return build(settings, in_channels=in_channels, classes=classes)


@hookimpl
def handbone_models() -> list[ModelSpec]:
    """Every architecture of smp 0.6, DeepLabV3-ResNet101, and segment-anything's encoders."""
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
            name="sam",
            summary="segment-anything's image encoder, frozen or tuned, under a light decoder",
            settings=SamSettings,
            build=_build_sam,
        )
    )
    return specs
