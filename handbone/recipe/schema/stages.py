"""What a recipe says of the second stage and of those after it."""

from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from handbone import anatomy
from handbone.recipe.schema.base import Bones, Choice, Off, Positive, Share, Size, Table, known_groups
from handbone.recipe.schema.data import Augment
from handbone.recipe.schema.network import Network


class Roi(Table):
    """The ROI that the refiner reads, found from the coarse masks."""

    anchors: Bones = Field(
        default=("wrist", "metacarpals", "forearm"), description="bones or groups that place the ROI"
    )
    size_px: float = Field(default=512.0, gt=0, description="side in pixels of a 2048 image at normal hand size")
    normal_mc3_length_px: float = Field(
        default=449.0, gt=0, description="length of the third metacarpal at normal hand size, in pixels"
    )
    turn: bool = Field(default=True, description="turn the hand's axis upright")
    mirror: bool = Field(default=True, description="mirror left hands")
    rescale: bool = Field(default=True, description="ROI in proportion to the hand's size")
    fallback_scale: float = Field(default=1.4, ge=1, description="times size_px where anchors are missing")
    jitter: float = Field(default=1.0, ge=0, description="times the measured error of coarse frames, in training")

    @field_validator("anchors")
    @classmethod
    def _known(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return known_groups(value)


class ExtraRoi(Table):
    """A further ROI that the same refiner reads, as fine as the first one; what is not set is as in [roi]."""

    name: str = Field(description="what tables and records call it")
    bones: Bones = Field(description="bones or groups that are refined in it")
    anchors: Bones | None = Field(
        default=None,
        description="bones or groups that place and turn it: the hand's or a single finger's canonical pose",
    )
    size_px: Positive | None = Field(
        default=None, description="side in pixels of a 2048 image at normal hand size; default: as its bones need"
    )
    margin: Share = Field(default=0.15, description="room on each side where the bones set the size, as a share of it")
    size: Size | None = Field(
        default=None,
        description="side in pixels of what the network reads, with size_px; default: as fine as the first",
    )
    turn: bool | None = Field(default=None, description="turn the anchors upright")
    mirror: bool | None = Field(default=None, description="mirror left hands")
    rescale: bool | None = Field(default=None, description="ROI in proportion to the hand's size")

    @model_validator(mode="after")
    def _size_has_a_side(self) -> "ExtraRoi":
        if self.size is not None and self.size_px is None:
            raise ValueError(f"the ROI {self.name!r} has a size but no size_px: set both, or let its bones set both")
        return self

    @field_validator("bones", "anchors")
    @classmethod
    def _known(cls, value: tuple[str, ...] | None) -> tuple[str, ...] | None:
        return value if value is None else known_groups(value)


class Refine(Network):
    """The network that reads the ROI; `refine = false` at the top of the file leaves the second stage out."""

    size: Size = Field(default=512, description="side in pixels of what the network reads; roi.size_px or finer")
    weights: Annotated[str | None, Off] = Field(
        default=None, description='start from these weights; "coarse" starts from the run\'s own coarse network'
    )
    bones: Bones = Field(default=("wrist",), description="bones or groups that are refined; all 29 are learned")
    coarse_channels: bool = Field(default=False, description="coarse probabilities as further input channels")
    extra_rois: tuple[ExtraRoi, ...] = Field(default=(), description="further ROIs; they need random_roi_probability")
    random_roi_probability: Share = Field(
        default=0.0,
        description="how often a training ROI lies around any other bone, so that extra_rois, and bones that are asked "
        "for later, are known",
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
                        "leave it out of one of them"
                    )
        if len({extra.name for extra in self.extra_rois}) < len(self.extra_rois):
            raise ValueError("two ROIs have the same name; give them different ones")
        if self.extra_rois and not self.random_roi_probability:
            raise ValueError(
                "the first ROI's network reads extra_rois, too: set random_roi_probability, such as 0.4, so that "
                "it learns them"
            )
        return self


class Merge(Table):
    """When a refined mask takes the place of the coarse one."""

    gate: Literal["limits", "calibrated"] = Field(
        default="limits",
        description="limits: those below; calibrated: also by the probability of degradation, learned from images "
        "that the networks have not seen",
    )

    feather: Share = Field(default=0.08, description="share of the ROI's side over which the paste fades")
    min_agreement: Share = Field(default=0.5, description="least Dice with the coarse mask, where there is one")
    area_ratio: tuple[float, float] = Field(default=(0.5, 2.0), description="refined over coarse area")
    max_shift: float = Field(
        default=0.25, gt=0, description="largest centroid shift, in square roots of the coarse area"
    )

    @field_validator("area_ratio")
    @classmethod
    def _rising(cls, value: tuple[float, float]) -> tuple[float, float]:
        if not 0 <= value[0] < value[1]:
            raise ValueError(f"needs a smaller and a larger number, not {list(value)}")
        return value


class Tune(Table):
    """Fine-tuning of the prompted network's mask decoder on ROIs of the training images; its encoder stays."""

    rois: int = Field(
        default=200,
        ge=1,
        description="ROIs that are embedded once and kept on disk, each moved at random; 2 MB each",
    )
    validation: int = Field(default=40, ge=1, description="ROIs of validation images that choose the best epoch")
    epochs: int = Field(default=10, ge=1, description="times through the ROIs, with new prompts each time")
    batch_size: int = Field(default=2, ge=1, description="ROIs a step, each with all of its bones")
    lr: float = Field(default=1e-4, gt=0, description="learning rate at its highest; it falls along a cosine")
    weight_decay: float = Field(default=1e-4, ge=0, description="L2 penalty on the weights")
    gradient_clip_norm: Annotated[Positive | None, Off] = Field(default=1.0, description="largest gradient norm")
    jitter: float = Field(
        default=1.0,
        ge=0,
        description="times the usual error of masks by which those that make the prompts are perturbed",
    )
    augment: Augment = Augment()


class Prompt(Table):
    """A segment-anything network that is shown the current masks as prompts; `prompt = false` leaves it out."""

    prompter: Choice = Field(description='the network, as in { name = "segment_anything", checkpoint = "sam.pth" }')
    bones: Bones = Field(default=("wrist",), description="bones or groups that it is asked for")
    box_margin: Share = Field(default=0.05, description="share of its longer side by which a bone's box is widened")
    positives: int = Field(default=2, ge=0, le=16, description="points in a bone's core")
    negatives: int = Field(default=2, ge=0, le=16, description="points in neighbours, outside of the bone")
    use_mask: bool = Field(default=True, description="the current mask is a prompt too")
    iou_weight: Share = Field(
        default=0.5, description="say of the network's own estimate against agreement with the current mask"
    )
    min_agreement: Share = Field(
        default=0.9,
        description="least Dice with the current mask, where merge.min_agreement asks for less; it repairs masks, and "
        "does not find them",
    )
    tune: Annotated[Tune | None, Off] = Field(default=None, description="fine-tune the mask decoder")

    @field_validator("bones")
    @classmethod
    def _known(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return known_groups(value)
