"""Settings of segment-anything encoders with a light decoder; imports no torch."""

from typing import Any, Literal, Self

from pydantic import Field, model_validator

from handbone.recipe.schema import Table


class EmbeddingSettings(Table):
    """What all such encoders have in common."""

    encoder_weights: str | None = Field(default=None, description="where the encoder starts; 'none': at random")
    freeze_encoder: bool = Field(
        default=False, description="the encoder stays as it is and only the decoder learns; it needs encoder_weights"
    )

    @model_validator(mode="after")
    def _something_to_keep(self) -> Self:
        if self.freeze_encoder and self.encoder_weights in (None, "none"):
            raise ValueError(
                "freeze_encoder needs pretrained weights; set encoder_weights to a file, or remove freeze_encoder"
            )
        return self


class SamSettings(EmbeddingSettings):
    """Settings of segment-anything's encoders."""

    encoder: Literal["vit_b", "vit_l", "vit_h"] = Field(default="vit_b", description="vit_b, vit_l or vit_h")
    encoder_weights: str | None = Field(
        default=None,
        description="segment-anything's checkpoint of that encoder (.pth or .safetensors), or 'none': at random",
    )
    options: dict[str, Any] = Field(
        default_factory=dict, description="further arguments of segment_anything's ImageEncoderViT"
    )
