"""What recipes may write beside the names of MONAI's networks and losses."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from handbone.plugins import Table

Channels = Annotated[int, Field(ge=1)]
Levels = Annotated[tuple[Channels, ...], Field(min_length=2)]
Blocks = Annotated[tuple[Annotated[int, Field(ge=1)], ...], Field(min_length=1)]
Stride = Annotated[int, Field(ge=1, le=4)]
Norm = Literal["instance", "batch"]
Activation = Literal["leakyrelu", "relu", "prelu", "gelu"]


class NetworkSettings(Table):
    """What every network of MONAI has."""

    dropout: float = Field(default=0.0, ge=0, lt=1, description="share of values that training sets to 0")


class UNetPlusPlusSettings(NetworkSettings):
    """Settings of BasicUNetPlusPlus."""

    features: Annotated[tuple[Channels, ...], Field(min_length=6, max_length=6)] = Field(
        default=(32, 32, 64, 128, 256, 32), description="channels of the five levels, and before the last convolution"
    )
    norm: Norm = Field(default="instance", description="over each image's own values, or over the batch's")
    act: Activation = Field(default="leakyrelu", description="activation")


class LevelSettings(NetworkSettings):
    """Settings of networks with one stride from each level to the next."""

    channels: Levels = Field(default=(16, 32, 64, 128, 256), description="channels of the levels, the finest first")
    strides: tuple[Stride, ...] = Field(default=(2, 2, 2, 2), description="how much coarser each next level is")

    @model_validator(mode="after")
    def _a_stride_between_levels(self) -> Self:
        if len(self.strides) != len(self.channels) - 1:
            raise ValueError(
                f"{len(self.channels)} channels need {len(self.channels) - 1} strides, but {len(self.strides)} came"
            )
        return self


class UNetSettings(LevelSettings):
    """Settings of UNet."""

    num_res_units: int = Field(default=2, ge=0, le=8, description="convolutions of a residual unit; 0: plain ones")
    norm: Norm = Field(default="instance", description="over each image's own values, or over the batch's")
    act: Activation = Field(default="prelu", description="activation")


class AttentionUNetSettings(LevelSettings):
    """Settings of AttentionUnet."""


class SegResNetSettings(NetworkSettings):
    """Settings of SegResNet."""

    init_filters: int = Field(default=32, ge=8, multiple_of=8, description="channels of the finest level")
    blocks_down: Blocks = Field(default=(1, 2, 2, 4), description="residual blocks of each level on the way down")
    blocks_up: Blocks = Field(default=(1, 1, 1), description="residual blocks of each level on the way up")

    @model_validator(mode="after")
    def _as_many_up_as_down(self) -> Self:
        if len(self.blocks_up) != len(self.blocks_down) - 1:
            raise ValueError(
                f"blocks_down of {len(self.blocks_down)} levels needs blocks_up of {len(self.blocks_down) - 1}, "
                f"but {len(self.blocks_up)} came"
            )
        return self


class BatchSettings(Table):
    """Whether a loss judges every image alone."""

    batch: bool = Field(default=True, description="a bone is judged over the whole batch, not in each image alone")


class OverlapSettings(BatchSettings):
    """What losses of overlap share."""

    smooth: float = Field(default=1.0, gt=0, description="pixels added to both sides of the ratio")


class DiceSettings(OverlapSettings):
    """Settings of DiceLoss."""

    jaccard: bool = Field(default=False, description="IoU instead of Dice")


class DiceFocalSettings(OverlapSettings):
    """Settings of DiceFocalLoss."""

    gamma: float = Field(default=2.0, ge=0, description="how strongly easy pixels are discounted; 0 is BCE")
    alpha: float | None = Field(default=None, gt=0, lt=1, description="weight of bone against background")
    lambda_dice: float = Field(default=1.0, ge=0, description="share of Dice in the sum")
    lambda_focal: float = Field(default=1.0, ge=0, description="share of the focal loss in the sum")


class TverskySettings(OverlapSettings):
    """Settings of TverskyLoss; 0.5 and 0.5 is Dice."""

    alpha: float = Field(default=0.5, ge=0, description="price of a false positive pixel")
    beta: float = Field(default=0.5, ge=0, description="price of a false negative pixel")


class GeneralizedSettings(BatchSettings):
    """Settings of GeneralizedDiceLoss."""

    w_type: Literal["square", "simple", "uniform"] = Field(
        default="square", description="a bone counts by 1 / area^2, by 1 / area, or as it is"
    )


class HausdorffSettings(BatchSettings):
    """Settings of HausdorffDTLoss and LogHausdorffDTLoss."""

    alpha: float = Field(default=2.0, gt=0, description="exponent of the distance in pixels")
