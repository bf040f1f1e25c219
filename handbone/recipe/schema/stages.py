"""A recipe's settings of the second stage and of the stages after it."""

from typing import Annotated, Literal, Self

from pydantic import Field, field_validator, model_validator

from handbone import anatomy
from handbone.recipe.schema.base import Bones, Choice, Off, Positive, Share, Size, Table, known_groups
from handbone.recipe.schema.data import Augment
from handbone.recipe.schema.network import Network


class Roi(Table):
    """The region of interest (ROI) that the refiner reads; the coarse masks place it."""

    anchors: Bones = Field(
        default=("wrist", "metacarpals", "forearm"), description="bones or groups that place the ROI"
    )
    size_px: float = Field(
        default=512.0, gt=0, description="side length in pixels of a 2048 image, at normal hand size"
    )
    normal_mc3_length_px: float = Field(
        default=449.0, gt=0, description="length in pixels of the third metacarpal at normal hand size"
    )
    turn: bool = Field(default=True, description="rotate the hand's axis upright")
    mirror: bool = Field(default=True, description="mirror left hands")
    rescale: bool = Field(default=True, description="scale the ROI to the hand's size")
    fallback_scale: float = Field(default=1.4, ge=1, description="factor on size_px if anchors are missing")
    jitter: float = Field(
        default=1.0,
        ge=0,
        description="random shifts of training ROIs, as a multiple of the measured error of coarse ROIs",
    )

    @field_validator("anchors")
    @classmethod
    def _known(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return known_groups(value)


class ExtraRoi(Table):
    """Another ROI for the same refiner, at the resolution of the first one; unset keys are taken from [roi]."""

    name: str = Field(description="name in tables and records")
    bones: Bones = Field(description="bones or groups that are refined in it")
    anchors: Bones | None = Field(
        default=None,
        description="bones or groups that place and rotate it, by the canonical pose of the hand or of a single finger",
    )
    size_px: Positive | None = Field(
        default=None,
        description="side length in pixels of a 2048 image, at normal hand size; default: what its bones need",
    )
    margin: Share = Field(
        default=0.15, description="margin on each side if the bones set the size, as a share of the size"
    )
    size: Size | None = Field(
        default=None,
        description="side length in pixels of the network's input, with size_px; default: resolution of the first ROI",
    )
    turn: bool | None = Field(default=None, description="rotate the anchors upright")
    mirror: bool | None = Field(default=None, description="mirror left hands")
    rescale: bool | None = Field(default=None, description="scale the ROI to the hand's size")

    @model_validator(mode="after")
    def _size_has_a_side(self) -> "ExtraRoi":
        if self.size is not None and self.size_px is None:
            raise ValueError(
                f"the ROI {self.name!r} has a size but no size_px; set both, or neither so that its bones set them"
            )
        return self

    @field_validator("bones", "anchors")
    @classmethod
    def _known(cls, value: tuple[str, ...] | None) -> tuple[str, ...] | None:
        return value if value is None else known_groups(value)


class Refine(Network):
    """The network that reads the ROI; `refine = false` at the top of the file leaves the second stage out."""

    size: Size = Field(
        default=512,
        description="side length in pixels of the network's input; roi.size_px gives full resolution",
    )
    weights: Annotated[str | None, Off] = Field(
        default=None, description='start from these weights; "coarse" starts from the run\'s own coarse network'
    )
    bones: Bones = Field(default=("wrist",), description="bones or groups that are refined; all 29 are learned")
    coarse_channels: bool = Field(default=False, description="add the coarse probabilities as input channels")
    extra_rois: tuple[ExtraRoi, ...] = Field(default=(), description="more ROIs; they need random_roi_probability")
    random_roi_probability: Share = Field(
        default=0.0,
        description="probability that a training ROI is placed around a random bone, which prepares the refiner for "
        "extra_rois and for other bones in handbone refine",
    )

    @field_validator("bones")
    @classmethod
    def _known(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return known_groups(value)

    @model_validator(mode="after")
    def _rois_are_apart(self) -> "Refine":
        owner = dict.fromkeys(anatomy.select(self.bones), "bones")
        for extra in self.extra_rois:
            for bone in anatomy.select(extra.bones):
                if owner.setdefault(bone, extra.name) != extra.name:
                    raise ValueError(
                        f"{anatomy.NAMES[bone]} belongs to {owner[bone]} and to the ROI {extra.name!r}; "
                        "remove it from one of them"
                    )
        if len({extra.name for extra in self.extra_rois}) < len(self.extra_rois):
            raise ValueError("two ROIs have the same name; give them different ones")
        if self.extra_rois and not self.random_roi_probability:
            raise ValueError(
                "the refiner must be trained on the extra_rois; set random_roi_probability above 0, for example to 0.4"
            )
        return self


class Merge(Table):
    """When a refined mask takes the place of the coarse one."""

    gate: Literal["limits", "calibrated"] = Field(
        default="limits",
        description="limits: the fixed limits below; calibrated: also the probability of degradation, fitted on images "
        "that the networks were not trained on",
    )

    share: float = Field(
        default=1.0,
        gt=0,
        le=1,
        description="weight of the refined probabilities in an accepted mask; the rest is that of the coarse ones",
    )
    cautious_share: float = Field(
        default=0.0,
        ge=0,
        lt=1,
        description="the same in masks that a calibrated gate accepts with caution; below 0.5 the coarse masks stay "
        "wherever they are sure; 0: no mask is accepted with caution",
    )

    feather: Share = Field(default=0.08, description="width of the blended border, as a share of the ROI's side")
    min_agreement: Share = Field(default=0.5, description="lowest Dice with the coarse mask, if there is one")
    area_ratio: tuple[float, float] = Field(
        default=(0.5, 2.0), description="lowest and highest ratio of refined to coarse area"
    )
    max_shift: float = Field(
        default=0.25, gt=0, description="largest centroid shift, in square roots of the coarse area"
    )

    @field_validator("area_ratio")
    @classmethod
    def _rising(cls, value: tuple[float, float]) -> tuple[float, float]:
        if not 0 <= value[0] < value[1]:
            raise ValueError(f"needs two numbers, the smaller one first, not {list(value)}")
        return value

    @model_validator(mode="after")
    def _less_with_caution(self) -> Self:
        if self.cautious_share >= self.share:
            raise ValueError(f"cautious_share is {self.cautious_share:g}, and has to be below share, {self.share:g}")
        return self


class Tune(Table):
    """Fine-tuning of the prompted network's mask decoder on ROIs of the training images; its encoder is frozen."""

    rois: int = Field(
        default=200,
        ge=1,
        description="number of randomly shifted ROIs; each is embedded once and kept on disk (2 MB)",
    )
    validation: int = Field(
        default=40, ge=1, description="number of ROIs of validation images, which select the best epoch"
    )
    epochs: int = Field(default=10, ge=1, description="passes over the ROIs, with new prompts each time")
    batch_size: int = Field(default=2, ge=1, description="ROIs per step, each with all of its bones")
    lr: float = Field(default=1e-4, gt=0, description="highest learning rate; it falls along a cosine")
    weight_decay: float = Field(default=1e-4, ge=0, description="L2 penalty on the weights")
    gradient_clip_norm: Annotated[Positive | None, Off] = Field(default=1.0, description="largest gradient norm")
    jitter: float = Field(
        default=1.0,
        ge=0,
        description="perturbation of the masks that give the prompts, as a multiple of the usual error of masks",
    )
    augment: Augment = Augment()


class Prompt(Table):
    """A segment-anything network that is prompted with the current masks; `prompt = false` leaves it out."""

    prompter: Choice = Field(description='the network, such as { name = "segment_anything", checkpoint = "sam.pth" }')
    bones: Bones = Field(default=("wrist",), description="bones or groups to prompt for")
    box_margin: Share = Field(default=0.05, description="margin around a bone's box, as a share of its longer side")
    positives: int = Field(default=2, ge=0, le=16, description="number of points inside the bone")
    negatives: int = Field(
        default=2, ge=0, le=16, description="number of points in neighbouring bones, outside this one"
    )
    use_mask: bool = Field(default=True, description="also use the current mask as a prompt")
    iou_weight: Share = Field(
        default=0.5, description="weight of the network's own IoU estimate, against agreement with the current mask"
    )
    min_agreement: Share = Field(
        default=0.9,
        description="lowest Dice with the current mask, if merge.min_agreement is lower; this stage repairs masks and "
        "does not find new ones",
    )
    tune: Annotated[Tune | None, Off] = Field(default=None, description="fine-tune the mask decoder")

    @field_validator("bones")
    @classmethod
    def _known(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return known_groups(value)
