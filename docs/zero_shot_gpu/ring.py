"""The last synthetic hands on the training's device: each is seen a few times before a newer one takes its place."""

from collections.abc import Iterable

import numpy as np
import torch
from draw import PLANES

# Hands that come in while what has been told the device is not done, at most.
_SOON = 64


class Ring:
    """A ring of synthetic hands.

    Parameters
    ----------
    count: hands that it holds; about 10 MB each for grids of 512 pixels, 2 MB of masks alone.
    kind: their fields, see `draw.drawing`.
    device: where the planes lie; the small fields stay with the CPU.

    Attributes
    ----------
    planes: field name to tensor (count, ...) of a plane.
    frames: the small fields of all hands, a structured array (count,).
    filled: hands that it holds so far.

    `add` may run in a thread of its own beside all else.
    """

    def __init__(self, count: int, kind: np.dtype, device: torch.device):
        self.planes = {name: _tensor(count, kind[name], device) for name in PLANES if name in kind.names}
        self.frames = np.zeros(count, [(name, kind[name]) for name in kind.names if name not in PLANES])
        self.filled = self._at = 0

    def add(self, hands: Iterable[np.void]) -> int:
        """Take hands in, in place of the oldest. Returns how many came."""
        came = 0
        for hand in hands:
            for name, plane in self.planes.items():
                plane[self._at].copy_(torch.from_numpy(hand[name]))
            for name in self.frames.dtype.names:
                self.frames[name][self._at] = hand[name]
            self._at = (self._at + 1) % len(self.frames)
            self.filled = min(self.filled + 1, len(self.frames))
            came += 1
        return came

    def steady(self) -> np.ndarray:
        """Indices of the hands that are not about to be replaced: while a batch is read, newer hands may come."""
        count = len(self.frames)
        until_replaced = (np.arange(self.filled) - self._at) % count
        return np.flatnonzero((until_replaced >= min(_SOON, count // 4)) | (self.filled < count))

    def having(self, frame: str) -> np.ndarray:
        """Those that have a frame, such as "close" or "wrist"."""
        steady = self.steady()
        return steady[np.isfinite(self.frames[frame][steady]).all((1, 2))]

    def canonical(self) -> np.ndarray:
        """Those that are known in the canonical pose."""
        steady = self.steady()
        return steady[self.frames["has_canonical"][steady]]


def on_device(values: np.ndarray, device: torch.device) -> torch.Tensor:
    """A small array on a device: nobody waits until a GPU has done all it was told before."""
    values = torch.from_numpy(np.ascontiguousarray(values))
    return values.pin_memory().to(device, non_blocking=True) if device.type == "cuda" else values


def _tensor(count: int, kind: np.dtype, device: torch.device) -> torch.Tensor:
    element = torch.from_numpy(np.zeros(1, kind.base)).dtype
    return torch.zeros(count, *kind.shape, dtype=element, device=device)
