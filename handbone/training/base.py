"""What all trainings have in common: steps and their schedule, the loss of an epoch, and where to go on."""

from abc import abstractmethod
from typing import Any, Protocol

import torch
from torch import Tensor, nn
from torch.optim.lr_scheduler import LRScheduler

from handbone.core.errors import HandboneError
from handbone.plugins import registry
from handbone.recipe.schema import Train
from handbone.training.frameworks import lightning


class Score(Protocol):
    """What a validation counts: sums that processes add up, and the score that follows from them."""

    sums: Tensor

    @property
    def score(self) -> float: ...


class Training(lightning.LightningModule):
    """A network with its optimiser and schedule.

    Parameters
    ----------
    network: what learns.
    settings: a recipe's `train` table.
    size: the full grid's side.
    samples: images of an epoch for this process, repeats included.
    trained: whether the network's batch norms have good statistics from the start.
    """

    #: What to do where the loss is not finite.
    remedy = "lower train.lr, set train.gradient_clip_norm, or train.precision = '32'"
    dice: Score

    def __init__(
        self, network: nn.Module, settings: Train, *, size: int, samples: int, seed: int, trained: bool = False
    ):
        super().__init__()
        self._trained = trained
        self.network = network
        self.settings, self._full_size, self.samples, self._seed = settings, size, samples, seed
        steps = [
            -(-samples // (settings.batch_size_at(e) * settings.accumulate_grad_batches))
            for e in range(settings.epochs)
        ]
        # Schedules count in epochs of equal length; rounded up, so that none starts anew before the end.
        self.steps_per_epoch = -(-sum(steps) // settings.epochs)
        self.loss_sum = torch.zeros((), dtype=torch.float64)
        self._schedule: LRScheduler
        self._schedule_interval = "step"
        self._schedule_state: dict[str, Any] | None = None
        self.rate = 0.0

    @abstractmethod
    def batch_loss(self, batch: dict[str, Any]) -> Tensor:
        """The mean loss of a batch's images."""

    @property
    def size(self) -> int:
        """The grid's side in the current epoch."""
        return self.settings.size_at(self.current_epoch, self._full_size)

    def validates(self, epoch: int) -> bool:
        """Whether an epoch, from 0, ends with validation: every so often at the full size, and always the last one.

        Scores of smaller sizes would not compare, and cost time.
        """
        last = epoch + 1 == self.settings.epochs
        return last or (self.settings.resizing_at(epoch) is None and (epoch + 1) % self.settings.validate_every == 0)

    def _begin_epoch(self) -> None:
        # Not in on_train_epoch_start, which lightning leaves out in the first epoch of a restart. The seed frees what
        # is random inside the network from the epochs before.
        torch.manual_seed(self._seed * 1_000_003 + self.current_epoch)
        self.loss_sum = torch.zeros((), dtype=torch.float64 if self.device.type != "mps" else None, device=self.device)
        known = self._trained or self.settings.resizing_at(0) is not None
        if self.settings.freeze_batchnorm and known and self.settings.resizing_at(self.current_epoch) is None:
            # A single image's own statistics differ from the running ones that inference uses: trained with them, a
            # network at 256 scored .80 instead of .89.
            for part in self.network.modules():
                if isinstance(part, nn.modules.batchnorm._BatchNorm):
                    part.eval()
        validates = self.validates(self.current_epoch)
        self.trainer.check_val_every_n_epoch = 1 if validates else self.settings.epochs + 1

    def training_step(self, batch: dict[str, Any], batch_index: int) -> Tensor:
        """The loss, weighted so that accumulated batches count by their images."""
        if batch_index == 0:
            self._begin_epoch()
        loss, images = self.batch_loss(batch), len(batch["name"])
        self.loss_sum += loss.detach() * images
        return loss * self._share(batch_index, images)

    def _share(self, batch_index: int, images: int) -> float:
        # Lightning divides by `accumulate_grad_batches` even where an epoch ends early or with a smaller batch.
        accumulate, batch = self.settings.accumulate_grad_batches, self.settings.batch_size_at(self.current_epoch)
        first = batch_index // accumulate * accumulate
        together = min((first + accumulate) * batch, self.samples) - first * batch
        return images * accumulate / together

    def on_train_epoch_end(self) -> None:
        """Advance the schedule, and stop all processes if the loss is not finite in one of them.

        Raises
        ------
        HandboneError: the loss is not finite.
        """
        # A process that raised alone would leave the others waiting for its gradients.
        if not self.trainer.strategy.reduce_boolean_decision(bool(torch.isfinite(self.loss_sum)), all=True):
            raise HandboneError(
                f"the loss is not finite in epoch {self.current_epoch + 1}",
                remedy=self.remedy,
            )
        self.step_schedule("epoch")

    @property
    def train_loss(self) -> float:
        """Mean loss of the images of the current epoch."""
        return float(self.loss_sum) / self.samples

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """Parameter groups by the recipe: a rate of its own for the encoder, no decay of norms and biases."""
        settings = self.settings
        spec, values = registry().get("optimiser", settings.optimiser)
        optimiser = spec.build(values, parameter_groups(self.network, settings))
        spec, values = registry().get("scheduler", settings.scheduler)
        self._schedule_interval = spec.interval
        self._schedule = spec.build(values, optimiser, epochs=settings.epochs, steps_per_epoch=self.steps_per_epoch)
        if self._schedule_state is not None:
            self._schedule.load_state_dict(self._schedule_state)
        return optimiser

    def optimizer_step(self, epoch: int, batch_index: int, optimizer: Any, optimizer_closure: Any = None) -> None:
        """One step at the schedule's rate, times the warmup's factor."""
        steps = self.settings.warmup * self.settings.epochs * self.steps_per_epoch
        factor = min(1.0, (self.global_step + 1) / steps) if steps else 1.0
        rates = [group["lr"] for group in optimizer.param_groups]
        for group in optimizer.param_groups:
            group["lr"] *= factor
        optimizer.step(closure=optimizer_closure)
        self.rate = optimizer.param_groups[-1]["lr"]
        # Some schedules compute a rate from the one before: they must not see the factor.
        for group, rate in zip(optimizer.param_groups, rates, strict=True):
            group["lr"] = rate
        self.step_schedule("step")

    def step_schedule(self, interval: str, score: float | None = None) -> None:
        """Advance the schedule if it counts in `interval`."""
        if self._schedule_interval == interval:
            self._schedule.step() if score is None else self._schedule.step(score)

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Keep the schedule's place; lightning knows only schedules that it steps itself."""
        checkpoint["schedule"] = self._schedule.state_dict()

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Remember the schedule's place until the schedule is built."""
        self._schedule_state = checkpoint["schedule"]


def parameter_groups(network: nn.Module, settings: Train) -> list[dict[str, Any]]:
    """torch parameter groups: encoder and rest, each with and without weight decay; the last group has the full rate.

    An encoder with a rate of 0 is frozen, which also saves its backward pass.
    """
    encoder = getattr(network, "encoder", None)
    of_encoder = {id(p) for p in encoder.parameters()} if encoder is not None else set()
    groups = []
    for inside, rate in ((True, settings.lr * settings.encoder_lr_factor), (False, settings.lr)):
        parameters = [p for p in network.parameters() if (id(p) in of_encoder) == inside and p.requires_grad]
        if inside and rate == 0:
            for parameter in parameters:
                parameter.requires_grad_(False)
            continue
        for decay, chosen in (
            (settings.weight_decay, [p for p in parameters if p.ndim > 1]),
            (0.0, [p for p in parameters if p.ndim <= 1]),
        ):
            if chosen:
                groups.append({"params": chosen, "lr": rate, "weight_decay": decay})
    return groups
