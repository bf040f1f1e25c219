"""A network in training: its steps, its averaged weights, its state, and the weights file that comes of it."""

import copy
import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import swa_utils

from handbone import anatomy
from handbone.core.errors import HandboneError
from handbone.method.prior.canonical import SIZE
from handbone.networks.losses.build import WeightedSum
from handbone.networks.losses.overlap import dice
from handbone.recipe.schema import Choice
from handbone.weights.network_file import WeightsCard, build_network, load_weights, save_weights, trunk_of

# Share of a training in which the rate rises.
_WARMUP = 0.03
# Decay of the averaged weights once they have seen some thousand steps, and steps that they forget at first.
_DECAY, _FORGETS = 0.999, 5
_WEIGHT_DECAY, _CLIP = 1e-2, 1.0
# What reads one plane after the other.
_PLANES = ("prior", "fusion")
# In the canonical pose most pixels are empty, and BCE small beside Dice.
_PRIOR_BCE = 5.0


def rate_factor(share: float) -> float:
    """Of the highest rate, after a share of the training: a short rise, then half a cosine to 0."""
    return min(1.0, share / _WARMUP) * 0.5 * (1 + math.cos(math.pi * min(1.0, share)))


class Trainee:
    """A network that learns.

    Parameters
    ----------
    name: "coarse", "refiner", "prior" or, see `FusionTrainee`, "fusion".
    network, card: what it starts from.
    rate: the highest learning rate.
    device: where it learns.

    Attributes
    ----------
    steps, samples: what it has learned from so far.
    averaged: its weights averaged over steps; batch-norm statistics there are of no use before `settle`.
    """

    def __init__(self, name: str, network: nn.Module, card: WeightsCard, *, rate: float, device: torch.device):
        self.name, self.card, self.rate, self.device = name, card, rate, device
        self.network = network.to(device, memory_format=torch.channels_last).train()
        self.averaged = swa_utils.AveragedModel(self.network, multi_avg_fn=self._average)
        weights = [p for p in network.parameters() if p.ndim > 1]
        others = [p for p in network.parameters() if p.ndim <= 1]
        groups = [{"params": weights, "weight_decay": _WEIGHT_DECAY}, {"params": others, "weight_decay": 0.0}]
        self.optimiser = torch.optim.AdamW(groups, lr=rate, fused=device.type == "cuda")
        self.loss = WeightedSum([(_PRIOR_BCE if name == "prior" else 1.0, nn.BCEWithLogitsLoss()), (1.0, dice())])
        self.steps = self.samples = 0
        self._recent: list[Tensor] = []

    def warm_up(self, count: int) -> None:
        """Let cuDNN choose its algorithms for batches of `count`, on a copy: the network stays as it is."""
        network = copy.deepcopy(self.network)
        self._logits(network, torch.zeros(self.input_shape(count), device=self.device)).float().sum().backward()

    def input_shape(self, count: int) -> tuple[int, ...]:
        """Of a batch of `count` samples."""
        return (count, self.card.in_channels, self.card.size, self.card.size)

    def step(self, images: Tensor, target: Tensor, factor: float) -> None:
        """Learn from a batch at `factor` of the highest rate."""
        for group in self.optimiser.param_groups:
            group["lr"] = self.rate * factor
        # Logits come channels-last; a loss over two layouts reads memory against the grain.
        loss = self.loss(self._logits(self.network, images).contiguous(), target)
        self.optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(self.network.parameters(), _CLIP)
        self.optimiser.step()
        self.steps += 1
        self.samples += len(images)
        self.averaged.update_parameters(self.network)
        self._recent.append(loss.detach())

    def recent_loss(self) -> float:
        """Mean loss since it was last asked for.

        Raises
        ------
        HandboneError: it is not finite.
        """
        loss = float(torch.stack(self._recent).mean()) if self._recent else 0.0
        self._recent.clear()
        if not math.isfinite(loss):
            raise HandboneError(f"the loss of the {self.name} network is not finite", remedy="lower its rate")
        return loss

    def settle(self, batches: Iterable[Tensor]) -> None:
        """Estimate the averaged network's batch-norm statistics anew.

        Those of the training belong to other weights than the averaged ones, and to batches of few hands: with them
        the Dice of distal phalanges was .6 at best and 0 at worst, with statistics of sixty batches above .97.
        """
        batches = (batch.contiguous(memory_format=torch.channels_last) for batch in batches)
        swa_utils.update_bn(batches, self.averaged.module)

    def save(self, folder: Path, training: Mapping[str, Any]) -> Path:
        """Write the averaged network as a weights file of its stage; `training` goes onto its card."""
        card = self.card.model_copy(update={"training": dict(training)})
        return save_weights(folder / f"{self.name}.safetensors", self.averaged.module, card, half=True)

    def state(self) -> dict[str, Any]:
        """All that a later `load` needs to continue."""
        return {
            "network": self.network.state_dict(),
            "averaged": self.averaged.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "steps": self.steps,
            "samples": self.samples,
        }

    def load(self, state: Mapping[str, Any]) -> None:
        """Continue from a `state`."""
        self.network.load_state_dict(state["network"])
        self.averaged.load_state_dict(state["averaged"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.steps, self.samples = state["steps"], state["samples"]

    def _logits(self, network: nn.Module, images: Tensor) -> Tensor:
        if self.name not in _PLANES:
            images = images.contiguous(memory_format=torch.channels_last)
        with torch.autocast(self.device.type, torch.bfloat16):
            return network(images)

    def _average(self, averaged: list[Tensor], current: list[Tensor], _: Tensor) -> None:
        decay = min(_DECAY, 1 - 1 / (1 + self.steps / _FORGETS))
        torch._foreach_lerp_(averaged, current, 1 - decay)


def starting_point(folder: Path, name: str) -> tuple[nn.Module, WeightsCard]:
    """The network of a stage in a folder of weights, and its card; a prior may also start from nothing.

    Of a refiner that fuses it is the trunk, which reads the radiograph alone.

    Raises
    ------
    HandboneError: weights that are missing or cannot be read, or a refiner that reads coarse masks.
    """
    path = folder / f"{name}.safetensors"
    if name == "prior" and not path.is_file():
        model = Choice(name="mask_denoiser")
        card = WeightsCard(model=model, in_channels=anatomy.COUNT, size=SIZE, stage=name)
        return build_network(model, anatomy.COUNT), card
    network, card = load_weights(path)
    if trunk := trunk_of(card):
        network, card = network.trunk, trunk
    if name != "prior" and card.in_channels != 1:
        raise HandboneError(
            "reads more than the radiograph", where=path, remedy="start from weights that read it alone"
        )
    return network, card
