"""MONAI's losses as handbone's targets need them: 29 sigmoids, all of them bones, targets that are coverage."""

from typing import Any

from torch import nn

from handbone.networks.runtime import ensure_torchvision
from handbone_monai.settings import OverlapSettings

ensure_torchvision()

import monai.losses  # noqa: E402

# The first channel is a bone like the others, though MONAI's Hausdorff losses take it for the background.
_BONES: dict[str, Any] = {"sigmoid": True, "include_background": True}
# Without it, a contour's half-covered pixels keep the loss of a perfect mask above 0 (Wang et al. 2023).
_COVERAGE: dict[str, Any] = {"soft_label": True}

_LOSSES: dict[str, tuple[type[nn.Module], dict[str, Any]]] = {
    "monai_dice": (monai.losses.DiceLoss, _BONES | _COVERAGE),
    "monai_dice_focal": (monai.losses.DiceFocalLoss, _BONES),
    "monai_tversky": (monai.losses.TverskyLoss, _BONES | _COVERAGE),
    "monai_generalized_dice": (monai.losses.GeneralizedDiceLoss, _BONES | _COVERAGE),
    "monai_hausdorff_dt": (monai.losses.HausdorffDTLoss, _BONES),
    "monai_log_hausdorff_dt": (monai.losses.LogHausdorffDTLoss, _BONES),
}


def build(name: str, settings: Any) -> nn.Module:
    """The loss of a name: a module that maps logits and targets, both (N, 29, H, W) float32, to a scalar."""
    kind, flags = _LOSSES[name]
    values = settings.model_dump()
    if isinstance(settings, OverlapSettings):
        smooth = values.pop("smooth")
        values |= {"smooth_nr": smooth, "smooth_dr": smooth}
    return kind(**flags, **values)
