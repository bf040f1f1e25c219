"""Small untrained networks as runs, packed sets and .zip files."""

import json
import zipfile
from pathlib import Path

import torch

from handbone.core.files import sha256_of
from handbone.method.settings import RefinerSettings
from handbone.recipe.schema import Choice
from handbone.weights.network_file import WeightsCard, build_network, save_weights

SETTINGS = {"encoder": "test_efficientnet", "encoder_depth": 3, "options": {"decoder_channels": [8, 8, 8]}}
MODEL = Choice(name="unet", encoder_weights=None, **SETTINGS)


def save(path, stage, *, model=MODEL, in_channels=1, seed=0, **extra):
    torch.manual_seed(seed)
    card = WeightsCard(model=model, in_channels=in_channels, size=64, stage=stage, extra=extra)
    return save_weights(path, build_network(model, in_channels), card)


def write_run(folder, *, refiner=True):
    """A run's folder, as far as packing looks at it."""
    save(folder / "weights" / "coarse.safetensors", "coarse", coarse={"find_hand": 64})
    if refiner:
        settings = RefinerSettings().model_dump(mode="json")
        save(folder / "weights" / "refiner.safetensors", "refiner", seed=1, refiner=settings)
    manifest = {"data": "synthetic", "metrics": {"all": {"coarse": 0.91, "merged": 0.93}}}
    (folder / "manifest.json").write_text(json.dumps(manifest))
    (folder / "recipe.toml").write_text('name = "small"\n\n[data]\npath = "/home/someone/private/images"\n')
    return folder


def zip_folder(folder: Path, target: Path, *, prefix: str = "") -> tuple[Path, str]:
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as file:
        for path in sorted(folder.iterdir()):
            file.write(path, f"{prefix}{path.name}")
    return target, sha256_of(target)
