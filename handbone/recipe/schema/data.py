"""A recipe's data settings: where the images are, how they are drawn, split and augmented."""

from typing import Annotated, Any, Literal

from pydantic import Field, field_validator, model_validator

from handbone.core.errors import HandboneError, UnknownNameError
from handbone.recipe.class_map import ClassMap, bones_of
from handbone.recipe.schema.base import Off, Positive, Seed, Share, Size, Table

#: How a folder of images and labels can be laid out.
LayoutName = Literal["auto", "contest", "coco", "csv", "labelme", "cvat", "label_studio", "seg_nrrd", "nifti", "folder"]
#: The value of data.path that always draws a synthetic set.
SYNTHETIC = "synthetic"


class Data(Table):
    """Where the images and labels are."""

    path: str = Field(
        default="data",
        description='folder of images and labels, relative to the current folder; "synthetic" draws synthetic hands',
    )
    layout: LayoutName = Field(default="auto", description="layout of that folder")
    annotations: Annotated[str | None, Off] = Field(
        default=None,
        description="file of COCO, CVAT or Label Studio, or CSV file of run lengths, relative to path",
    )
    rle: Annotated[str | None, Off] = Field(
        default=None,
        description="format of a CSV's run lengths, separated by commas: column-major, zero-based, frame=512",
    )
    empty_labels: Literal["refuse", "use"] = Field(
        default="refuse",
        description="annotations without any bone; refuse: an error; use: an image without bones",
    )
    class_map: dict[str, str] = Field(
        default_factory=dict,
        description="maps the file's class names to bones or to skip; or a class map: ram_h1200, ram_w600, a TOML file",
    )
    invert: Literal["auto", "yes", "no"] = Field(
        default="auto", description="invert radiographs in which bones are dark; auto: detect them"
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

    @field_validator("class_map", mode="before")
    @classmethod
    def _named_map(cls, value: Any) -> Any:
        if not isinstance(value, str):
            return value
        try:
            return ClassMap.load(value).table()
        except HandboneError as error:
            raise ValueError(str(error)) from None

    @field_validator("class_map")
    @classmethod
    def _known_bones(cls, value: dict[str, str]) -> dict[str, str]:
        for bones in value.values():
            try:
                bones_of(bones)
            except UnknownNameError as error:
                raise ValueError(str(error)) from None
        return value


class Synthetic(Table):
    """The synthetic set, which a recipe uses if its data folder does not exist."""

    train: int = Field(default=60, ge=2, description="images for training (unless stream is set) and validation")
    test: int = Field(default=12, ge=1, description="images for evaluation")
    size: Size = Field(default=2048, description="side length of an image in pixels")
    seed: Seed = Field(default=0, description="random seed; the same seed draws the same images")
    variety: Literal["upright_adult", "diverse"] = Field(
        default="upright_adult",
        description="upright_adult: upright adult hands as in the contest; diverse: any age, rotation, crop and style",
    )
    test_bent: Share = Field(
        default=0.58, description="share of test patients with bent wrists; the default is that of the contest"
    )
    test_spread: Positive = Field(
        default=1.0, description="factor on the variation of bones between patients, for test patients only"
    )
    stream: int = Field(
        default=0,
        ge=0,
        description="images per epoch, drawn during training and never repeated; 0: train on the fixed set",
    )


class Split(Table):
    """How patients are split into training and validation; all images of a patient stay together."""

    folds: int = Field(default=5, ge=2, description="number of folds")
    fold: int = Field(default=0, ge=0, description="the fold used for validation, counted from 0")
    seed: Seed = Field(default=0, description="random seed; the same seed gives the same split")

    @model_validator(mode="after")
    def _fold_exists(self) -> "Split":
        if self.fold >= self.folds:
            raise ValueError(f"fold {self.fold} does not exist: {self.folds} folds are numbered 0 to {self.folds - 1}")
        return self


class Augment(Table):
    """Random augmentation of training images; polygon vertices move with the image."""

    probability: Share = Field(default=0.9, description="probability that rotate, scale and shift apply")
    rotate: float = Field(
        default=15.0, ge=0, le=180, description="largest rotation of the whole image, in degrees, in either direction"
    )
    wrist_bend: float = Field(
        default=60.0,
        ge=0,
        le=70,
        description="largest bend of the hand against the forearm, in degrees, in either direction",
    )
    wrist_bend_probability: Share = Field(default=0.3, description="probability of a wrist bend")
    scale: Share = Field(default=0.15, description="largest change of size; 0.15: from 0.85 to 1.15 times")
    shift: Share = Field(default=0.05, description="largest shift, as a share of the image's side")
    flip: Share = Field(default=0.5, description="probability of mirroring left and right")
    elastic: Share = Field(default=0.0, description="probability of elastic deformation")
    brightness: Share = Field(
        default=0.2, description="largest change of brightness; 0.2: up to 0.2 of the full range darker or lighter"
    )
    contrast: Share = Field(default=0.2, description="largest change of contrast; 0.2: from 0.8 to 1.2 times")
    gamma: Share = Field(default=0.2, description="largest change of the gamma exponent; 0.2: from 0.8 to 1.2")
    noise: Share = Field(
        default=0.02, description="largest standard deviation of added noise, as a share of the full range"
    )
    blur: Share = Field(default=0.1, description="probability of blur")
    grain: Share = Field(
        default=0.0,
        description="largest standard deviation of added grain, power-law noise with exponents from 0.5 to 1.3",
    )
    clahe: Share = Field(
        default=0.0, description="probability of local contrast equalisation (CLAHE, clip limit 1 to 4)"
    )
    sharpen: Share = Field(default=0.0, description="probability of sharpening")
    halo: Share = Field(
        default=0.0,
        description="probability of edge halos: an unsharp mask, 2 to 12 pixels wide, strength 0.5 to 2.5",
    )
    invert: Share = Field(default=0.0, description="probability of inverting the image")
