"""What a recipe says of how trained networks are used, judged and shown."""

from typing import Annotated, Literal

from pydantic import Field, field_validator

from handbone.recipe.schema.base import Choice, Off, Positive, Quoted, Share, Size, Table

ViewName = Literal["brightness", "turned"]


class Predict(Table):
    """How trained networks are used."""

    threshold: float = Field(default=0.5, gt=0, lt=1, description="probability from which a pixel is bone")
    flip_tta: bool = Field(default=False, description="mean with the prediction of the mirrored image")
    views: tuple[ViewName, ...] = Field(
        default=(),
        description="mean over views of the hand and of each ROI: brightness (times 0.9, 1, 1.1 and 1.2; networks "
        "take 4 times as long), turned (7 degrees each way, and scaled by 0.92 and 1.08; 5 times); both: 20 times",
    )
    find_hand: Annotated[Size | None, Off] = Field(
        default=None,
        description="first look at the whole image at this size, find the hand, and read it upright; "
        "for images that it does not fill",
    )
    calibrate: int = Field(
        default=0,
        ge=0,
        description="synthetic hands that set how sure a shown bone has to be, and what a calibrated gate refuses; "
        "their patients vary half as much again as in a training on the contest's variety; 0: every mask is shown",
    )
    calibrate_degraded: Share = Field(
        default=0.5,
        description="share of these hands that are shown small, soft or sharpened, grainy and with halos, so that "
        "the coarse network errs as it does on real radiographs",
    )
    prior: Annotated[str | None, Off] = Field(
        default=None,
        description="the anatomical prior that judges and mends masks: weights that have one, or its file",
    )
    precision: Annotated[Literal["auto", "32", "bf16"], Quoted] = Field(
        default="auto", description="numbers to calculate with; auto: bf16 where the processor has it"
    )


class Evaluate(Table):
    """Which metrics are computed."""

    nsd_tolerances_px: tuple[Positive, ...] = Field(
        default=(1.0, 2.0), description="distances in pixels at which contours count as equal"
    )
    boundary_band_px: Positive = Field(
        default=2.0, description="width in pixels of the band inside a contour that boundary IoU compares"
    )
    metrics: tuple[Choice, ...] = Field(
        default=(), description='extra metrics, as in ["iou", "assd_px"]: columns of metrics.csv, and in the report'
    )

    @field_validator("metrics")
    @classmethod
    def _named_once(cls, value: tuple[Choice, ...]) -> tuple[Choice, ...]:
        names = [choice.name for choice in value]
        if twice := [name for name in names if names.count(name) > 1]:
            raise ValueError(f"{twice[0]!r} comes twice, and columns go by these names")
        return value


class Report(Table):
    """What the page shows."""

    worst: int = Field(default=4, ge=0, description="images with the lowest Dice that are shown")
    best: int = Field(default=2, ge=0, description="images with the highest Dice that are shown")
    image_size: int = Field(default=900, ge=200, le=4096, description="side in pixels of an image on the page")
