"""Weights files: the tensors of a network with a card that says what they are, in one .safetensors file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import ValidationError

from handbone import anatomy
from handbone.core import files
from handbone.core.errors import HandboneError
from handbone.networks.architectures.settings import TRUNKS
from handbone.plugins import registry
from handbone.recipe.schema import Choice, Table
from handbone.weights.exported import exported_network, is_exported
from handbone.weights.network_card import WeightsCard
from handbone.weights.origin import as_made, origin_of

# Cards are read by commands that may never need torch.
if TYPE_CHECKING:
    from torch import Tensor, nn

_KEY, _TRUNK = "handbone", "trunk."
_REMEDY = "give a file that 'handbone run' or 'handbone weights' wrote, or copy it again"


def build_network(
    model: Choice, in_channels: int, classes: int = anatomy.COUNT, *, pretrained: bool = True
) -> nn.Module:
    """The network that a recipe or card names.

    Parameters
    ----------
    pretrained: whether encoder weights are read; of no use where all weights are loaded afterwards.

    Raises
    ------
    HandboneError: an unknown network, a wrong setting, or encoder weights that cannot be had.
    """
    spec, settings = registry().get("model", model)
    if not pretrained:
        settings = without_pretraining(settings)
    return spec.build(settings, in_channels=in_channels, classes=classes)


def without_pretraining(settings: Table) -> Table:
    """A model's settings without encoder weights, for networks whose weights come from elsewhere or from nowhere."""
    if "encoder_weights" not in type(settings).model_fields:
        return settings
    return settings.model_copy(update={"encoder_weights": None})


def is_of(card: WeightsCard, model: Choice, in_channels: int) -> bool:
    """Whether a card's weights are those of this network, whatever its encoder starts from."""
    if card.in_channels != in_channels or card.bones != anatomy.NAMES:
        return False
    try:
        made = as_made("model", card.model, card.plugin, where="")
        (spec, settings), (other, others) = (registry().get("model", choice) for choice in (made, model))
    except HandboneError:  # one of them is not installed, or has other settings in this version
        return False
    return spec is other and without_pretraining(settings) == without_pretraining(others)


def trunk_of(card: WeightsCard) -> WeightsCard | None:
    """The card of a network's trunk, which reads the radiograph alone; None where the network has none."""
    trunk = TRUNKS.get(card.model.name)
    if trunk is None or card.plugin is not None:
        return None
    return card.model_copy(update={"model": card.model.model_copy(update={"name": trunk}), "in_channels": 1})


def save_weights(path: Path, module: nn.Module, card: WeightsCard, *, half: bool = False) -> Path:
    """Write a network's state and its card, whole or not at all; equal states and cards give equal bytes.

    A card that names no plugin gets the package that provides the network now.

    Parameters
    ----------
    half: store floating tensors in half precision where that can hold them, in half the bytes; networks that load them
        compute in their own precision as before.
    """
    from safetensors.torch import save

    # One state may hold a tensor twice (shared weights), which safetensors refuses.
    state = {name: tensor.detach().cpu().contiguous().clone() for name, tensor in module.state_dict().items()}
    if half:
        state = {name: _halved(name, tensor) for name, tensor in state.items()}
    if card.plugin is None:
        kind = "prompter" if card.stage == "prompter" else "model"
        card = card.model_copy(update={"plugin": origin_of(kind, card.model)})
    # Weights of handbone's own networks stay byte for byte what they were before there were plugins.
    absent = {"plugin"} if card.plugin is None else None
    text = json.dumps(card.model_dump(mode="json", by_alias=True, exclude=absent), sort_keys=True, ensure_ascii=False)
    with files.atomic_file(Path(path)) as temporary:
        temporary.write_bytes(save(state, metadata={_KEY: text}))
    return Path(path)


def _halved(name: str, tensor: Tensor) -> Tensor:
    """The tensor in half precision, or itself where values would overflow or a variance would lose its digits."""
    import torch

    if not tensor.is_floating_point():
        return tensor
    half = tensor.half()
    # Batch norm divides by the root of a variance: one with few digits left scales its whole channel wrongly.
    vanishes = name.endswith("running_var") and bool((tensor < torch.finfo(torch.half).smallest_normal).any())
    return half if torch.isfinite(half).all() and not vanishes else tensor


