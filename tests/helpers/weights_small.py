"""Small untrained networks as runs, packed sets and .zip files."""

import json
import zipfile
from pathlib import Path

import torch

from handbone.anatomy import COUNT
from handbone.core.files import sha256_of
from handbone.method.settings import METHOD, MethodSettings, RefinerSettings
from handbone.recipe.schema import Choice
from handbone.weights.network_file import WeightsCard, build_network, save_weights

SETTINGS = {"encoder": "test_efficientnet", "encoder_depth": 3, "options": {"decoder_channels": [8, 8, 8]}}
MODEL = Choice(name="unet", encoder_weights=None, **SETTINGS)


def save(path, stage, *, model=MODEL, in_channels=1, seed=0, method=None, logit=None):
    """method: the settings that a coarse network's card holds. logit: about what the network says of every pixel."""
    torch.manual_seed(seed)
    extra = {} if method is None else {METHOD: method.model_dump(mode="json")}
    card = WeightsCard(model=model, in_channels=in_channels, size=64, stage=stage, extra=extra)
    network = build_network(model, in_channels)
    for values in network.parameters():
        if logit is not None and values.shape == (COUNT,):
            torch.nn.init.constant_(values, logit)
    return save_weights(path, network, card)


def write_run(folder, *, refiner=True):
    """A run's folder, as far as packing looks at it."""
    settings = MethodSettings(find_hand=64, postprocess=True, refiner=RefinerSettings() if refiner else None)
    save(folder / "weights" / "coarse.safetensors", "coarse", method=settings)
    if refiner:
        save(folder / "weights" / "refiner.safetensors", "refiner", seed=1)
    manifest = {"data": "synthetic", "metrics": {"all": {"coarse": 0.91, "merged": 0.93}}}
    (folder / "manifest.json").write_text(json.dumps(manifest))
    (folder / "recipe.toml").write_text('name = "small"\n\n[data]\npath = "/home/someone/private/images"\n')
    return folder


def zip_folder(folder: Path, target: Path, *, prefix: str = "") -> tuple[Path, str]:
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as file:
        for path in sorted(folder.iterdir()):
            file.write(path, f"{prefix}{path.name}")
    return target, sha256_of(target)
