"""LiteMedSAM's image encoder as a network, under handbone's light decoder."""

from pathlib import Path

from torch import Tensor, nn

from handbone.networks.architectures import encoder_weights
from handbone.networks.architectures.bone_network import BoneNetwork
from handbone.networks.architectures.embedding import EmbeddingUnet, bone_network
from handbone_medsam.settings import PACKAGED, LiteMedSamSettings
from handbone_medsam.weights import lite_medsam, packaged_tensors

_CHANNELS = 256
# The decoder's first step works on an eighth of the image's side.
_STRIDE = 8


class EncoderOfOneSize(nn.Module):
    """An encoder of square images of one size, for images of any size in steps of 32.

    An image is filled up to a square at its right and lower edge, as segment-anything does it, and shrunk or enlarged
    to the encoder's size; what the embedding says of the filled part is cut off.

    Parameters
    ----------
    encoder: maps (N, 3, size, size) to (N, C, h, h), and has `img_size`.
    """

    def __init__(self, encoder: nn.Module):
        super().__init__()
        self.encoder, self.size = encoder, encoder.img_size

    def forward(self, image: Tensor) -> Tensor:
        """(N, 3, H, W) to (N, C, H / 8, W / 8)."""
        height, width = image.shape[-2:]
        side = max(height, width)
        square = nn.functional.pad(image, (0, side - width, 0, side - height))
        embedding = self.encoder(_resized(square, self.size))
        return _resized(embedding, side // _STRIDE)[..., : height // _STRIDE, : width // _STRIDE]


def build(settings: LiteMedSamSettings, *, in_channels: int, classes: int) -> BoneNetwork:
    """A network that reads radiographs in [0, 1] and gives logits of the same size.

    Raises
    ------
    HandboneError: encoder weights that cannot be read, or of another encoder.
    """
    encoder = lite_medsam().image_encoder
    weights = settings.encoder_weights
    if weights not in (None, "none"):
        encoder_weights.fill(encoder, _tensors(weights), where=f"litemedsam {weights!r}")
    # It reads images in [0, 1] as they are; handbone's are.
    core = EmbeddingUnet(
        EncoderOfOneSize(encoder),
        channels=_CHANNELS,
        in_channels=in_channels,
        classes=classes,
        frozen=settings.freeze_encoder,
    )
    return bone_network(core, in_channels=in_channels)


def _tensors(weights: str) -> dict[str, Tensor]:
    if weights == PACKAGED:
        return packaged_tensors()[0]
    return encoder_weights.read_tensors(Path(weights).expanduser())


def _resized(values: Tensor, side: int) -> Tensor:
    if values.shape[-1] == side:
        return values
    return nn.functional.interpolate(values, size=(side, side), mode="bilinear", antialias=values.shape[-1] > side)
