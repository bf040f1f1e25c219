"""What coarse network and refiner say of the ring's hands, for the fusion: both networks read, and neither learns."""

from collections.abc import Mapping

import numpy as np
import torch
from batches import Batches
from fusing import varied
from ring import Ring, on_device
from sampling import jitter, places, read_images, read_labels
from torch import Tensor, nn
from torch.nn import functional

from handbone.method.locate import CLOSE_SHARE, SEEN_WELL, UPRIGHT
from handbone.method.pose.canonical import SQUARE_SIDE
from handbone.networks.architectures.fusion import Fusion
from handbone.networks.architectures.fusion import places as windows_of
from handbone.weights.network_card import WeightsCard

# How far the frames of both networks are from those of the ground truth, as `jitter` takes it.
_JITTER = {"turn": 2.0, "grow": 0.03, "shift": 0.01}
# Share of samples without another look than that with which they were drawn.
_PLAIN = 0.2


class Readings(Batches):
    """Draws batches for the fusion, as `Batches` does for the other networks.

    Parameters
    ----------
    ring, side, seed: as of `Batches`.
    networks: those of "coarse" and "refiner", with their cards; the refiner's trunk alone.
    """

    def __init__(
        self,
        ring: Ring,
        side: int,
        networks: Mapping[str, tuple[nn.Module, WeightsCard]],
        *,
        seed: tuple[int, ...],
        device: torch.device,
    ):
        super().__init__(ring, side, seed=seed, device=device)
        self._coarse, self._trunk = (
            networks[name][0].to(device, memory_format=torch.channels_last).eval() for name in ("coarse", "refiner")
        )
        self._lots = self._drawn_lots()

    def ready(self) -> bool:
        """Whether the ring has a hand that both networks can read."""
        return len(self._usable()) > 0

    @torch.no_grad()
    def draw(self, network: str, count: int) -> tuple[Tensor, Tensor]:
        """Windows (8 count, 5, h, w) as `Fusion.windows`, with varied greys, and coverage (8 count, 1, h, w)."""
        frames = self._ring.frames
        chosen = self._rng.choice(self._usable(), count)
        roi = jitter(self._rng, count, self._side, **_JITTER)
        close = _homogeneous(frames["close"][chosen]) @ jitter(self._rng, count, self._side, **_JITTER)
        self._lots = self._drawn_lots()
        coverage = self._coverage(chosen, close, _homogeneous(frames["wrist_full"][chosen]) @ roi)
        image, truth = self._seen("crop", chosen, frames["wrist"][chosen] @ roi, fine=True)
        with torch.autocast(image.device.type, torch.bfloat16):
            logits = self._trunk(image.contiguous(memory_format=torch.channels_last))
        windows = Fusion.windows(image, logits.float().contiguous(), coverage)
        inside = torch.cat([truth[:, bone : bone + 1, *place] for bone, place in windows_of(logits).items()])
        return varied(windows, self._trunk, self._rng), inside

    def _drawn_lots(self) -> tuple[Tensor, Tensor]:
        """What all that is random in a batch's looks follows from."""
        return torch.get_rng_state(), self._generator.get_state()

    def _usable(self) -> np.ndarray:
        return np.intersect1d(self._ring.having("wrist"), self._ring.having("close"))

    def _coverage(self, chosen: np.ndarray, close: np.ndarray, roi: np.ndarray) -> Tensor:
        """Coverage (N, 29, side, side) of coarse masks in ROIs; close, roi: (N, 3, 3) from grids to `full`."""
        whole = _homogeneous(self._ring.frames["letterbox"][chosen])
        well = on_device(_seen_well(close, self._side, self._ring.planes["full"].shape[-1]), self._generator.device)
        share, likely = torch.where(well, CLOSE_SHARE, 1.0), torch.zeros((), device=well.device)
        for frames, weight in ((close, share), (whole, 1 - share)):
            image, _ = self._seen("full", chosen, frames, fine=False)
            where = places(np.linalg.inv(frames) @ roi, self._side, fineness=2, bend=0.0, generator=self._generator)
            grid = (2 * where + 1) / self._side - 1
            seen = functional.grid_sample(self._probabilities(image), grid, align_corners=False)
            likely = likely + weight[:, None, None, None] * seen
        return functional.avg_pool2d((likely > 0.5).float(), 2)

    def _probabilities(self, image: Tensor) -> Tensor:
        """(N, 29, side, side): the mean of what the coarse network says of images and of their mirror images."""
        image = image.contiguous(memory_format=torch.channels_last)
        with torch.autocast(image.device.type, torch.bfloat16):
            logits = self._coarse(image).float() + self._coarse(image.flip(3)).float().flip(3)
        return (logits / 2).sigmoid().contiguous()

    def _seen(self, plane: str, chosen: np.ndarray, frames: np.ndarray, *, fine: bool) -> tuple[Tensor, Tensor]:
        """Radiographs (N, 1, side, side) with other looks, and coverage (N, 29, side, side).

        A batch's looks are those of its first reading: what blurs a radiograph for one network blurs it for the other.
        """
        torch.set_rng_state(self._lots[0])
        self._generator.set_state(self._lots[1])
        fineness = 1 if fine else 2
        where = places(frames, self._side, fineness=fineness, bend=0.0, generator=self._generator)
        index = on_device(chosen, where.device)
        image = read_images(self._ring.planes[plane], index, where, fineness=fineness)
        target = read_labels(self._ring.planes[f"{plane}_bits"], index, where, fineness=fineness)
        smooth = 9 if fine else 5
        bone = functional.avg_pool2d(target.amax(1, keepdim=True), smooth, 1, smooth // 2)
        plain = torch.rand(len(image), 1, 1, 1, generator=self._generator, device=image.device) < _PLAIN
        return torch.where(plain, image, self._looks[fine](image, bone)), target


def _homogeneous(frames: np.ndarray) -> np.ndarray:
    """(N, 3, 3) of (N, 2, 3)."""
    bottom = np.broadcast_to(np.array([0, 0, 1], frames.dtype), (len(frames), 1, 3))
    return np.concatenate([frames, bottom], 1)


def _seen_well(close: np.ndarray, side: int, whole_side: int) -> np.ndarray:
    """bool (N,), whether `predict` averages the close pass with that of the whole image.

    Parameters
    ----------
    close: (N, 3, 3) from the close grid, with this side, to the whole image with that one.
    """
    down = close[:, :2, 1]
    tilt = np.degrees(np.arctan2(np.abs(down[:, 0]), down[:, 1]))
    mc3_length = np.hypot(*down.T) * side / SQUARE_SIDE / whole_side
    return (tilt < UPRIGHT) & (mc3_length > SEEN_WELL[0]) & (mc3_length < SEEN_WELL[1])
