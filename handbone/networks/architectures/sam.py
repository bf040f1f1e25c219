"""segment-anything's image encoders (Kirillov et al. 2023) as networks: vit_b, vit_l, vit_h under a light decoder."""

from collections.abc import Mapping
from functools import partial
from typing import Any

from torch import Tensor, nn

from handbone.core.errors import HandboneError
from handbone.core.files import expanded
from handbone.networks.architectures import encoder_weights
from handbone.networks.architectures.bone_network import BoneNetwork
from handbone.networks.architectures.embedding import IMAGENET_RGB, EmbeddingUnet, bone_network
from handbone.networks.architectures.sam_settings import SamSettings
from handbone.networks.runtime import ensure_torchvision

ensure_torchvision()

from segment_anything.modeling import ImageEncoderViT  # noqa: E402

# As in segment_anything.build_sam.
_COMMON: dict[str, Any] = {"img_size": 1024, "patch_size": 16, "out_chans": 256, "window_size": 14}
_KINDS: dict[str, dict[str, Any]] = {
    "vit_b": {"embed_dim": 768, "depth": 12, "num_heads": 12, "global_attn_indexes": (2, 5, 8, 11)},
    "vit_l": {"embed_dim": 1024, "depth": 24, "num_heads": 16, "global_attn_indexes": (5, 11, 17, 23)},
    "vit_h": {"embed_dim": 1280, "depth": 32, "num_heads": 16, "global_attn_indexes": (7, 15, 23, 31)},
}


class ViTOfAnySize(ImageEncoderViT):
    """segment-anything's encoder for other sizes than its own; at its own it gives the same.

    Absolute positions are interpolated here as Dosovitskiy et al. 2021 (section 3.2) do it, relative ones by
    segment-anything itself.
    """

    def forward(self, image: Tensor) -> Tensor:
        """(N, 3, H, W), multiples of the patch, to (N, out_chans, H / patch, W / patch)."""
        tokens = self.patch_embed(image)
        tokens = tokens + self._positions(tokens.shape[1:3])
        for block in self.blocks:
            tokens = block(tokens)
        return self.neck(tokens.permute(0, 3, 1, 2))

    def _positions(self, size_hw: tuple[int, int]) -> Tensor:
        own = self.pos_embed
        if own.shape[1:3] == size_hw:
            return own
        planes = nn.functional.interpolate(
            own.permute(0, 3, 1, 2), size=tuple(size_hw), mode="bicubic", align_corners=False
        )
        return planes.permute(0, 2, 3, 1)


def build(settings: SamSettings, *, in_channels: int, classes: int) -> BoneNetwork:
    """A network that reads radiographs in [0, 1] of any size in steps of 32 and gives logits of the same size.

    Raises
    ------
    HandboneError: encoder weights that cannot be read, or of another encoder; options that the encoder cannot use.
    """
    arguments = _COMMON | _KINDS[settings.encoder] | settings.options
    encoder = _encoder(settings.encoder, arguments)
    weights = settings.encoder_weights
    if weights not in (None, "none"):
        tensors = encoder_weights.read_tensors(expanded(weights))
        encoder_weights.fill(encoder, tensors, where=f"{settings.encoder} {weights!r}")
    mean, std = IMAGENET_RGB
    core = EmbeddingUnet(
        encoder,
        channels=arguments["out_chans"],
        in_channels=in_channels,
        classes=classes,
        mean=mean,
        std=std,
        frozen=settings.freeze_encoder,
    )
    return bone_network(core, in_channels=in_channels)


def _encoder(name: str, arguments: Mapping[str, Any]) -> ViTOfAnySize:
    try:
        return ViTOfAnySize(norm_layer=partial(nn.LayerNorm, eps=1e-6), use_rel_pos=True, **arguments)
    except (TypeError, ValueError, RuntimeError, AssertionError, ZeroDivisionError) as error:
        raise HandboneError(
            f"sam cannot be built with the encoder {name!r}: {error}",
            remedy="remove options, or use those of segment_anything.modeling.ImageEncoderViT",
        ) from error
