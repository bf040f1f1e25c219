"""Lightning's trainer, callbacks and loggers for a recipe's training, without its own messages."""

import contextlib
import importlib.util
import logging
import os
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch

from handbone.core.errors import HandboneError
from handbone.networks import runtime
from handbone.recipe.schema import Train
from handbone.training.base import Training
from handbone.training.callbacks import MONITOR, AveragedWeights, Bar, BestWeights, History, WholeCheckpoints
from handbone.training.frameworks import (
    Callback,
    EarlyStopping,
    MisconfigurationException,
    ModelCheckpoint,
    TensorBoardLogger,
    WandbLogger,
    lightning,
)


def make_trainer(settings: Train, folder: Path, description: str) -> lightning.Trainer:
    devices, nodes = _spread(settings)
    # The sampler is already per process; sanity validation and summaries only cost time.
    try:
        return lightning.Trainer(
            accelerator="auto",
            devices=devices,
            num_nodes=nodes,
            strategy=settings.strategy,
            precision=_precision(settings.precision),
            max_epochs=settings.epochs,
            accumulate_grad_batches=settings.accumulate_grad_batches,
            gradient_clip_val=settings.gradient_clip_norm,
            logger=_loggers(settings, folder, description) or False,
            plugins=[WholeCheckpoints()],
            default_root_dir=folder,
            use_distributed_sampler=False,
            # Lightning counts an epoch's batches only when it loads the data.
            reload_dataloaders_every_n_epochs=int(any(step.batch_size for step in settings.progressive_resizing)),
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
            f"the trainer cannot be created: {str(error).strip().splitlines()[0]}",
            remedy="check train.devices, train.nodes, train.strategy and train.precision",
        ) from error


def _spread(settings: Train) -> tuple[int | str, int]:
    """Devices a machine, and machines: those of torchrun where it has started this process and the recipe is silent.

    Left to itself, lightning takes one CPU, and each of torchrun's processes would train alone in the same folder.
    """
    if settings.devices != "auto" or "LOCAL_WORLD_SIZE" not in os.environ:
        return settings.devices, settings.nodes
    here = int(os.environ["LOCAL_WORLD_SIZE"])
    return here, max(settings.nodes, int(os.environ.get("WORLD_SIZE", here)) // here)


def close_connections() -> None:
    """Leave the other processes of a training; nothing where this one is alone.

    torch asks for it before a process ends, so that no connection outlives what it belongs to. lightning does it for
    GPUs (nccl) alone, not for CPUs (gloo).
    """
    if torch.distributed.is_available() and torch.distributed.is_initialized():
        torch.distributed.destroy_process_group()


def _precision(wanted: str) -> Any:
    gpu = torch.cuda.is_available()
    if wanted == "16" and not gpu:
        raise HandboneError("train.precision = '16' needs a CUDA device", remedy="use 'auto', 'bf16' or '32'")
    if wanted == "auto":
        fallback = "16" if gpu else "32"
        wanted = "bf16" if runtime.supports_bf16() else fallback
    return {"32": "32-true", "bf16": "bf16-mixed", "16": "16-mixed"}[wanted]


def make_callbacks(
    module: Training,
    best: BestWeights,
    history: History,
    folder: Path,
    description: str,
    validation: int,
    first_epoch: int,
) -> list[Callback]:
    settings = module.settings
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
            f"train.loggers needs {package!r}, which is not installed",
            remedy=f"pip install 'handbone[{package}]', or remove it from train.loggers",
        )


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Silence lightning's tips and warnings, about which a user can do nothing."""
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
