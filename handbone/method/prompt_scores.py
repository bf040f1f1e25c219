"""What a prompter's answers are worth: the ground truth on its mask grid, Dice, and their sums over a validation."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from handbone.core.bone_probabilities import BoneProbabilities


class AnswerSums:
    """Sums over ROIs and bones: Dice of the answers that would be taken, Dice of the prompting masks, and how many."""

    def __init__(self, device: torch.device | str = "cpu"):
        self.sums = torch.zeros(3, dtype=torch.float32, device=device)

    def add(self, taken: Tensor, before: Tensor) -> None:
        """Count an ROI's bones: Dice (B,) of each."""
        counted = torch.stack([taken.sum(), before.sum(), torch.tensor(float(len(taken)))])
        self.sums += counted.to(self.sums.device)

    @property
    def score(self) -> float:
        """The mean Dice of answers, 0 without any."""
        return float(self.sums[0] / self.sums[2].clamp(min=1))

    @property
    def score_of_masks(self) -> float:
        """The mean Dice of the masks that prompted them."""
        return float(self.sums[1] / self.sums[2].clamp(min=1))


def coverage(ground_truth: BoneProbabilities, bones: Sequence[int]) -> Tensor:
    """(B, m, m) float32 in [0, 1]."""
    planes = np.zeros((len(bones), *ground_truth.size_hw), np.float32)
    for plane, bone in zip(planes, bones, strict=True):
        (left, top, right, bottom), crop = ground_truth.crop(bone)
        plane[top:bottom, left:right] = crop
    return torch.from_numpy(planes)


def dice_of(masks: Tensor, ground_truth: Tensor) -> Tensor:
    """(B,) Dice of bool masks (B, m, m)."""
    return 2 * (masks & ground_truth).sum((1, 2)) / (masks.sum((1, 2)) + ground_truth.sum((1, 2))).clamp(min=1)
