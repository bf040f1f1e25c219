"""One training, whatever learns: claimed, carried out, kept after every epoch, and gone on with."""

import atexit
import contextlib
import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from handbone.core import files
from handbone.core.errors import HandboneError
from handbone.core.progress import console
from handbone.networks import runtime
from handbone.recipe.schema import Train
from handbone.training.base import Training
from handbone.training.callbacks import BestWeights, History, Save
from handbone.training.feed import EpochSampler, Feed, StageDataset
from handbone.training.frameworks import lightning
from handbone.training.trainer import close_connections, make_callbacks, make_trainer, quiet


@dataclass(frozen=True)
class FitResult:
    """What a training leaves.

    Parameters
    ----------
    weights: the best epoch's weights file.
    best_score: its validation Dice. best_epoch: its number, from 1.
    epochs: how many were trained, all calls together.
    history: CSV, one row per epoch: epoch, train_loss, val_dice, lr, seconds, size.
    """

    weights: Path
    best_score: float
    best_epoch: int
    epochs: int
    history: Path


@dataclass(frozen=True)
class Work:
    """What is trained, for `carry_out`.

    Parameters
    ----------
    settings: the training. size, in_channels: of the grids that the network reads.
    stage: whose weights they are. description: shown beside the progress bar.
    train, validation: datasets, see `StageDataset`.
    begin: the network with its loss and score, given how many images an epoch has for this process.
    save: writes what has been learned.
    fingerprint: JSON values on which the outcome depends; with others a training starts anew.
    as_it_came: the score of the network before its first step, and facts for the summary of its weights; where it is
        given, these weights stay if no epoch is better.
    """

    settings: Train
    size: int
    in_channels: int
    stage: str
    description: str
    train: StageDataset
    validation: StageDataset
    begin: Callable[[int], Training]
    save: Save
    fingerprint: Any
    as_it_came: Callable[[], tuple[float, dict[str, Any]]] | None = None


def carry_out(work: Work, *, folder: Path, seed: int) -> FitResult:
    """Train, or go on where the same work was interrupted.

    Everything is in `folder`: last.ckpt after every epoch, best.safetensors, history.csv and, when the training is
    through, weights.safetensors. The same work goes on after the last whole epoch, or returns at once when all is done;
    work of another fingerprint starts anew.

    Raises
    ------
    HandboneError: no images, a missing logger or device, or a loss that is not finite.
    KeyboardInterrupt: the user stopped it; at most the current epoch is lost.
    """
    counts = len(work.train), len(work.validation)
    if not all(counts):
        what = f"{work.description}: {counts[0]} training and {counts[1]} validation images, but both need at least one"
        raise HandboneError(what, remedy="add patients or change the split")
    runtime.prepare()
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    through = _claim(folder, work.fingerprint)
    if through is None:
        through = _train(work, folder, seed)
    return FitResult(folder / "weights.safetensors", history=folder / "history.csv", **through)


def _claim(folder: Path, fingerprint: Any) -> dict[str, Any] | None:
    """Make the folder this training's own. Returns the result's metrics when the training is already through."""
    state = folder / "fit.json"
    known = _known(state)
    if known.get("fingerprint") == fingerprint:
        if "through" in known and (folder / "weights.safetensors").is_file():
            return known["through"]
        if _is_readable(folder / "last.ckpt"):
            return None
    for name in ("last.ckpt", "best.safetensors", "weights.safetensors", "history.csv"):
        (folder / name).unlink(missing_ok=True)
    files.write_json(state, {"fingerprint": fingerprint})
    return None


def _known(state: Path) -> dict[str, Any]:
    """What an earlier call wrote of itself; nothing where there was none, or where a crash left no JSON."""
    if not state.is_file():
        return {}
    with contextlib.suppress(ValueError):
        known = json.loads(state.read_text(encoding="utf-8"))
        if isinstance(known, dict):
            return known
    console.print(f"{state.name} is damaged: the training begins anew", highlight=False)
    return {}


def _is_readable(last: Path) -> bool:
    """Whether a training can go on from its last checkpoint, or has none yet; a damaged one is told."""
    try:
        _epochs_done(last)
    except Exception as error:  # torch raises many kinds; none of them means anything else
        console.print(
            f"{last.name} is damaged ({type(error).__name__}): the training begins anew", markup=False, highlight=False
        )
        return False
    return True


def _train(work: Work, folder: Path, seed: int) -> dict[str, Any]:
    settings, last, description = work.settings, folder / "last.ckpt", work.description
    first_epoch = _epochs_done(last)
    if first_epoch:
        console.print(f"{description}: continuing after epoch {first_epoch}", highlight=False)
    lightning.seed_everything(seed, workers=True, verbose=False)
    best = BestWeights(folder / "best.safetensors", work.save, {"seed": seed})
    history = History(folder / "history.csv", first_epoch, work.stage)
    with quiet():
        trainer = make_trainer(settings, folder, description)
        # Not earlier: another network of the same run may be trained over the same connections.
        atexit.register(close_connections)
        sampler = EpochSampler(len(work.train), rounds=settings.samples_per_image, seed=seed, world=trainer.world_size)
        module = work.begin(len(sampler))
        if work.as_it_came is not None and not first_epoch:
            best.begin(module.network, *work.as_it_came(), writes=trainer.is_global_zero)
        counted = len(work.validation)
        trainer.callbacks = make_callbacks(module, best, history, folder, description, counted, first_epoch)
        feed = Feed(
            work.train,
            work.validation,
            settings,
            size=work.size,
            in_channels=work.in_channels,
            seed=seed,
            first_epoch=first_epoch,
        )
        _run(trainer, module, feed, last if first_epoch else None)
    through = {"best_score": best.score, "best_epoch": best.epoch, "epochs": len(history.rows)}
    if trainer.is_global_zero:
        if (folder / "best.safetensors").is_file():
            os.replace(folder / "best.safetensors", folder / "weights.safetensors")
        fingerprint = json.loads((folder / "fit.json").read_text(encoding="utf-8"))["fingerprint"]
        files.write_json(folder / "fit.json", {"fingerprint": fingerprint, "through": through})
    trainer.strategy.barrier("through")
    return through


def _epochs_done(last: Path) -> int:
    if not last.is_file():
        return 0
    return int(torch.load(last, map_location="cpu", weights_only=True, mmap=True)["epoch"]) + 1


def _run(trainer: lightning.Trainer, module: Training, feed: Feed, last: Path | None) -> None:
    module.network.to(memory_format=torch.channels_last)
    try:
        trainer.fit(module, datamodule=feed, ckpt_path=last, weights_only=True)
    except SystemExit as error:
        # lightning turns Ctrl-C into sys.exit(1), which would look like a failure of ours.
        if trainer.interrupted:
            raise KeyboardInterrupt from error
        raise
