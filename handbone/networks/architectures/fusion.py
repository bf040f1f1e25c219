"""A U-Net++ that reads the radiograph, and a small U-Net that weighs what it says of a carpal against the coarse mask.

One network outlines finely but errs where grain or blur hide an edge, the other one knows the whole hand. The small
U-Net sees both, and the radiograph, in a window around one carpal at a time; it is the same for all carpals. It adds
to the logits, so that it starts as a plain mean of both and only has to learn where one of them is wrong.
"""

import math

import torch
from torch import Tensor, nn

from handbone import anatomy
from handbone.core.errors import HandboneError
from handbone.networks.architectures import smp
from handbone.networks.architectures.bone_network import BoneNetwork, check_channels
from handbone.networks.architectures.mask_denoiser import MaskUNet
from handbone.networks.architectures.settings import SmpSettings

# The least (x, y) of each carpal's window in the refiner's ROI, in 32nds of its side; windows are half as long. In 119
# synthetic hands of any age and bend, 98 % of the carpals lie 10 to 50 of 512 pixels inside.
_WINDOWS = {
    "Trapezium": (0, 6),
    "Trapezoid": (1, 4),
    "Capitate": (7, 6),
    "Hamate": (13, 5),
    "Scaphoid": (4, 11),
    "Lunate": (10, 13),
    "Triquetrum": (15, 9),
    "Pisiform": (16, 9),
}
_STEPS, _LEAST = 32, 32
#: A logit beyond some four of these is as good as certain.
LOGIT_SCALE = 4.0


class Fusion(nn.Module):
    """Weighs logits of carpals against their coarse masks."""

    def __init__(self) -> None:
        super().__init__()
        # What is seen of a carpal, and which one it is.
        self.unet = MaskUNet(5 + len(_WINDOWS), 1)
        nn.init.zeros_(self.unet.head.weight)
        nn.init.zeros_(self.unet.head.bias)
        self.trust = nn.Parameter(torch.tensor(1.0))

    def forward(self, grey: Tensor, logits: Tensor, coarse: Tensor) -> Tensor:
        """Logits (N, 29, H, W), those of carpals weighed against coarse masks (N, 29, H, W) in [0, 1].

        Parameters
        ----------
        grey: (N, 1, H, W), normalised. Sides are multiples of 32.
        """
        # Planes one after the other: the highest of all is found in a fraction of the time.
        logits, coarse = logits.contiguous(), coarse.contiguous()
        changes = self.changes(self.windows(grey, logits, coarse)).chunk(len(_WINDOWS))
        planes = list(logits.unbind(1))
        for (bone, (rows, columns)), change in zip(places(logits).items(), changes, strict=True):
            border = (columns.start, logits.shape[3] - columns.stop, rows.start, logits.shape[2] - rows.stop)
            planes[bone] = planes[bone] + nn.functional.pad(change[:, 0], border)
        return torch.stack(planes, 1)

    @staticmethod
    def windows(grey: Tensor, logits: Tensor, coarse: Tensor) -> Tensor:
        """What is seen of each carpal, (8 N, 5, h, w), those of a carpal together; parameters as in `forward`.

        The radiograph; the logit, and the highest of all other bones, in [-1, 1]; the coarse mask, and all others'.
        """
        seen, known = torch.tanh(logits / LOGIT_SCALE), 2 * coarse - 1
        return torch.cat(
            [
                torch.cat(
                    [grey[:, :, *place], *_beside_others(seen, bone, place), *_beside_others(known, bone, place)], 1
                )
                for bone, place in places(logits).items()
            ]
        )

    def changes(self, windows: Tensor) -> Tensor:
        """What is added to logits (8 N, 1, h, w) in windows (8 N, 5, h, w), those of each carpal together."""
        which = torch.eye(len(_WINDOWS), dtype=windows.dtype, device=windows.device)
        which = which.repeat_interleave(len(windows) // len(_WINDOWS), 0)[:, :, None, None]
        # Made of the windows, as an export would store whole planes of constants.
        given = torch.cat([windows, which + 0 * windows[:, :1]], 1)
        return self.unet(given) + self.trust * windows[:, 3:4]


class FusionNetwork(nn.Module):
    """A network for the ROI that reads the radiograph and the coarse masks, and fuses what both say of carpals.

    Parameters
    ----------
    trunk: reads the radiograph alone.
    """

    def __init__(self, trunk: BoneNetwork):
        super().__init__()
        self.trunk, self.fusion = trunk, Fusion()
        self.in_channels = 1 + anatomy.COUNT

    @property
    def encoder(self) -> nn.Module | None:
        """The part that `encoder_lr_factor` applies to."""
        return self.trunk.encoder

    def forward(self, image: Tensor) -> Tensor:
        """Logits (N, 29, H, W) of radiographs and coarse masks (N, 30, H, W) in [0, 1].

        Raises
        ------
        ShapeError: another number of channels.
        """
        check_channels(image, self.in_channels)
        return self.fused(image, self.trunk(image[:, :1]))

    def fused(self, image: Tensor, logits: Tensor) -> Tensor:
        """The trunk's logits (N, 29, H, W), fused with the coarse masks of an image as in `forward`."""
        return self.fusion(self.trunk.normalised(image[:, :1]), logits, image[:, 1:])


def build(settings: SmpSettings, *, in_channels: int, classes: int) -> BoneNetwork | FusionNetwork:
    """The network with a U-Net++ of smp as its trunk; where no coarse masks are read, the trunk alone.

    Raises
    ------
    HandboneError: as for a U-Net++; other channels than the radiograph and 29 coarse masks.
    """
    trunk = smp.build("unetplusplus", settings, in_channels=1, classes=classes)
    if in_channels == 1:
        return trunk
    if in_channels != 1 + anatomy.COUNT or classes != anatomy.COUNT:
        raise HandboneError(
            f"unetplusplus_fusion reads a radiograph and {anatomy.COUNT} coarse masks, not {in_channels} channels",
            remedy="use it in [refine], with refine.coarse_channels = true",
        )
    return FusionNetwork(trunk)


def places(grid: Tensor) -> dict[int, tuple[slice, slice]]:
    """Rows and columns of each carpal's window in a grid (N, C, H, W), by the bone's index."""
    height, width = (int(side) for side in grid.shape[2:])
    return {anatomy.INDEX[name]: (_half(y, height), _half(x, width)) for name, (x, y) in _WINDOWS.items()}


def _half(step: int, side: int) -> slice:
    """Half of a side, or a little more: the small U-Net reads multiples of 32 pixels."""
    length = min(math.ceil(side / 2 / _LEAST) * _LEAST, side)
    start = min(step * side // _STEPS, side - length)
    return slice(start, start + length)


def _beside_others(planes: Tensor, bone: int, place: tuple[slice, slice]) -> tuple[Tensor, Tensor]:
    """In a window, the plane of a bone and the highest value of all others, each (N, 1, h, w)."""
    window = planes[:, :, *place]
    others = torch.maximum(window[:, :bone].amax(1, keepdim=True), window[:, bone + 1 :].amax(1, keepdim=True))
    return window[:, bone : bone + 1], others
