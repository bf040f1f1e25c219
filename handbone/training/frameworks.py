"""lightning, imported so that it also loads on a CPU-only torch: its metrics import torchvision."""

from handbone.networks.runtime import ensure_torchvision

ensure_torchvision()

import lightning  # noqa: E402
from lightning.pytorch.callbacks import Callback, EarlyStopping, ModelCheckpoint, WeightAveraging  # noqa: E402
from lightning.pytorch.loggers import TensorBoardLogger, WandbLogger  # noqa: E402
from lightning.pytorch.plugins.io import TorchCheckpointIO  # noqa: E402
from lightning.pytorch.utilities.exceptions import MisconfigurationException  # noqa: E402

__all__ = [
    "Callback",
    "EarlyStopping",
    "MisconfigurationException",
    "ModelCheckpoint",
    "TensorBoardLogger",
    "TorchCheckpointIO",
    "WandbLogger",
    "WeightAveraging",
    "lightning",
]
