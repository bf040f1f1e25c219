"""The fusion in training: what it learns from the windows of carpals, on the CPU (`fuse.py`) or a GPU (`train.py`)."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from trainee import Trainee, starting_point

from handbone.anatomy import CARPALS
from handbone.networks.architectures.bone_network import BoneNetwork
from handbone.networks.architectures.fusion import LOGIT_SCALE, Fusion, FusionNetwork, places
from handbone.weights import STAGE_FILES
from handbone.weights.network_file import load_weights, save_weights

# `refine` takes masks of any network: so often a coarse mask lies elsewhere, by up to so many pixels.
_MOVED, _FARTHEST = 0.15, 6
# Standard deviations of what a radiograph's normalised grey is multiplied with (of the logarithm), and shifted by.
_CONTRAST, _BRIGHTNESS = 0.15, 0.2
# Windows that are surely of the bone have this share of the range; beyond, the logit is not told from the bounded one.
_SUREST = 0.996
# BCE beside Dice.
_BCE = 2.0
# The highest learning rate of a new fusion, and of one that has been trained.
RATE, GENTLE_RATE = 3e-3, 2e-3


class WindowFusion(nn.Module):
    """A fusion that reads the windows of carpals alone."""

    def __init__(self, fusion: Fusion):
        super().__init__()
        self.fusion = fusion

    def forward(self, windows: Tensor) -> Tensor:
        """Fused logits (8 N, 1, h, w) of `Fusion.windows` (8 N, 5, h, w)."""
        return own_logits(windows) + self.fusion.changes(windows)


class FusionLoss(nn.Module):
    """BCE, and Dice of each window: a small bone counts as much as a large one."""

    def forward(self, logits: Tensor, target: Tensor) -> Tensor:
        """Scalar loss of logits and target, both (8 N, 1, h, w)."""
        logits, axes = logits.float(), (1, 2, 3)
        likely = logits.sigmoid()
        overlap = (2 * (likely * target).sum(axes) + 1) / ((likely + target).sum(axes) + 1)
        return _BCE * nn.functional.binary_cross_entropy_with_logits(logits, target) + (1 - overlap).mean()


class FusionTrainee(Trainee):
    """The fusion that learns, under a trunk that does not.

    Parameters
    ----------
    trunk: folder with the refiner whose trunk it is saved with; a fusion in it is trained on.
    known: a folder with the fusion that is trained on instead.
    rate: the highest learning rate; by default that of a new fusion, or of one that has been trained.
    """

    def __init__(self, trunk: Path, *, known: Path | None = None, rate: float | None = None, device: torch.device):
        refiner, _ = load_weights((known or trunk) / STAGE_FILES["refiner"])
        trained = isinstance(refiner, FusionNetwork)
        fusion = WindowFusion(refiner.fusion if trained else Fusion())
        self.trunk, card = starting_point(trunk, "refiner")
        super().__init__("fusion", fusion, card, rate=rate or (GENTLE_RATE if trained else RATE), device=device)
        self.loss = FusionLoss()

    def input_shape(self, count: int) -> tuple[int, ...]:
        """Windows of `count` hands."""
        rows, columns = next(iter(places(torch.empty(1, 1, self.card.size, self.card.size)).values()))
        return (count * len(CARPALS), 5, rows.stop - rows.start, columns.stop - columns.start)

    def save(self, folder: Path, training: Mapping[str, Any]) -> Path:
        """Write the refiner: its trunk, and the averaged fusion."""
        network = FusionNetwork(self.trunk)
        network.fusion.load_state_dict(self.averaged.module.fusion.state_dict())
        model = self.card.model.model_copy(update={"name": "unetplusplus_fusion"})
        changed = {"model": model, "in_channels": network.in_channels, "training": dict(training)}
        return save_weights(folder / STAGE_FILES["refiner"], network, self.card.model_copy(update=changed), half=True)


def own_logits(windows: Tensor) -> Tensor:
    """The trunk's logits (8 N, 1, h, w) in `Fusion.windows`, where it is not sure beyond doubt."""
    return LOGIT_SCALE * torch.atanh(windows[:, 1:2].clamp(-_SUREST, _SUREST))


def varied(windows: Tensor, trunk: BoneNetwork, rng: np.random.Generator) -> Tensor:
    """Windows (8 N, 5, h, w) with other greys, and some of them with moved coarse masks; changes what it is given.

    Parameters
    ----------
    windows: as `Fusion.windows`, but the radiograph in [0, 1].
    trunk: normalises the radiograph.
    """
    contrast, brightness = np.exp(rng.normal(0, _CONTRAST)), rng.normal(0, _BRIGHTNESS)
    windows[:, :1] = trunk.normalised(windows[:, :1]) * contrast + brightness
    for number in np.flatnonzero(rng.random(len(windows)) < _MOVED):
        shift = rng.integers(-_FARTHEST, _FARTHEST + 1, 2).tolist()
        windows[number, 3:] = torch.roll(windows[number, 3:], shift, (1, 2))
    return windows
