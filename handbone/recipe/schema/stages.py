"""What a recipe says of the second stage and of those after it."""

from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from handbone import anatomy
from handbone.recipe.schema.base import Bones, Choice, Off, Positive, Share, Size, Table, known_groups
from handbone.recipe.schema.data import Augment
from handbone.recipe.schema.network import Network


class Crop(Table):
    """The window that the refiner reads, found from the coarse masks."""

    anchors: Bones = Field(
        default=("wrist", "metacarpals", "forearm"), description="bones or groups that place the window"
    )
    window: float = Field(default=512.0, gt=0, description="side in pixels of a 2048 picture at normal hand size")
    normal_unit: float = Field(
        default=449.0, gt=0, description="length of the third metacarpal at normal hand size, in pixels"
    )
    turn: bool = Field(default=True, description="turn the hand's axis upright")
    mirror: bool = Field(default=True, description="mirror left hands")
    rescale: bool = Field(default=True, description="window in proportion to the hand's size")
    wider: float = Field(default=1.4, ge=1, description="times window where anchors are missing")
    jitter: float = Field(default=1.0, ge=0, description="times the measured error of coarse frames, in training")

    @field_validator("anchors")
    @classmethod
    def _known(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return known_groups(value)


class Region(Table):
    """A further window that the same refiner reads, as fine as the first one; what is not set is as in [crop]."""

    name: str = Field(description="what tables and records call it")
    bones: Bones = Field(description="bones or groups that are refined in it")
    anchors: Bones | None = Field(
        default=None,
        description="bones or groups that place and turn it: the hand's or a single finger's standard pose",
    )
    window: Positive | None = Field(
        default=None, description="side in pixels of a 2048 picture at normal hand size; default: as its bones need"
    )
    margin: Share = Field(default=0.15, description="room on each side where the bones set the size, as a share of it")
    size: Size | None = Field(
        default=None, description="side in pixels of what the network reads, with window; default: as fine as the first"
    )
    turn: bool | None = Field(default=None, description="turn the anchors upright")
    mirror: bool | None = Field(default=None, description="mirror left hands")
    rescale: bool | None = Field(default=None, description="window in proportion to the hand's size")

    @model_validator(mode="after")
    def _size_has_a_window(self) -> "Region":
        if self.size is not None and self.window is None:
            raise ValueError(f"the region {self.name!r} has a size but no window: set both, or let its bones set both")
        return self

    @field_validator("bones", "anchors")
    @classmethod
    def _known(cls, value: tuple[str, ...] | None) -> tuple[str, ...] | None:
        return value if value is None else known_groups(value)


class Refine(Network):
    """The network that reads the window; `refine = false` at the top of the file leaves the second stage out."""

    size: Size = Field(default=512, description="side in pixels of what the network reads; crop.window or finer")
    weights: Annotated[str | None, Off] = Field(
        default=None, description='start from these weights; "coarse" starts from the run\'s own coarse network'
    )
    bones: Bones = Field(default=("wrist",), description="bones or groups that are refined; all 29 are learned")
    coarse_channels: bool = Field(default=False, description="coarse probabilities as further input channels")
    regions: tuple[Region, ...] = Field(default=(), description="further windows; they need roam")
    roam: Share = Field(
        default=0.0,
        description="how often a training window lies around any other bone, so that regions, and bones that are asked "
        "for later, are known",
    )

    @field_validator("bones")
    @classmethod
    def _known(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return known_groups(value)

    @model_validator(mode="after")
    def _regions_are_apart(self) -> "Refine":
        owner = dict.fromkeys(anatomy.select(self.bones), "bones")
        for region in self.regions:
            for bone in anatomy.select(region.bones):
                if owner.setdefault(bone, region.name) != region.name:
                    raise ValueError(
                        f"{anatomy.NAMES[bone]} belongs to {owner[bone]} and to the region {region.name!r}; "
                        "leave it out of one of them"
                    )
        if len({region.name for region in self.regions}) < len(self.regions):
            raise ValueError("two regions have the same name; give them different ones")
        if self.regions and not self.roam:
            raise ValueError(
                "regions are read by the network of the first window: set roam, 0.4 for example, so that it learns them"
            )
        return self


class Merge(Table):
    """When a refined mask takes the place of the coarse one."""

    gate: Literal["limits", "calibrated"] = Field(
        default="limits",
        description="limits: those below; calibrated: also by the chance of harm, learned from pictures that the "
        "networks have not seen",
    )

    feather: Share = Field(default=0.08, description="share of the window's side over which the paste fades")
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
    """Fine-tuning of the prompted network's mask decoder on windows of the training pictures; its encoder stays."""

    windows: int = Field(
        default=200,
        ge=1,
        description="windows that are embedded once and kept on disk, each moved at random; 2 MB each",
    )
    validation: int = Field(default=40, ge=1, description="windows of validation pictures that choose the best epoch")
    epochs: int = Field(default=10, ge=1, description="times through the windows, with new prompts each time")
    batch: int = Field(default=2, ge=1, description="windows a step, each with all of its bones")
    lr: float = Field(default=1e-4, gt=0, description="learning rate at its highest; it falls along a cosine")
    weight_decay: float = Field(default=1e-4, ge=0, description="pull of the weights towards 0")
    clip: Annotated[Positive | None, Off] = Field(default=1.0, description="largest gradient norm")
    jitter: float = Field(
        default=1.0, ge=0, description="times the usual error of masks by which those that make the prompts are spoilt"
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
