"""Losses on the overlap of whole bones.

Sums run per bone over the whole batch, because an image may lack a bone. A bone that no
image of the batch has counts as well: its ratio is smooth / (smooth + predicted area), which pulls false bones down
and is 0 where nothing is predicted.
"""

import torch
from torch import Tensor, nn


def overlap_sums(logits: Tensor, target: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Per bone over batch and pixels: soft intersection, predicted sum and target sum, each (C,) float32.

    The intersection with a coverage target is the product, as for probabilities of independent events; for targets of
    0 and 1 that is the area.
    """
    p, target = torch.sigmoid(logits.float()), target.float()
    return (p * target).sum(dim=(0, 2, 3)), p.sum(dim=(0, 2, 3)), target.sum(dim=(0, 2, 3))


class Dice(nn.Module):
    """1 - mean over bones of (2 I + s) / (P + T + s), Milletari et al. 2016 without squares.

    Parameters
    ----------
    smooth: s, in pixels.
    """

    def __init__(self, smooth: float = 1.0):
        super().__init__()
        self.smooth = smooth

    def forward(self, logits: Tensor, target: Tensor) -> Tensor:
        """Scalar loss of logits and target, both (N, C, H, W)."""
        shared, predicted, true = overlap_sums(logits, target)
        return 1 - ((2 * shared + self.smooth) / (predicted + true + self.smooth)).mean()


class IoU(nn.Module):
    """1 - mean over bones of (I + s) / (P + T - I + s).

    Parameters
    ----------
    smooth: s, in pixels.
    """

    def __init__(self, smooth: float = 1.0):
        super().__init__()
        self.smooth = smooth

    def forward(self, logits: Tensor, target: Tensor) -> Tensor:
        """Scalar loss of logits and target, both (N, C, H, W)."""
        shared, predicted, true = overlap_sums(logits, target)
        return 1 - ((shared + self.smooth) / (predicted + true - shared + self.smooth)).mean()


class Tversky(nn.Module):
    """1 - mean over bones of (I + s) / (I + alpha FP + beta FN + s), Salehi et al. 2017.

    Parameters
    ----------
    alpha: weight of false positives. beta: weight of false negatives. smooth: s, in pixels.
    """

    def __init__(self, alpha: float = 0.3, beta: float = 0.7, smooth: float = 1.0):
        super().__init__()
        self.alpha, self.beta, self.smooth = alpha, beta, smooth

    def forward(self, logits: Tensor, target: Tensor) -> Tensor:
        """Scalar loss of logits and target, both (N, C, H, W)."""
        shared, predicted, true = overlap_sums(logits, target)
        price = self.alpha * (predicted - shared) + self.beta * (true - shared)
        return 1 - ((shared + self.smooth) / (shared + price + self.smooth)).mean()
