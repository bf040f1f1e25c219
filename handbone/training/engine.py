"""The one engine that trains every network."""

import contextlib
import importlib.util
import json
import logging
import os
import sys
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from handbone import files, runtime
from handbone.errors import HandboneError
from handbone.progress import console
from handbone.recipe.schema import Network, Train
from handbone.training import weights
from handbone.training.callbacks import (
    HISTORY_COLUMNS,
    MONITOR,
    AveragedWeights,
    Bar,
    BestWeights,
    History,
    WholeCheckpoints,
)
from handbone.training.feed import EpochSampler, Feed, StageDataset
from handbone.training.frameworks import (
    Callback,
    EarlyStopping,
    MisconfigurationException,
    ModelCheckpoint,
    TensorBoardLogger,
    WandbLogger,
    lightning,
)
from handbone.training.module import NetworkTraining
from handbone.weights import read_set, resolve

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
    history: CSV, one row an epoch: epoch, train_loss, val_dice, lr, seconds, size.
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
    HandboneError: an unknown name or wrong setting, a logger or device that is missing, or a loss that is lost.
    KeyboardInterrupt: the person stopped it; at most the current epoch is lost.
    """
    if not len(train) or not len(validation):
        raise HandboneError(
            f"{description}: {len(train)} pictures for training and {len(validation)} for validation",
            remedy="both need at least one; add people or change the split",
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
    module, known = weights.load_weights(ready_made(network, in_channels, card["stage"]))
    told = weights.WeightsCard(
        model=network.model, in_channels=in_channels, size=network.size, training=known.training, **card
    )
    weights.save_weights(Path(folder) / "weights.safetensors", module, told)
    files.write_text(Path(folder) / "history.csv", ",".join(HISTORY_COLUMNS) + "\n")


def ready_made(network: Network, in_channels: int, stage: str) -> Path:
    """The weights file of a network that is not trained. Unlike where a training starts, it has to fit by name, too.

    Raises
    ------
    HandboneError: weights that are missing, damaged, or of another network than the recipe's.
    """
    path, reason = _named_file(network, in_channels, stage)
    if path is not None and not weights.is_of(card := weights.read_card(path), network.model, in_channels):
        reason = f"{network.weights} was trained with another network ({card.network})"
    if reason:
        raise HandboneError(
            f"{reason}, and train.epochs = 0 uses weights as they are",
            remedy="name its model, name other weights, or train for some epochs",
        )
    return path


def _fingerprint(network: Network, *others: Any) -> dict[str, Any]:
    settings = network.model_dump(mode="json", by_alias=True)
    for name in _OF_NO_CONSEQUENCE:
        settings["train"].pop(name)
    return json.loads(json.dumps([settings, *others], default=str))


def _claim(folder: Path, fingerprint: Any) -> dict[str, Any] | None:
    """Make the folder this training's own. Returns the result's figures when the training is already through."""
    state = folder / "fit.json"
    known = json.loads(state.read_text(encoding="utf-8")) if state.is_file() else {}
    if known.get("fingerprint") == fingerprint:
        whole = "through" in known and (folder / "weights.safetensors").is_file()
        return known["through"] if whole else None
    for name in ("last.ckpt", "best.safetensors", "weights.safetensors", "history.csv"):
        (folder / name).unlink(missing_ok=True)
    files.write_json(state, {"fingerprint": fingerprint})
    return None


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
        console.print(f"{description}: going on after epoch {first_epoch}", highlight=False)
    lightning.seed_everything(seed, workers=True, verbose=False)
    best = BestWeights(
        folder / "best.safetensors",
        weights.WeightsCard(
            model=network.model, in_channels=in_channels, size=network.size, training={"seed": seed}, **card
        ),
    )
    history = History(folder / "history.csv", first_epoch, card.get("stage", ""))
    with _quiet():
        trainer = _trainer(settings, folder, description)
        sampler = EpochSampler(len(train), rounds=settings.repeats, seed=seed, world=trainer.world_size)
        path = _start_file(network, in_channels, card.get("stage", ""))
        module = NetworkTraining(
            _built(network, in_channels, path),
            settings,
            trained=path is not None,
            size=network.size,
            samples=len(sampler),
            seed=seed,
        )
        trainer.callbacks = _callbacks(module, best, history, folder, description, len(validation), first_epoch)
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


def start(network: Network, in_channels: int, stage: str) -> nn.Module:
    """The network before its first step: from `network.weights`, else from its encoder's.

    `network.weights` is a file, a run's folder or a folder of weights, which has to fit, or the name of a set, which
    is left aside with a remark where it was trained with another network.

    Raises
    ------
    HandboneError: an unknown name, or weights that are missing, damaged or belong to another network.
    """
    return _built(network, in_channels, _start_file(network, in_channels, stage))


def _built(network: Network, in_channels: int, path: Path | None) -> nn.Module:
    if path is None:
        return weights.build_network(network.model, in_channels)
    weights.read_card(path)
    module = weights.build_network(network.model, in_channels, pretrained=False)
    weights.load_state(module, path, widen=True)
    return module


def _start_file(network: Network, in_channels: int, stage: str) -> Path | None:
    """The file that `network.weights` means; None without, or where a set of that name has nothing for this network."""
    path, reason = _named_file(network, in_channels, stage)
    if reason:
        console.print(
            f"{stage}: starts from its encoder's weights; {reason}", markup=False, highlight=False, soft_wrap=True
        )
    return path


def _named_file(network: Network, in_channels: int, stage: str) -> tuple[Path | None, str]:
    """The file that `network.weights` means, or None and why a set of that name has nothing for this network."""
    if network.weights is None:
        return None, ""
    path = resolve(network.weights)
    if Path(network.weights).expanduser().exists():
        folder = path / "weights" if (path / "weights").is_dir() else path
        return folder / f"{stage}.safetensors" if path.is_dir() else path, ""
    named = read_set(path)
    named.verify()
    file = named.files.get(stage)
    if file is None:
        return None, f"{named.name} has no {stage}"
    card = weights.read_card(file)
    # A network of the radiograph alone is also a start for one that reads further channels.
    if weights.is_of(card, network.model, in_channels) or weights.is_of(card, network.model, 1):
        return file, ""
    return None, f"{named.name} was trained with another network ({card.network})"


def _trainer(settings: Train, folder: Path, description: str) -> lightning.Trainer:
    # The sampler is already per process; sanity validation and summaries only cost time.
    try:
        return lightning.Trainer(
            accelerator="auto",
            devices=settings.devices,
            num_nodes=settings.nodes,
            strategy=settings.strategy,
            precision=_precision(settings.precision),
            max_epochs=settings.epochs,
            accumulate_grad_batches=settings.accumulate,
            gradient_clip_val=settings.clip,
            logger=_loggers(settings, folder, description) or False,
            plugins=[WholeCheckpoints()],
            default_root_dir=folder,
            use_distributed_sampler=False,
            # Lightning counts an epoch's batches only when it loads the data.
            reload_dataloaders_every_n_epochs=int(any(step.batch for step in settings.rise)),
            num_sanity_val_steps=0,
            log_every_n_steps=1,
            enable_progress_bar=False,
            enable_model_summary=False,
            enable_checkpointing=True,
            benchmark=True,
            sync_batchnorm=torch.cuda.device_count() > 1,
        )
    except (MisconfigurationException, ValueError) as error:
        raise HandboneError(
            f"training cannot be set up: {str(error).strip().splitlines()[0]}",
            remedy="see train.devices, train.nodes, train.strategy and train.precision",
        ) from error


def _precision(wanted: str) -> Any:
    gpu = torch.cuda.is_available()
    if wanted == "16" and not gpu:
        raise HandboneError("train.precision = '16' needs a CUDA device", remedy="use 'auto', 'bf16' or '32'")
    if wanted == "auto":
        fallback = "16" if gpu else "32"
        wanted = "bf16" if runtime.supports_bf16() else fallback
    return {"32": "32-true", "bf16": "bf16-mixed", "16": "16-mixed"}[wanted]


def _callbacks(
    module: NetworkTraining,
    best: BestWeights,
    history: History,
    folder: Path,
    description: str,
    validation: int,
    first_epoch: int,
) -> list[Callback]:
    settings = module._settings
    callbacks: list[Callback] = [best]
    if settings.ema is not None:
        callbacks.append(AveragedWeights(settings.ema))
    if settings.patience is not None:
        callbacks.append(
            EarlyStopping(
                MONITOR, mode="max", patience=settings.patience, check_on_train_epoch_end=False, verbose=False
            )
        )
    last = ModelCheckpoint(
        folder,
        filename="last",
        every_n_epochs=1,
        save_on_train_epoch_end=True,
        enable_version_counter=False,
        auto_insert_metric_name=False,
    )
    return [*callbacks, history, Bar(description, module, validation, first_epoch), last]


def _loggers(settings: Train, folder: Path, description: str) -> list[Any]:
    """lightning's loggers beside history.csv, which is always written."""
    loggers: list[Any] = []
    if "tensorboard" in settings.loggers:
        _need("tensorboard")
        loggers.append(TensorBoardLogger(folder, name="", version="tensorboard"))
    if "wandb" in settings.loggers:
        _need("wandb")
        loggers.append(WandbLogger(name=description, save_dir=folder, project="handbone"))
    return loggers


def _need(package: str) -> None:
    if importlib.util.find_spec(package) is None:
        raise HandboneError(
            f"train.loggers names {package!r}, which is not installed",
            remedy=f"pip install 'handbone[{package}]', or leave it out",
        )


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


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Without lightning's tips and warnings, about which a person who runs a recipe can do nothing."""
    loggers = [logging.getLogger(name) for name in ("lightning.pytorch", "lightning.fabric")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            if not sys.warnoptions:
                for module in (r"lightning\.", r"torch\.", r"torchmetrics\.", r"segmentation_models_pytorch\."):
                    warnings.filterwarnings("ignore", module=module)
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
