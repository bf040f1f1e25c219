"""MONAI's networks and losses by name; nothing here imports torch or MONAI."""

from functools import partial
from typing import Any

from handbone.plugins import LossSpec, ModelSpec, hookimpl
from handbone_monai import settings

# The version of handbone's hooks that it was written for.
HANDBONE_API = 1


def _build_network(name: str, settings: Any, *, in_channels: int, classes: int):
    from handbone_monai.networks import build

    return build(name, settings, in_channels=in_channels, classes=classes)


def _build_loss(name: str, settings: Any):
    from handbone_monai.losses import build

    return build(name, settings)


@hookimpl
def handbone_models() -> list[ModelSpec]:
    """monai_basic_unetplusplus, monai_unet, monai_attention_unet, monai_segresnet."""
    described = {
        "monai_basic_unetplusplus": ("U-Net++: nested skips, no pretrained encoder", settings.UNetPlusPlusSettings),
        "monai_unet": ("U-Net of residual units with strided convolutions", settings.UNetSettings),
        "monai_attention_unet": ("U-Net whose skips are weighted by attention", settings.AttentionUNetSettings),
        "monai_segresnet": ("Residual encoder and a light decoder, group norm", settings.SegResNetSettings),
    }
    return [
        ModelSpec(name=name, summary=summary, settings=model, build=partial(_build_network, name))
        for name, (summary, model) in described.items()
    ]


@hookimpl
def handbone_losses() -> list[LossSpec]:
    """Six sigmoid losses, from monai_dice to monai_log_hausdorff_dt."""
    described = {
        "monai_dice": ("1 - Dice, exact for pixels that a bone covers in part", settings.DiceSettings),
        "monai_dice_focal": ("Dice and focal loss, summed", settings.DiceFocalSettings),
        "monai_tversky": ("Dice with different prices for misses and false alarms", settings.TverskySettings),
        "monai_generalized_dice": ("Dice of all bones at once, small ones count more", settings.GeneralizedSettings),
        "monai_hausdorff_dt": ("Errors times their distance from the contours; slow", settings.HausdorffSettings),
        "monai_log_hausdorff_dt": ("Logarithm of 1 + monai_hausdorff_dt", settings.HausdorffSettings),
    }
    return [
        LossSpec(name=name, summary=summary, settings=model, build=partial(_build_loss, name))
        for name, (summary, model) in described.items()
    ]
