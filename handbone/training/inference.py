"""Trained networks computed by torch."""

import contextlib
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import nn

from handbone import anatomy
from handbone.core.box import Box
from handbone.core.errors import HandboneError
from handbone.networks import runtime
from handbone.networks.folding import for_prediction
from handbone.networks.grid_network import GridNetwork, Precision
from handbone.networks.partial import decoded_box, decodes_parts, logits_in
from handbone.weights.network_file import WeightsCard, load_weights


class Predictor(GridNetwork):
    """Runs a network with torch, as fast as this machine allows.

    Parameters
    ----------
    weights: a weights file, or a module that maps (1, C, H, W) to logits (1, 29, H, W).
    precision: "auto" computes in bfloat16 if the hardware supports it, "32" in float32, "bf16" in bfloat16.
    device: by default an accelerator that torch finds, else the CPU.

    Raises
    ------
    HandboneError: weights that cannot be loaded, or a device that torch does not know or this machine does not have.
    """

    def __init__(
        self,
        weights: str | Path | nn.Module,
        precision: Precision = "auto",
        *,
        device: str | torch.device | None = None,
    ):
        runtime.prepare()
        self.card: WeightsCard | None = None
        self.device = _device_of_choice() if device is None else _usable(device)
        if isinstance(weights, nn.Module):
            module = weights.eval()
        else:
            module, self.card = load_weights(Path(weights))
            if self.device.type == "cpu":
                module = for_prediction(module, self.card.in_channels)
        self.half = precision == "bf16" or (precision == "auto" and _multiplies_bf16(self.device))
        self._module = module.to(self.device, memory_format=torch.channels_last)

    @torch.inference_mode()
    def __call__(self, batch: np.ndarray) -> np.ndarray:
        """Logits (N, 29, H, W) float32 of images (N, C, H, W) float32."""
        logits = self._forward(torch.from_numpy(batch)).cpu()
        planes = [_in_order(each) for each in logits]
        return planes[0][None] if len(planes) == 1 else np.stack(planes)

    @torch.inference_mode()
    def part(self, batch: np.ndarray, box: Box) -> tuple[np.ndarray, Box]:
        """Logits (29, h, w) of one image (1, C, H, W) in a box of its grid, and the box that they fill."""
        whole, module = Box.whole(batch.shape[2:]), self._module
        if not decodes_parts(module):
            return super().part(batch, box)
        at = decoded_box(module, box, whole.size_hw)
        if at == whole:
            return super().part(batch, whole)
        if at.is_empty:
            return np.empty((anatomy.COUNT, *at.size_hw), np.float32), at
        with self._autocast():
            logits = logits_in(module, self._given(torch.from_numpy(batch)), at)
        return _in_order(logits[0].cpu()), at

    def _forward(self, batch: torch.Tensor) -> torch.Tensor:
        with self._autocast():
            return self._module(self._given(batch))

    def _given(self, batch: torch.Tensor) -> torch.Tensor:
        return batch.to(self.device).contiguous(memory_format=torch.channels_last)

    def _autocast(self) -> contextlib.AbstractContextManager:
        return torch.autocast(self.device.type, torch.bfloat16) if self.half else contextlib.nullcontext()


def _in_order(logits: torch.Tensor) -> np.ndarray:
    """Logits (29, H, W) as float32 in this order in memory.

    torch puts the channels in front several times as slowly as OpenCV transposes a matrix, and numbers of 16 bits are
    moved in half the time.
    """
    channels, height, width = logits.shape
    pixels = logits.permute(1, 2, 0).reshape(-1, channels)
    if logits.dtype == torch.bfloat16:
        planes = torch.from_numpy(cv2.transpose(pixels.view(torch.uint16).numpy())).view(torch.bfloat16).float().numpy()
    else:
        planes = cv2.transpose(pixels.float().numpy())
    return planes.reshape(channels, height, width)


def _multiplies_bf16(device: torch.device) -> bool:
    if device.type == "cpu":
        return runtime.cpu_supports_bf16()
    return device.type == "cuda" and torch.cuda.is_bf16_supported(including_emulation=False)


def _usable(device: str | torch.device) -> torch.device:
    """A device on which something can be stored."""
    try:
        return torch.zeros(1, device=device).device
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        said = (str(error).strip().splitlines() or [type(error).__name__])[0]
        remedy = "choose cpu, or a device that torch finds, such as cuda or mps"
        raise HandboneError(f"the device {str(device)!r} cannot be used ({said})", remedy=remedy) from None


def _device_of_choice() -> torch.device:
    if torch.cuda.is_available():
        return torch.device("cuda")
    return torch.device("mps") if torch.backends.mps.is_available() else torch.device("cpu")
