"""The focal Tversky loss (Abraham and Khan 2019): Tversky's index per bone, raised so that bad bones count more."""

import torch
from torch import Tensor, nn


class FocalTversky(nn.Module):
    """Mean over bones of (1 - (I + 1) / (I + alpha FP + beta FN + 1)) ** gamma.

    Every bone is a sigmoid of its own, because bones overlap; sums run over the whole batch, so that a bone that one
    image lacks is judged on the others.

    Parameters
    ----------
    alpha: price of false positives. beta: price of false negatives. gamma: exponent of what is missing to 1.
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
        # Rounding may bring 1 - index below 0, of which no power can be taken.
        return (1 - index).clamp(min=0).pow(self.gamma).mean()
