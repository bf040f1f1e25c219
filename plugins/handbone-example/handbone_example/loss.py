"""The focal Tversky loss (Abraham and Khan 2019): Tversky index for each bone, with more weight on bad bones."""

import torch
from torch import Tensor, nn


class FocalTversky(nn.Module):
    """Mean over bones of (1 - (I + 1) / (I + alpha FP + beta FN + 1)) ** gamma.

    Every bone has its own sigmoid, because bones overlap. Sums run over the whole batch, because an image may lack a
    bone.

    Parameters
    ----------
    alpha: weight of false positives. beta: weight of false negatives. gamma: exponent of 1 minus the index.
    """

    def __init__(self, *, alpha: float = 0.3, beta: float = 0.7, gamma: float = 1.33):
        super().__init__()
        self.alpha, self.beta, self.gamma = alpha, beta, gamma

    def forward(self, logits: Tensor, target: Tensor) -> Tensor:
        """Scalar loss of logits and coverage in [0, 1], both (N, 29, H, W)."""
        p, target = torch.sigmoid(logits.float()), target.float()
        shared, predicted, true = (each.sum(dim=(0, 2, 3)) for each in (p * target, p, target))
        wrong = self.alpha * (predicted - shared) + self.beta * (true - shared)
        index = (shared + 1) / (shared + wrong + 1)
        # Rounding may bring 1 - index below 0, where the power is undefined.
        return (1 - index).clamp(min=0).pow(self.gamma).mean()
