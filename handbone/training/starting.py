"""The starting point of a network: weights by file or name, encoder weights, or finished weights without training."""

from pathlib import Path

from torch import nn

from handbone.core.errors import HandboneError
from handbone.core.files import expanded
from handbone.core.progress import console
from handbone.recipe.schema import Network
from handbone.weights import network_file, read_set, resolve, stage_file


def ready_made(network: Network, in_channels: int, stage: str) -> Path:
    """The weights file of a network that is not trained. Unlike where a training starts, it has to fit by name, too.

    Raises
    ------
    HandboneError: weights that are missing, damaged, or of another network than the recipe's.
    """
    path, reason = _named_file(network, in_channels, stage)
    if path is not None and not network_file.is_of(card := network_file.read_card(path), network.model, in_channels):
        reason = f"{network.weights} was trained with another network ({card.network})"
    if reason or path is None:
        raise HandboneError(
            f"{reason or 'no weights are given'}, and train.epochs = 0 needs matching weights",
            remedy="set model to that network, choose other weights, or increase epochs",
        )
    return path


def start(network: Network, in_channels: int, stage: str) -> nn.Module:
    """The network before its first step: from `network.weights`, else from its encoder's.

    `network.weights` is a file, a run's folder or a folder of weights, which has to fit, or the name of a set, which
    is ignored with a message if it was trained with another network.

    Raises
    ------
    HandboneError: an unknown name, or weights that are missing, damaged or belong to another network.
    """
    return built(network, in_channels, start_file(network, in_channels, stage))


def built(network: Network, in_channels: int, path: Path | None) -> nn.Module:
    if path is None:
        return network_file.build_network(network.model, in_channels)
    network_file.read_card(path)
    module = network_file.build_network(network.model, in_channels, pretrained=False)
    network_file.load_state(module, path, widen=True)
    return module


def start_file(network: Network, in_channels: int, stage: str) -> Path | None:
    """The file that `network.weights` means; None without, or where a set of that name has nothing for this network."""
    path, reason = _named_file(network, in_channels, stage)
    if reason:
        console.print(
            f"{stage}: starting from the encoder's weights, because {reason}",
            markup=False,
            highlight=False,
            soft_wrap=True,
        )
    return path


def _named_file(network: Network, in_channels: int, stage: str) -> tuple[Path | None, str]:
    """The file that `network.weights` means, or None and why a set of that name has nothing for this network."""
    if network.weights is None:
        return None, ""
    file = stage_file(network.weights, stage)
    if expanded(network.weights).exists():
        return file, ""
    named = read_set(resolve(network.weights))
    named.verify()
    if file is None:
        return None, f"{named.name} has no {stage}"
    card = network_file.read_card(file)
    # A network of the radiograph alone, or a trunk, is also a start for one that reads further channels.
    starts = [(card, in_channels), (card, 1), (network_file.trunk_of(card), 1)]
    if any(each is not None and network_file.is_of(each, network.model, channels) for each, channels in starts):
        return file, ""
    return None, f"{named.name} was trained with another network ({card.network})"
