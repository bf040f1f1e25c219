"""Batches for each network from the ring: other hands, frames and looks each time."""

import numpy as np
import torch
from looks import Looks
from ring import Ring, on_device
from sampling import jitter, places, read_images, read_labels
from torch import Tensor
from torch.nn import functional

from handbone.method.prior.pairs import training_pair

# Share of the coarse network's samples that show the upright hand close, as its second reading in `predict` does.
_CLOSE = 0.45
# Share of the refiner's batches whose ROIs lie around any bone instead of the wrist, and how far from its middle.
_RANDOM_ROIS, _ASIDE = 0.15, 0.25


class Batches:
    """Draws batches of the networks that are trained.

    Parameters
    ----------
    ring: of synthetic hands. side: of the coarse network's and the refiner's grids.
    seed: numbers from which all that is random follows.
    """

    def __init__(self, ring: Ring, side: int, *, seed: tuple[int, ...], device: torch.device):
        self._ring, self._side = ring, side
        self._rng = np.random.default_rng(seed)
        self._generator = torch.Generator(device).manual_seed(int(self._rng.integers(2**62)))
        self._looks = {fine: Looks(side, fine=fine, generator=self._generator) for fine in (False, True)}

    def ready(self) -> bool:
        """Whether the ring has hands for all networks."""
        having = {"wrist": lambda: self._ring.having("wrist"), "has_canonical": self._ring.canonical}
        return all(len(hands()) for name, hands in having.items() if name in self._ring.frames.dtype.names)

    def draw(self, network: str, count: int) -> tuple[Tensor, Tensor]:
        """Input and target of `count` samples for "coarse", "refiner" or "prior", see there."""
        return {"coarse": self.coarse, "refiner": self.refiner, "prior": self.prior}[network](count)

    def coarse(self, count: int) -> tuple[Tensor, Tensor]:
        """Whole images and close hands: radiographs (N, 1, side, side) and coverage (N, 29, side, side)."""
        chosen = self._rng.choice(self._ring.steady(), count)
        frames = self._ring.frames
        near = np.isin(chosen, self._ring.having("close")) & (self._rng.random(count) < _CLOSE)
        base = np.where(near[:, None, None], frames["close"][chosen], frames["letterbox"][chosen])
        moved = base @ jitter(self._rng, count, self._side, turn=7.0, grow=0.10, shift=0.03)
        return self._read("full", chosen, moved, fine=False, fineness=2, bend=4.0)

    def refiner(self, count: int) -> tuple[Tensor, Tensor]:
        """ROIs around the wrist or around any bone: as `coarse`."""
        chosen = self._rng.choice(self._ring.having("wrist"), count)
        random_rois = self._rng.random() < _RANDOM_ROIS
        base = self._around_bones(chosen) if random_rois else self._ring.frames["wrist"][chosen]
        moved = base @ jitter(self._rng, count, self._side, turn=4.0, grow=0.06, shift=0.03)
        return self._read("full" if random_rois else "crop", chosen, moved, fine=True, fineness=1, bend=6.0)

    @torch.no_grad()
    def prior(self, count: int) -> tuple[Tensor, Tensor]:
        """Corrupted and clean masks (N, 29, 256, 256)."""
        chosen = on_device(self._rng.choice(self._ring.canonical(), count), self._generator.device)
        clean = self._ring.planes["canonical"][chosen].float() / 255
        return training_pair(clean, self._generator)

    def _around_bones(self, chosen: np.ndarray) -> np.ndarray:
        """(N, 2, 3) from the grid to `full`: the wrist's ROI, moved to lie around a bone of each hand."""
        frames = self._ring.frames["wrist_full"][chosen].copy()
        centroids_xy = self._ring.frames["centroids_xy"][chosen]
        lots = np.where(np.isfinite(centroids_xy[..., 0]), self._rng.random(centroids_xy.shape[:2]), -1)
        bone_xy = centroids_xy[np.arange(len(chosen)), lots.argmax(1)]
        seen_at = (self._side - 1) / 2 + self._side * self._rng.uniform(-_ASIDE, _ASIDE, (len(chosen), 2))
        frames[:, :, 2] = bone_xy - (frames[:, :, :2] @ seen_at[:, :, None])[:, :, 0]
        return frames

    @torch.no_grad()
    def _read(
        self, plane: str, chosen: np.ndarray, matrices: np.ndarray, *, fine: bool, fineness: int, bend: float
    ) -> tuple[Tensor, Tensor]:
        where = places(matrices, self._side, fineness=fineness, bend=bend, generator=self._generator)
        index = on_device(chosen, where.device)
        image = read_images(self._ring.planes[plane], index, where, fineness=fineness)
        target = read_labels(self._ring.planes[f"{plane}_bits"], index, where, fineness=fineness)
        smooth = 9 if fine else 5
        bone = functional.avg_pool2d(target.amax(1, keepdim=True), smooth, 1, smooth // 2)
        return self._looks[fine](image, bone), target
