"""Networks of segmentation-models-pytorch with any of its encoders, or any of timm's."""

import difflib
import functools
import inspect
from pathlib import Path

from torch import nn

from handbone.core.errors import HandboneError, UnknownNameError
from handbone.core.files import expanded
from handbone.networks.architectures import encoder_weights
from handbone.networks.architectures.bone_network import IMAGENET_GREY, BoneNetwork, expect_little
from handbone.networks.architectures.settings import SmpSettings
from handbone.networks.light_imports import import_without_compiler
from handbone.networks.runtime import ensure_torchvision

ensure_torchvision()
import_without_compiler("timm")

import segmentation_models_pytorch as smp  # noqa: E402
import timm  # noqa: E402

_FILES = (".safetensors", ".pth", ".pt", ".bin", ".ckpt")


def build(architecture: str, settings: SmpSettings, *, in_channels: int, classes: int) -> BoneNetwork:
    """A network of smp that reads radiographs in [0, 1] and gives logits of the same height and width.

    Parameters
    ----------
    architecture: lower-case name, as in `segmentation_models_pytorch.create_model`.

    Raises
    ------
    HandboneError: an unknown encoder, weights that are not available, or an encoder that the architecture cannot use.
    """
    encoder = encoder_name(settings.encoder)
    core = _create(architecture, encoder, settings, in_channels=in_channels, classes=classes)
    weights = settings.encoder_weights
    if weights not in (None, "none"):
        encoder_weights.fill(core.encoder, _pretrained(encoder, weights, core), where=f"{settings.encoder} {weights!r}")
    expect_little(core.segmentation_head)
    return BoneNetwork(core, core.encoder, in_channels=in_channels, grey=_grey(encoder))


@functools.cache
def encoder_name(name: str) -> str:
    """smp's name of an encoder: its own names stay, timm's get the prefix 'tu-'.

    Raises
    ------
    UnknownNameError: neither smp nor timm has it.
    """
    if name in smp.encoders.encoders:
        return name
    bare = name.removeprefix("tu-")
    if timm.is_model(bare.split(".")[0]):
        return f"tu-{bare}"
    known = [*smp.encoders.encoders, *timm.list_models()]
    # timm knows over a thousand; the nearest few help, the whole list does not.
    near = difflib.get_close_matches(bare, known, n=3, cutoff=0.5) or list(smp.encoders.encoders)
    raise UnknownNameError("encoder", name, near)


def _create(architecture: str, encoder: str, settings: SmpSettings, *, in_channels: int, classes: int) -> nn.Module:
    kind = smp.MODEL_ARCHITECTURES_MAPPING[architecture]
    allowed = [name for name in inspect.signature(kind).parameters if name != "kwargs"]
    for option in settings.options:
        if option not in allowed:
            raise UnknownNameError(f"option of {architecture}", option, allowed)
    arguments = dict(settings.options)
    if settings.encoder_depth is not None:
        arguments["encoder_depth"] = settings.encoder_depth
    if architecture == "dpt":
        # Else a vision transformer reads images of its pretraining's size only.
        arguments.setdefault("dynamic_img_size", True)
    try:
        return kind(
            encoder_name=encoder,
            encoder_weights=None,
            in_channels=in_channels,
            classes=classes,
            **arguments,
        )
    except (ValueError, TypeError, KeyError, RuntimeError, NotImplementedError, AssertionError) as error:
        raise HandboneError(
            f"{architecture} cannot be built with the encoder {settings.encoder!r}: {error}",
            remedy="choose another encoder, or remove options",
        ) from error


def _pretrained(encoder: str, weights: str, core: nn.Module) -> dict:
    if weights.endswith(_FILES) or Path(weights).is_file():
        return encoder_weights.read_tensors(expanded(weights))
    if encoder.removeprefix("tu-").split(".")[0] == encoder_weights.PACKAGED and weights == "imagenet":
        return encoder_weights.packaged_lite0()
    depth = getattr(core.encoder, "_depth", 5)
    chosen = True if encoder.startswith("tu-") else weights
    return encoder_weights.fetch(
        f"{encoder} {weights!r}", lambda: smp.encoders.get_encoder(encoder, in_channels=3, depth=depth, weights=chosen)
    )


def _grey(encoder: str) -> tuple[float, float]:
    """Mean and deviation that the encoder's ImageNet weights expect of a grey image."""
    if not encoder.startswith("tu-"):
        return IMAGENET_GREY
    config = timm.models.get_pretrained_cfg(encoder.removeprefix("tu-"))
    if config is None:
        return IMAGENET_GREY
    return sum(config.mean) / len(config.mean), sum(config.std) / len(config.std)
