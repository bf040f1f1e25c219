"""The one engine that trains every network."""

import atexit
import contextlib
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from handbone.core import files
from handbone.core.errors import HandboneError
from handbone.core.progress import console
from handbone.networks import runtime
from handbone.recipe.schema import Network
from handbone.training.callbacks import HISTORY_COLUMNS, BestWeights, History
from handbone.training.feed import EpochSampler, Feed, StageDataset
from handbone.training.frameworks import lightning
from handbone.training.module import NetworkTraining
from handbone.training.starting import built, ready_made, start_file
from handbone.training.trainer import close_connections, make_callbacks, make_trainer, quiet
from handbone.weights import network_file

# Settings that change how fast a training runs, not what it learns; it may go on with others.
_OF_NO_CONSEQUENCE = ("workers", "devices", "nodes", "strategy", "loggers")


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


def fit(
    *,
    network: Network,
    in_channels: int,
    train: StageDataset,
    validation: StageDataset,
    folder: Path,
    seed: int,
    description: str,
    card: dict[str, Any],
) -> FitResult:
    """Train a network, or go on where the same call was interrupted.

    Everything is in `folder`: last.ckpt after every epoch, best.safetensors, history.csv and, when the training is
    through, weights.safetensors. A call with the same settings goes on after the last whole epoch, or returns at once
    when all is done; a call with others starts anew.

    Parameters
    ----------
    network: size, model, start and training as the recipe says.
    in_channels: 1, or 1 + 29 with coarse probabilities.
    train, validation: datasets of a stage, see `StageDataset`.
    description: shown beside the progress bar.
    card: fields of `WeightsCard` beside model, in_channels, size and training; `stage` has to be among them.

    Raises
    ------
    HandboneError: an unknown name or wrong setting, a missing logger or device, or a loss that is not finite.
    KeyboardInterrupt: the user stopped it; at most the current epoch is lost.
    """
    if not len(train) or not len(validation):
        raise HandboneError(
            f"{description}: {len(train)} training and {len(validation)} validation images, but both need at least one",
            remedy="add patients or change the split",
        )
    runtime.prepare()
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    through = _claim(folder, _fingerprint(network, in_channels, seed, len(train), len(validation), card))
    if through is None:
        through = _train(network, in_channels, train, validation, folder, seed, description, card)
    return FitResult(folder / "weights.safetensors", history=folder / "history.csv", **through)


def use(*, network: Network, in_channels: int, folder: Path, card: dict[str, Any]) -> None:
    """What a training of no epochs leaves: the network's weights as they are, with the card of this run.

    `folder` gets weights.safetensors, and a history.csv without epochs. Other parameters are those of `fit`.

    Raises
    ------
    HandboneError: weights that are missing, damaged, or of another network than the recipe's.
    """
    module, known = network_file.load_weights(ready_made(network, in_channels, card["stage"]))
    told = network_file.WeightsCard(
        model=network.model, in_channels=in_channels, size=network.size, training=known.training, **card
    )
    network_file.save_weights(Path(folder) / "weights.safetensors", module, told)
    files.write_text(Path(folder) / "history.csv", ",".join(HISTORY_COLUMNS) + "\n")


def _fingerprint(network: Network, *others: Any) -> dict[str, Any]:
    settings = network.model_dump(mode="json", by_alias=True)
    for name in _OF_NO_CONSEQUENCE:
        settings["train"].pop(name)
    return json.loads(json.dumps([settings, *others], default=str))


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


def _train(
    network: Network,
    in_channels: int,
    train: StageDataset,
    validation: StageDataset,
    folder: Path,
    seed: int,
    description: str,
    card: dict[str, Any],
) -> dict[str, Any]:
    settings, last = network.train, folder / "last.ckpt"
    first_epoch = _epochs_done(last)
    if first_epoch:
        console.print(f"{description}: continuing after epoch {first_epoch}", highlight=False)
    lightning.seed_everything(seed, workers=True, verbose=False)
    best = BestWeights(
        folder / "best.safetensors",
        network_file.WeightsCard(
            model=network.model, in_channels=in_channels, size=network.size, training={"seed": seed}, **card
        ),
    )
    history = History(folder / "history.csv", first_epoch, card.get("stage", ""))
    with quiet():
        trainer = make_trainer(settings, folder, description)
        # Not earlier: another network of the same run may be trained over the same connections.
        atexit.register(close_connections)
        sampler = EpochSampler(len(train), rounds=settings.samples_per_image, seed=seed, world=trainer.world_size)
        path = start_file(network, in_channels, card.get("stage", ""))
        module = NetworkTraining(
            built(network, in_channels, path),
            settings,
            trained=path is not None,
            size=network.size,
            samples=len(sampler),
            seed=seed,
        )
        trainer.callbacks = make_callbacks(module, best, history, folder, description, len(validation), first_epoch)
        feed = Feed(
            train,
            validation,
            settings,
            size=network.size,
            in_channels=in_channels,
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


def _run(trainer: lightning.Trainer, module: NetworkTraining, feed: Feed, last: Path | None) -> None:
    module.network.to(memory_format=torch.channels_last)
    try:
        trainer.fit(module, datamodule=feed, ckpt_path=last, weights_only=True)
    except SystemExit as error:
        # lightning turns Ctrl-C into sys.exit(1), which would look like a failure of ours.
        if trainer.interrupted:
            raise KeyboardInterrupt from error
        raise
