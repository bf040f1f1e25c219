"""One training step and one validation step, the same for every network."""

from typing import Any

import torch
from torch import Tensor, nn

from handbone import anatomy
from handbone.networks.losses.build import build_loss
from handbone.recipe.schema import Train
from handbone.training.base import Training


class DiceSums:
    """Per bone, the areas of overlap, prediction and ground truth over a whole validation set.

    The score is the Dice of these sums, mean over the bones that the ground truth has. Probabilities count from 0.5,
    coverage from one half. Summing before dividing weights small parts of a bone at an image's edge by their area, and
    needs no convention for empty masks.
    """

    def __init__(self, bones: int, device: torch.device | str = "cpu"):
        self.sums = torch.zeros(3, bones, dtype=torch.float64, device=device)

    def add(self, logits: Tensor, target: Tensor) -> None:
        """Count a batch: logits (N, C, H, W) and coverage times 255, uint8, of the same shape."""
        predicted, true = logits > 0, target > 127
        for row, mask in enumerate((predicted & true, predicted, true)):
            self.sums[row] += mask.sum(dim=(0, 2, 3))

    @property
    def per_bone(self) -> Tensor:
        """(C,) Dice, NaN for a bone that no image has."""
        shared, predicted, true = self.sums
        return torch.where(true > 0, 2 * shared / (predicted + true), torch.nan)

    @property
    def score(self) -> float:
        """Mean over bones, 0 when there is none."""
        return float(self.per_bone.nanmean().nan_to_num(0.0))


class NetworkTraining(Training):
    """A network that maps images (N, C, H, W) to logits (N, 29, H, W), with its loss; see `Training`."""

    dice: DiceSums

    def __init__(
        self, network: nn.Module, settings: Train, *, size: int, samples: int, seed: int, trained: bool = False
    ):
        super().__init__(network, settings, size=size, samples=samples, seed=seed, trained=trained)
        self.loss = build_loss(settings.loss)
        self.dice = DiceSums(anatomy.COUNT)

    def batch_loss(self, batch: dict[str, Any]) -> Tensor:
        """The mean loss of a batch's images."""
        logits = self.network(batch["image"].contiguous(memory_format=torch.channels_last))
        # Logits come channels-last; a loss over two layouts reads memory against the grain.
        return self.loss(logits.contiguous(), batch["target"].float().div_(255))

    def on_validation_epoch_start(self) -> None:
        """Start counting."""
        self.dice = DiceSums(anatomy.COUNT, self.device)

    def validation_step(self, batch: dict[str, Any], batch_index: int) -> None:
        """Count one batch of validation images."""
        logits = self.network(batch["image"].contiguous(memory_format=torch.channels_last))
        self.dice.add(logits[batch["counted"]], batch["target"][batch["counted"]])
