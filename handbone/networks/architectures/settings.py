"""The settings of the built-in architectures; nothing here imports torch."""

from typing import Any

from pydantic import Field

from handbone.recipe.schema import Table

#: Networks whose trunk, "trunk.*" in their weights, is another network that reads the radiograph alone.
TRUNKS = {"unetplusplus_fusion": "unetplusplus"}


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
