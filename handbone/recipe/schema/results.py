"""A recipe's settings for prediction, evaluation and the report."""

from typing import Annotated, Literal

from pydantic import Field, field_validator

from handbone.recipe.schema.base import Choice, Off, Positive, Quoted, Share, Size, Table

ViewName = Literal["brightness", "turned"]


class Predict(Table):
    """How trained networks predict."""

    threshold: float = Field(default=0.5, gt=0, lt=1, description="lowest probability at which a pixel counts as bone")
    flip_tta: bool = Field(default=False, description="average with the prediction for the mirrored image")
    views: tuple[ViewName, ...] = Field(
        default=(),
        description="average over views of the hand and of each ROI; brightness: 0.9, 1, 1.1 and 1.2 times (4 times "
        "the network time); turned: by 7 degrees either way, and scaled by 0.92 and 1.08 (5 times); both: 20 times",
    )
    find_hand: Annotated[Size | None, Off] = Field(
        default=None,
        description="read the whole image at this size first, find the hand, and read it again upright; for images "
        "that the hand does not fill",
    )
    calibrate: int = Field(
        default=0,
        ge=0,
        description="number of synthetic hands that calibrate the gate and the confidence below which a mask is "
        "left out; upright adults vary half as much again as in training; 0: every mask is shown",
    )
    calibrate_degraded: Share = Field(
        default=0.5,
        description="share of these hands that are made small, soft or sharpened, grainy and with halos, so that "
        "the coarse network errs as it does on real radiographs",
    )
    prior: Annotated[str | None, Off] = Field(
        default=None,
        description="the anatomical prior that checks and repairs masks: weights that include one, or its file",
    )
    precision: Annotated[Literal["auto", "32", "bf16"], Quoted] = Field(
        default="auto", description="numerical precision; auto: bf16 if the processor supports it"
    )


class Evaluate(Table):
    """Which metrics are computed."""

    nsd_tolerances_px: tuple[Positive, ...] = Field(
        default=(1.0, 2.0), description="distances in pixels within which contours count as equal"
    )
    boundary_band_px: Positive = Field(
        default=2.0, description="width in pixels of the band inside a contour that boundary IoU compares"
    )
    metrics: tuple[Choice, ...] = Field(
        default=(), description='extra metrics, such as ["iou", "assd_px"], for metrics.csv and the report'
    )

    @field_validator("metrics")
    @classmethod
    def _named_once(cls, value: tuple[Choice, ...]) -> tuple[Choice, ...]:
        names = [choice.name for choice in value]
        if twice := [name for name in names if names.count(name) > 1]:
            raise ValueError(f"{twice[0]!r} is listed twice; metrics are columns, so each name must be unique")
        return value


class Report(Table):
    """What the report page shows."""

    worst: int = Field(default=4, ge=0, description="number of images with the lowest Dice to show")
    best: int = Field(default=2, ge=0, description="number of images with the highest Dice to show")
    image_size: int = Field(default=900, ge=200, le=4096, description="side length in pixels of an image on the page")