def read_card(path: Path) -> WeightsCard:
    """The card of a weights file or of an exported network, without reading its tensors.

    Raises
    ------
    HandboneError: no such file, not a weights file, or one that handbone did not write.
    """
    from safetensors import SafetensorError, safe_open

    path = Path(path)
    if not path.is_file():
        raise HandboneError("no such weights file", where=path, remedy="check the path")
    if is_exported(path):
        return exported_network(path).card
    try:
        with safe_open(path, framework="numpy") as file:
            text = (file.metadata() or {}).get(_KEY)
    except (SafetensorError, OSError) as error:
        raise HandboneError(f"is not a complete .safetensors file ({error})", where=path, remedy=_REMEDY) from error
    if text is None:
        raise HandboneError(
            "has no handbone card",
            where=path,
            remedy="to use it as encoder weights, set model.encoder_weights",
        )
    try:
        return WeightsCard.model_validate_json(text)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(map(str, first["loc"]))
        what = f"its card cannot be read ({key + ': ' if key else ''}{first['msg']})"
        raise HandboneError(what, where=path, remedy=_REMEDY) from error


def load_weights(path: Path) -> tuple[nn.Module, WeightsCard]:
    """The network of a weights file, on the CPU and in evaluation mode, and its card.

    Raises
    ------
    HandboneError: as `read_card`; a network whose plugin is not installed; tensors that do not belong to it.
    """
    path = Path(path)
    card = read_card(path)
    if is_exported(path):
        remedy = "give the weights from which it was exported"
        raise HandboneError("is an exported network, which can only predict", where=path, remedy=remedy)
    model = as_made("model", card.model, card.plugin, where=path)
    from handbone.networks.unfilled import Unfilled  # late, as it imports torch

    try:
        with Unfilled(path.stat().st_size):
            module = build_network(model, card.in_channels, len(card.bones), pretrained=False)
    except HandboneError as error:
        what = f"its network cannot be built: {error.what}"
        raise HandboneError(what, where=path, remedy=error.remedy or _REMEDY) from error
    load_state(module, path)
    return module.eval(), card


def _widened(tensor: Tensor, name: str, module: nn.Module) -> Tensor:
    own = module.state_dict().get(name)
    if own is None or own.ndim != 4 or tensor.ndim != 4 or tensor.shape[1] != 1 or own.shape[1] == 1:
        return tensor
    import torch

    # Buffers, such as the mean that is taken off, have values of their own for further channels.
    wide = torch.zeros_like(own) if name in dict(module.named_parameters()) else own.clone()
    if wide[:, :1].shape == tensor.shape:
        wide[:, :1] = tensor
    return wide


def _for_trunk(state: dict[str, Tensor], module: nn.Module) -> dict[str, Tensor]:
    """The trunk's tensors under their own names, for a network that is no more than a trunk; else all."""
    trunk = {name.removeprefix(_TRUNK): tensor for name, tensor in state.items() if name.startswith(_TRUNK)}
    return state if not trunk or any(name.startswith(_TRUNK) for name in module.state_dict()) else trunk


def load_state(module: nn.Module, path: Path, *, widen: bool = False) -> None:
    """Fill a network with the tensors of a weights file; all names and shapes must agree.

    Parameters
    ----------
    widen: take weights of a network that reads the radiograph alone for one that reads further channels, too: these
        start at zero, so that it starts as if they were not there. A trunk alone is taken of weights that have one.

    Raises
    ------
    HandboneError: tensors that do not belong to the network.
    """
    from safetensors.torch import load_file

    state = load_file(path)
    if widen:
        state = _for_trunk(state, module)
        state = {name: _widened(tensor, name, module) for name, tensor in state.items()}
    try:
        module.load_state_dict(state)
    except RuntimeError as error:
        first = [line.strip() for line in str(error).splitlines()][:2]
        raise HandboneError(
            f"does not fit the network ({' '.join(first)[:300]})",
            where=path,
            remedy="use the model and input channels with which it was trained",
        ) from error
