"""What happens around the epochs: the best weights, averaged weights, the log, and the bar."""

import csv
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import nn

from handbone.core import files
from handbone.core.progress import console, progress_bar
from handbone.plugins.events import notify
from handbone.training.base import Training
from handbone.training.frameworks import Callback, TorchCheckpointIO, WeightAveraging, lightning

MONITOR = "val_dice"
HISTORY_COLUMNS = ("epoch", "train_loss", "val_dice", "lr", "seconds", "size")


#: Writes what a training has learned to a path, with a summary of the training.
Save = Callable[[Path, nn.Module, dict[str, Any]], Any]


class BestWeights(Callback):
    """Scores every validation and keeps the weights of the best one in a file.

    It has to come before `AveragedWeights`, which puts the plain weights back when validation ends.

    Parameters
    ----------
    path: the file. save: writes it. summary: what it says of the training beside epoch and score.
    """

    def __init__(self, path: Path, save: Save, summary: dict[str, Any]):
        self._path, self._save, self.summary = path, save, summary
        self.score, self.epoch = -1.0, 0

    def begin(self, network: nn.Module, score: float, facts: dict[str, Any], *, writes: bool) -> None:
        """Keep the weights as they come, which some epoch has to beat; the facts go into every summary.

        writes: whether this process is the one that does.
        """
        self.score = score
        self.summary |= facts
        if writes:
            self.keep(network)

    def keep(self, network: nn.Module) -> None:
        """Write the weights as the best ones; for the first of several processes."""
        self._save(self._path, network, {**self.summary, "epoch": self.epoch, MONITOR: round(self.score, 6)})

    def on_validation_epoch_end(self, trainer: lightning.Trainer, pl_module: Training) -> None:
        """Score the epoch, tell the schedule, and keep the weights if they are the best so far."""
        dice = pl_module.dice
        dice.sums = trainer.strategy.reduce(dice.sums, reduce_op="sum")
        score = dice.score
        pl_module.log(MONITOR, score, logger=True)
        pl_module.step_schedule("validation", score)
        if score <= self.score:
            return
        self.score, self.epoch = score, trainer.current_epoch + 1
        if trainer.is_global_zero:
            self.keep(pl_module.network)

    def state_dict(self) -> dict[str, Any]:
        """For the checkpoint."""
        return {"score": self.score, "epoch": self.epoch, "summary": self.summary}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """From the checkpoint."""
        self.score, self.epoch, self.summary = (state_dict[name] for name in ("score", "epoch", "summary"))


class AveragedWeights(WeightAveraging):
    """An exponential moving average of the weights, validated and kept in place of the last ones.

    Parameters
    ----------
    decay: share of the average that a step leaves. At first it is smaller, (1 + n) / (10 + n) after n steps, so that
        the random start is soon forgotten.
    """

    def __init__(self, decay: float):
        def average(old: torch.Tensor, new: torch.Tensor, count: torch.Tensor) -> torch.Tensor:
            n = float(count)
            return torch.lerp(new, old, min(decay, (1 + n) / (10 + n))) if old.is_floating_point() else new

        super().__init__(avg_fn=average)


class History(Callback):
    """One row an epoch in history.csv; a continued training goes on below the rows that it keeps.

    Parameters
    ----------
    path: the file, rewritten whole after every epoch.
    first_epoch: epochs before it, from 0, keep their rows.
    stage: whose epochs they are, "coarse", "refiner" or "prompter"; plugins are told.
    """

    def __init__(self, path: Path, first_epoch: int, stage: str):
        self._path, self._start, self._stage = path, 0.0, stage
        self.rows = read_history(path)[:first_epoch]

    def on_train_epoch_start(self, trainer: lightning.Trainer, pl_module: Training) -> None:
        """Start the clock."""
        self._start = time.monotonic()

    def on_train_start(self, trainer: lightning.Trainer, pl_module: Training) -> None:
        """Start the clock also where lightning goes on within its first epoch."""
        self._start = time.monotonic()

    def on_train_epoch_end(self, trainer: lightning.Trainer, pl_module: Training) -> None:
        """Write the epoch's row."""
        epoch = trainer.current_epoch
        dice = f"{pl_module.dice.score:.5f}" if pl_module.validates(epoch) else ""
        values = (
            epoch + 1,
            f"{pl_module.train_loss:.6f}",
            dice,
            f"{pl_module.rate:.4g}",
            f"{time.monotonic() - self._start:.2f}",
            pl_module.size,
        )
        self.rows.append(dict(zip(HISTORY_COLUMNS, map(str, values), strict=True)))
        pl_module.log_dict({"train_loss": pl_module.train_loss, "lr": pl_module.rate})
        if trainer.is_global_zero:
            with files.atomic_file(self._path) as temporary, open(temporary, "w", newline="", encoding="utf-8") as file:
                writer = csv.DictWriter(file, HISTORY_COLUMNS)
                writer.writeheader()
                writer.writerows(self.rows)
            metrics = {name: float(value) for name, value in self.rows[-1].items() if name != "epoch" and value}
            notify("handbone_epoch_ended", stage=self._stage, epoch=epoch, metrics=metrics)


