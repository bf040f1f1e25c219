"""torchvision's DeepLabV3 with ResNet-101."""

from torch import Tensor, nn

from handbone.core.files import expanded
from handbone.networks.architectures import encoder_weights
from handbone.networks.architectures.bone_network import BoneNetwork, expect_little
from handbone.networks.architectures.settings import TorchvisionSettings
from handbone.networks.runtime import ensure_torchvision

ensure_torchvision()

from torchvision.models import ResNet101_Weights, resnet101  # noqa: E402
from torchvision.models.segmentation import deeplabv3_resnet101 as _deeplabv3  # noqa: E402


class _Logits(nn.Module):
    """torchvision's segmentation model without its dictionary."""

    def __init__(self, model: nn.Module):
        super().__init__()
        self.model = model

    def forward(self, image: Tensor) -> Tensor:
        return self.model(image)["out"]


def deeplabv3_resnet101(settings: TorchvisionSettings, *, in_channels: int, classes: int) -> BoneNetwork:
    """DeepLabV3-ResNet101 with `classes` outputs at the input's size.

    Raises
    ------
    HandboneError: weights that are not available.
    """
    model = _deeplabv3(weights=None, weights_backbone=None, num_classes=classes, aux_loss=False)
    stem = model.backbone.conv1
    model.backbone.conv1 = nn.Conv2d(in_channels, stem.out_channels, 7, stride=2, padding=3, bias=False)
    weights = settings.encoder_weights
    if weights not in (None, "none"):
        if weights == "imagenet":
            tensors = encoder_weights.fetch(
                "ResNet-101 of torchvision", lambda: resnet101(weights=ResNet101_Weights.IMAGENET1K_V2)
            )
        else:
            tensors = encoder_weights.read_tensors(expanded(weights))
        encoder_weights.fill(model.backbone, tensors, where=f"deeplabv3_resnet101 {weights!r}")
    expect_little(model.classifier[-1])
    return BoneNetwork(_Logits(model), model.backbone, in_channels=in_channels)
