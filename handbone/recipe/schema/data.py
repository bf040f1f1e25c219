"""What a recipe says of its images: where they are, how they are drawn and divided, and how they are varied."""

from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from handbone import anatomy
from handbone.core.errors import HandboneError, UnknownNameError
from handbone.recipe.schema.base import Off, Positive, Share, Size, Table

#: As data.path: draw a synthetic set, whether or not there is data.
SYNTHETIC = "synthetic"


class Data(Table):
    """Where the images and labels are."""

    path: str = Field(
        default="data",
        description='folder of images and labels, relative to the current one; "synthetic" draws synthetic hands',
    )
    layout: Literal["auto", "contest", "coco", "csv", "folder"] = Field(
        default="auto", description="how that folder is arranged"
    )
    annotations: Annotated[str | None, Off] = Field(
        default=None, description="COCO's JSON file, or a CSV of run lengths, relative to path"
    )
    rle: Annotated[str | None, Off] = Field(
        default=None, description="how a CSV's run lengths are meant: column-major, zero-based, frame=512; with commas"
    )
    empty_labels: Literal["refuse", "use"] = Field(
        default="refuse",
        description="annotations that contour no bone; refuse: an error; use: an image without bones",
    )
    class_map: dict[str, str] = Field(default_factory=dict, description="foreign class name to bone name")
    invert: Literal["auto", "yes", "no"] = Field(
        default="auto", description="turn radiographs round that show bones dark; auto: those that look like it"
    )
    cache: str | None = Field(default=None, description="folder for decoded images; default: the user's cache folder")

    @field_validator("rle")
    @classmethod
    def _known_reading(cls, value: str | None) -> str | None:
        # Late: the schema must not wait for OpenCV.
        from handbone.core.rle_reading import RleReading

        try:
            RleReading.parse([value] if value else [])
        except HandboneError as error:
            raise ValueError(str(error)) from None
        return value

    @field_validator("class_map")
    @classmethod
    def _known_bones(cls, value: dict[str, str]) -> dict[str, str]:
        for bone in value.values():
            if bone not in anatomy.INDEX:
                raise ValueError(str(UnknownNameError("bone", bone, anatomy.NAMES)))
        return value


class Synthetic(Table):
    """The synthetic set that a recipe uses when its data folder does not exist."""

    train: int = Field(default=60, ge=2, description="images to train (without stream) and validate with")
    test: int = Field(default=12, ge=1, description="images to evaluate with")
    size: Size = Field(default=2048, description="side of an image in pixels")
    seed: int = Field(default=0, ge=0, description="the same seed draws the same images")
    variety: Literal["upright_adult", "diverse"] = Field(
        default="upright_adult",
        description="upright adult hands as in the contest; or any age, turn, crop, scene and look",
    )
    test_bent: Share = Field(
        default=0.58, description="share of test patients whose wrists are bent, as in the contest"
    )
    test_spread: Positive = Field(
        default=1.0, description="times the variation of bones from patient to patient, in test patients alone"
    )
    stream: int = Field(
        default=0,
        ge=0,
        description="images an epoch that are drawn on the way, never twice; 0: train on the set",
    )


class Split(Table):
    """How patients are divided into training and validation; all images of a patient stay together."""

    folds: int = Field(default=5, ge=2, description="parts that the patients are divided into")
    fold: int = Field(default=0, ge=0, description="the part that validates, counted from 0")
    seed: int = Field(default=0, ge=0, description="the same seed divides in the same way")

    @model_validator(mode="after")
    def _fold_exists(self) -> "Split":
        if self.fold >= self.folds:
            raise ValueError(f"fold {self.fold} does not exist: {self.folds} folds are numbered 0 to {self.folds - 1}")
        return self


class Augment(Table):
    """Random changes of training images; polygon vertices move with the image."""

    probability: Share = Field(default=0.9, description="how often rotate, scale and shift apply")
    rotate: float = Field(default=15.0, ge=0, le=180, description="whole image, degrees each way")
    wrist_bend: float = Field(default=60.0, ge=0, le=70, description="hand against forearm, degrees each way")
    wrist_bend_probability: Share = Field(default=0.3, description="how often the wrist is bent")
    scale: Share = Field(default=0.15, description="0.15: from 0.85 to 1.15 times the size")
    shift: Share = Field(default=0.05, description="share of the image's side")
    flip: Share = Field(default=0.5, description="how often left and right are mirrored")
    elastic: Share = Field(default=0.0, description="how often the image is warped elastically")
    brightness: Share = Field(default=0.2, description="0.2: up to 0.2 of the full range darker or lighter")
    contrast: Share = Field(default=0.2, description="0.2: from 0.8 to 1.2 times the contrast")
    gamma: Share = Field(default=0.2, description="0.2: from 0.8 to 1.2 as the exponent")
    noise: Share = Field(
        default=0.02, description="largest standard deviation of added noise, as a share of the full range"
    )
    blur: Share = Field(default=0.1, description="how often the image is blurred")
    grain: Share = Field(
        default=0.0,
        description="largest standard deviation of added grain, power-law noise with exponents from 0.5 to 1.3",
    )
    clahe: Share = Field(default=0.0, description="how often contrast is equalised locally (CLAHE, clip limit 1 to 4)")
    sharpen: Share = Field(default=0.0, description="how often the image is sharpened")
    halo: Share = Field(
        default=0.0,
        description="how often edges get halos: an unsharp mask, 2 to 12 pixels wide, strength 0.5 to 2.5",
    )
    invert: Share = Field(default=0.0, description="how often bright and dark are swapped")
