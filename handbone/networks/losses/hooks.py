"""The built-in losses by name; nothing here imports torch."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from pydantic import Field

from handbone.plugins import LossSpec, hookimpl
from handbone.recipe.schema import Table

if TYPE_CHECKING:
    from torch import nn


class OverlapSettings(Table):
    """Settings of Dice and IoU."""

    smooth: float = Field(default=1.0, gt=0, description="pixels added to both sides of the ratio")


class TverskySettings(OverlapSettings):
    """Dice with different weights for both kinds of error; 0.5 and 0.5 is Dice."""

    alpha: float = Field(default=0.3, ge=0, description="weight of false positive pixels")
    beta: float = Field(default=0.7, ge=0, description="weight of false negative pixels")


class FocalSettings(Table):
    """Settings of the focal loss."""

    gamma: float = Field(default=2.0, ge=0, description="how strongly easy pixels are discounted; 0 is BCE")
    alpha: float | None = Field(default=None, gt=0, lt=1, description="weight of bone against background")


class OutlineSettings(Table):
    """Settings of the cross-entropy that counts pixels near contours more."""

    emphasis: float = Field(default=4.0, gt=0, description="how much more a pixel counts that lies near a contour")
    width: int = Field(default=3, ge=1, le=64, description="pixels on either side of a contour that lie near it")


def _build(name: str) -> "Callable[[Any], nn.Module]":
    def build(settings: Any) -> "nn.Module":
        from torch import nn

        from handbone.networks.losses import overlap, pixelwise

        return {
            "bce": nn.BCEWithLogitsLoss,
            "focal": pixelwise.Focal,
            "outline_bce": pixelwise.OutlineBCE,
            "dice": overlap.dice,
            "iou": overlap.iou,
            "tversky": overlap.Tversky,
        }[name](**settings.model_dump())

    return build


@hookimpl
def handbone_losses() -> list[LossSpec]:
    """bce, focal, outline_bce, dice, iou, tversky."""
    return [
        LossSpec(name="bce", summary="Binary cross-entropy, mean over all pixels and bones", build=_build("bce")),
        LossSpec(
            name="focal", summary="Cross-entropy of the hard pixels", build=_build("focal"), settings=FocalSettings
        ),
        LossSpec(
            name="outline_bce",
            summary="Cross-entropy in which pixels near a bone's contour count more",
            build=_build("outline_bce"),
            settings=OutlineSettings,
        ),
        LossSpec(
            name="dice", summary="1 - Dice per bone over the batch", build=_build("dice"), settings=OverlapSettings
        ),
        LossSpec(name="iou", summary="1 - IoU per bone over the batch", build=_build("iou"), settings=OverlapSettings),
        LossSpec(
            name="tversky",
            summary="Dice with different prices for misses and false alarms",
            build=_build("tversky"),
            settings=TverskySettings,
        ),
    ]
