"""The one engine that trains every network from images to the planes of bones."""

import json
from pathlib import Path
from typing import Any

from torch import nn

from handbone.core import files
from handbone.recipe.schema import Network
from handbone.training.callbacks import HISTORY_COLUMNS
from handbone.training.feed import StageDataset
from handbone.training.module import NetworkTraining
from handbone.training.starting import built, ready_made, start_file
from handbone.training.work import FitResult, Work, carry_out
from handbone.weights import network_file

# Settings that change how fast a training runs, not what it learns; it may go on with others.
_OF_NO_CONSEQUENCE = ("workers", "devices", "nodes", "strategy", "loggers")


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
    """Train a network, or go on where the same call was interrupted; see `carry_out`.

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
    stage = card.get("stage", "")
    told = network_file.WeightsCard(model=network.model, in_channels=in_channels, size=network.size, **card)

    def begin(samples: int) -> NetworkTraining:
        path = start_file(network, in_channels, stage)
        return NetworkTraining(
            built(network, in_channels, path),
            network.train,
            trained=path is not None,
            size=network.size,
            samples=samples,
            seed=seed,
        )

    def save(path: Path, module: nn.Module, training: dict[str, Any]) -> None:
        network_file.save_weights(path, module, told.model_copy(update={"training": training}))

    work = Work(
        settings=network.train,
        size=network.size,
        in_channels=in_channels,
        stage=stage,
        description=description,
        train=train,
        validation=validation,
        begin=begin,
        save=save,
        fingerprint=_fingerprint(network, in_channels, seed, len(train), len(validation), card),
    )
    return carry_out(work, folder=folder, seed=seed)


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