def read_history(path: Path) -> list[dict[str, str]]:
    """The rows of a history.csv as text; none where there is no file."""
    if not Path(path).is_file():
        return []
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


class Bar(Callback):
    """A bar over the whole training, with the remaining time, the loss and the validation Dice.

    An epoch at a smaller size counts less, by its pixels, so that the remaining time is right from the start. Without a
    terminal every epoch is one line.
    """

    def __init__(self, description: str, module: Training, validation: int, first_epoch: int):
        self._description, self._module = description, module
        self._validation, self._first_epoch = validation, first_epoch
        settings = module.settings
        self._epochs = settings.epochs
        full = module._full_size
        self._costs = [(settings.size_at(e, full) / full) ** 2 for e in range(self._epochs)]
        self._bar, self._note, self._start = progress_bar(), "", 0.0
        self._task = self._bar.add_task(description, start=False, total=None, note="")

    def _cost(self, first: int, last: int) -> float:
        """Work of epochs from `first` to before `last`, in images of the full size; validation has no backward."""
        train = sum(self._costs[first:last]) * self._module.samples
        return train + sum(self._module.validates(e) for e in range(first, last)) * self._validation / 3

    def on_train_start(self, trainer: lightning.Trainer, pl_module: Training) -> None:
        """Show the bar."""
        self._start = time.monotonic()
        done, total = self._cost(0, self._first_epoch), self._cost(0, self._epochs)
        self._bar.start_task(self._task)
        self._bar.update(self._task, total=round(total), completed=done)
        if console.is_terminal:
            self._bar.start()

    def on_train_batch_end(
        self, trainer: lightning.Trainer, pl_module: Training, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Advance by a training batch."""
        epoch = trainer.current_epoch
        note = self._note
        if console.is_terminal and pl_module.device.type == "cpu":
            # On a GPU reading the loss would make every step wait for the one before.
            seen = min(pl_module.samples, (batch_idx + 1) * pl_module.settings.batch_size_at(epoch))
            loss = float(pl_module.loss_sum) / seen
            note = f"epoch {epoch + 1}/{self._epochs} loss {loss:.3f} {self._note}"
        self._bar.update(self._task, advance=self._costs[epoch] * len(batch["name"]), note=note)

    def on_validation_batch_end(self, *_: Any, **__: Any) -> None:
        """Advance by a validation batch."""
        self._bar.advance(self._task, 1 / 3)

    def on_train_epoch_end(self, trainer: lightning.Trainer, pl_module: Training) -> None:
        """Say how the epoch went."""
        epoch = trainer.current_epoch
        if pl_module.validates(epoch):
            self._note = f"Dice {pl_module.dice.score:.3f}"
        done = self._cost(0, epoch + 1)
        self._bar.update(self._task, completed=done, note=self._note)
        if not console.is_terminal:
            spent = time.monotonic() - self._start
            work = done - self._cost(0, self._first_epoch)
            left = spent / work * (self._cost(0, self._epochs) - done)
            console.print(
                f"{self._description}: epoch {epoch + 1}/{self._epochs}, loss {pl_module.train_loss:.4f}"
                f"{', ' + self._note if self._note else ''}, {_clock(left)} left",
                highlight=False,
            )

    def teardown(self, *_: Any, **__: Any) -> None:
        """Take the bar away."""
        # rich ends also a bar that it never showed with an empty line.
        if self._bar.live.is_started:
            self._bar.stop()

    def on_exception(self, *_: Any, **__: Any) -> None:
        """Take the bar away before the error is printed."""
        self.teardown()


def _clock(seconds: float) -> str:
    minutes, seconds = divmod(round(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02d}:{seconds:02d}"


class WholeCheckpoints(TorchCheckpointIO):
    """Checkpoints that a kill never leaves half written; lightning's own way moves them across file systems."""

    def save_checkpoint(self, checkpoint: dict[str, Any], path: Any, storage_options: Any = None) -> None:
        """Write a checkpoint, whole or not at all."""
        with files.atomic_file(Path(path)) as temporary:
            torch.save(checkpoint, temporary)
