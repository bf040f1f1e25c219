"""Losses on single pixels."""

import torch
from torch import Tensor, nn
from torch.nn import functional


class Focal(nn.Module):
    """Focal loss (Lin et al. 2017, eq. 5), mean over pixels, bones and batch.

    For coverage targets the probability of the true class is p t + (1 - p) (1 - t): the paper's, for t of 0 or 1. smp's
    focal loss takes exp(-BCE) for it, which for a coverage of one half never exceeds one half. torchvision's
    `sigmoid_focal_loss` is this one, but its gradient is NaN where a pixel is surely right and gamma lies below 1.

    Parameters
    ----------
    gamma: exponent of the discount (1 - p_t)^gamma.
    alpha: weight of bone, 1 - alpha is that of background; both 1 when unset.
    """

    def __init__(self, gamma: float = 2.0, alpha: float | None = None):
        super().__init__()
        self.gamma, self.alpha = gamma, alpha

    def forward(self, logits: Tensor, target: Tensor) -> Tensor:
        """Scalar loss of logits and target, both (N, C, H, W)."""
        logits, target = logits.float(), target.float()
        loss = functional.binary_cross_entropy_with_logits(logits, target, reduction="none")
        p = torch.sigmoid(logits)
        true_p = p * target + (1 - p) * (1 - target)
        loss = loss * (1 - true_p).clamp(min=1e-6) ** self.gamma
        if self.alpha is not None:
            loss = loss * (self.alpha * target + (1 - self.alpha) * (1 - target))
        return loss.mean()


class OutlineBCE(nn.Module):
    """Binary cross-entropy in which pixels near a bone's contour count 1 + emphasis times; a weighted mean.

    A pixel lies near a contour if a square of `width` pixels around it holds both bone and background. The weight
    map is that of U-Net (Ronneberger et al. 2015, eq. 2) without its class balance, as a band of even weight.

    Parameters
    ----------
    emphasis: how much more pixels of the band count. width: pixels on either side of the contour.
    """

    def __init__(self, emphasis: float = 4.0, width: int = 3):
        super().__init__()
        self.emphasis, self.width = emphasis, width

    def forward(self, logits: Tensor, target: Tensor) -> Tensor:
        """Scalar loss of logits and target, both (N, C, H, W)."""
        target = target.float()
        around = {"kernel_size": 2 * self.width + 1, "stride": 1, "padding": self.width}
        bone = functional.max_pool2d(target, **around)
        background = functional.max_pool2d(1 - target, **around)
        weight = 1 + self.emphasis * ((bone > 0.5) & (background > 0.5)).float()
        loss = functional.binary_cross_entropy_with_logits(logits.float(), target, reduction="none")
        return (weight * loss).sum() / weight.sum()
