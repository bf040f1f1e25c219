"""A trained network as a function from an image to logits."""

import contextlib
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from torch import nn

from handbone.core.errors import HandboneError, ShapeError
from handbone.networks import runtime
from handbone.weights.network_file import WeightsCard, load_weights

#: Numbers to calculate with: "auto" is bfloat16 where the hardware multiplies it.
Precision = Literal["auto", "32", "bf16"]


class Predictor:
    """Runs a network on single images, as fast as this machine allows.

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
        if isinstance(weights, nn.Module):
            module = weights.eval()
        else:
            module, self.card = load_weights(Path(weights))
        self.device = _device_of_choice() if device is None else _usable(device)
        self.half = precision == "bf16" or (precision == "auto" and _multiplies_bf16(self.device))
        self._module = module.to(self.device, memory_format=torch.channels_last)

    @torch.inference_mode()
    def logits(self, image: np.ndarray, *, flip: bool = False) -> np.ndarray:
        """Logits of one image.

        Parameters
        ----------
        image: (C, H, W) float32, the radiograph in [0, 1] and, for some refiners, 29 probabilities.
        flip: also read the mirrored image and average the two logits.

        Returns
        -------
        (29, H, W) float32.

        Raises
        ------
        ShapeError: an image that is not (C, H, W).
        """
        if np.ndim(image) != 3:
            raise ShapeError("the image", "(C, H, W)", np.shape(image))
        batch = torch.from_numpy(np.ascontiguousarray(image, np.float32))[None].to(self.device)
        logits = self._forward(batch)
        if flip:
            # One after the other: a batch of two takes as long on a CPU and twice the memory.
            logits = logits.add_(self._forward(batch.flip(-1)).flip(-1)).div_(2)
        return logits[0].contiguous().cpu().numpy()

    def _forward(self, batch: torch.Tensor) -> torch.Tensor:
        autocast = torch.autocast(self.device.type, torch.bfloat16) if self.half else contextlib.nullcontext()
        with autocast:
            return self._module(batch.contiguous(memory_format=torch.channels_last)).float()


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
