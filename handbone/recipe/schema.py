"""What a recipe may say: every table and key, with its type, its limits and its default."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, field_validator, model_validator

from handbone import anatomy
from handbone.errors import UnknownNameError

Share = Annotated[float, Field(ge=0, le=1)]
Size = Annotated[int, Field(ge=32, le=4096, multiple_of=32)]
Positive = Annotated[float, Field(gt=0)]
Count = Annotated[int, Field(ge=1)]
Bones = Annotated[tuple[str, ...], Field(min_length=1)]
# TOML has no null: `clip = false` switches off what a default or an extended recipe has switched on.
Off = BeforeValidator(lambda value: None if value is False else value)
# Quotes around a number are easily forgotten.
Quoted = BeforeValidator(lambda value: str(value) if type(value) is int else value)


#: As data.path: draw a phantom set, whether or not there is data.
PHANTOM = "phantom"


class Table(BaseModel):
    """A TOML table: unknown keys are refused and values don't change once read."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True, allow_inf_nan=False)


class Choice(Table):
    """A registered thing by name, with its own settings as further keys (`{ name = "unet", encoder = "resnet34" }`)."""

    model_config = ConfigDict(extra="allow", frozen=True, populate_by_name=True)

    name: str = Field(description="what is chosen")
    provider: str | None = Field(default=None, alias="from", description="the package that provides it, where two do")

    @model_validator(mode="before")
    @classmethod
    def _name_alone(cls, value: Any) -> Any:
        return {"name": value} if isinstance(value, str) else value

    @property
    def settings(self) -> dict[str, Any]:
        """The keys beside `name` and `from`, for the chosen thing's own settings model."""
        return dict(self.model_extra or {})


class LossTerm(Choice):
    """One loss of a weighted sum."""

    weight: float = Field(default=1.0, gt=0, description="share in the sum")


class Data(Table):
    """Where the pictures and labels are."""

    path: str = Field(
        default="data",
        description='folder of pictures and labels, relative to the current one; "phantom" draws phantom hands',
    )
    layout: Literal["auto", "contest", "coco", "folder"] = Field(
        default="auto", description="how that folder is arranged"
    )
    annotations: Annotated[str | None, Off] = Field(default=None, description="COCO: the JSON file, relative to path")
    class_map: dict[str, str] = Field(default_factory=dict, description="foreign class name to bone name")
    cache: str | None = Field(default=None, description="folder for decoded pictures; default: the user's cache folder")

    @field_validator("class_map")
    @classmethod
    def _known_bones(cls, value: dict[str, str]) -> dict[str, str]:
        for bone in value.values():
            if bone not in anatomy.INDEX:
                raise ValueError(str(UnknownNameError("bone", bone, anatomy.NAMES)))
        return value


class Phantom(Table):
    """The phantom set that a recipe uses when its data folder does not exist."""

    train: int = Field(default=60, ge=2, description="pictures to train (without stream) and validate with")
    test: int = Field(default=12, ge=1, description="pictures to evaluate with")
    size: Size = Field(default=2048, description="side of a picture in pixels")
    seed: int = Field(default=0, ge=0, description="the same seed draws the same pictures")
    variety: Literal["contest", "wide"] = Field(
        default="contest", description="upright adult hands as in the contest; or any age, turn, crop, scene and look"
    )
    test_bent: Share = Field(default=0.58, description="share of test people whose wrists are bent, as in the contest")
    test_spread: Positive = Field(
        default=1.0, description="times the variation of bones from person to person, in test people alone"
    )
    stream: int = Field(
        default=0,
        ge=0,
        description="pictures an epoch that are drawn on the way, never twice; 0: train on the set",
    )


class Split(Table):
    """How people are divided into training and validation; all pictures of a person stay together."""

    folds: int = Field(default=5, ge=2, description="parts that the people are divided into")
    fold: int = Field(default=0, ge=0, description="the part that validates, counted from 0")
    seed: int = Field(default=0, ge=0, description="the same seed divides in the same way")

    @model_validator(mode="after")
    def _fold_exists(self) -> "Split":
        if self.fold >= self.folds:
            raise ValueError(f"fold {self.fold} does not exist: {self.folds} folds are numbered 0 to {self.folds - 1}")
        return self


class Augment(Table):
    """Random changes of training pictures; polygon vertices move with the picture."""

    probability: Share = Field(default=0.9, description="how often rotate, scale and shift apply")
    rotate: float = Field(default=15.0, ge=0, le=180, description="whole picture, degrees each way")
    wrist_bend: float = Field(default=60.0, ge=0, le=70, description="hand against forearm, degrees each way")
    wrist_bend_probability: Share = Field(default=0.3, description="how often the wrist is bent")
    scale: Share = Field(default=0.15, description="0.15: from 0.85 to 1.15 times the size")
    shift: Share = Field(default=0.05, description="share of the picture's side")
    flip: Share = Field(default=0.5, description="how often left and right are mirrored")
    elastic: Share = Field(default=0.0, description="how often the picture is warped elastically")
    brightness: Share = Field(default=0.2, description="0.2: up to 0.2 of the full range darker or lighter")
    contrast: Share = Field(default=0.2, description="0.2: from 0.8 to 1.2 times the contrast")
    gamma: Share = Field(default=0.2, description="0.2: from 0.8 to 1.2 as the exponent")
    noise: Share = Field(
        default=0.02, description="largest standard deviation of added noise, as a share of the full range"
    )
    blur: Share = Field(default=0.1, description="how often the picture is blurred")
    invert: Share = Field(default=0.0, description="how often bright and dark are swapped")


class Rise(Table):
    """Epochs at a smaller size before the full one."""

    size: Size = Field(description="side in pixels")
    share: float = Field(gt=0, lt=1, description="share of all epochs at that size")
    batch: Count | None = Field(default=None, description="pictures a step at that size; default: as at the full size")


class Train(Table):
    """How a network is trained."""

    epochs: int = Field(
        default=30, ge=0, description="times through the training pictures; 0: the network's weights as they are"
    )
    rise: tuple[Rise, ...] = Field(default=(), description="the first epochs run at smaller sizes")
    batch: int = Field(default=2, ge=1, description="pictures a step")
    accumulate: int = Field(default=1, ge=1, description="steps whose gradients are added before the weights change")
    keep_norm: bool = Field(
        default=False,
        description="at the full size batch norm keeps the statistics of the rise, or of the weights it started from",
    )
    repeats: int = Field(
        default=1, ge=1, description="how often an epoch goes through the pictures, each time anew augmented"
    )
    loss: tuple[LossTerm, ...] = Field(
        default=(LossTerm(name="dice"), LossTerm(name="bce")), min_length=1, description='"dice + 0.5 * bce", or a list'
    )
    optimiser: Choice = Field(default=Choice(name="adamw"), description="what changes the weights")
    lr: float = Field(default=1e-3, gt=0, description="learning rate at its highest")
    encoder_lr_factor: float = Field(default=1.0, ge=0, description="times lr for pretrained encoder weights")
    weight_decay: float = Field(default=1e-4, ge=0, description="pull of the weights towards 0")
    scheduler: Choice = Field(default=Choice(name="cosine"), description="how the learning rate falls")
    warmup: float = Field(default=0.05, ge=0, lt=1, description="share of all steps in which lr rises from 0")
    clip: Annotated[Positive | None, Off] = Field(default=1.0, description="largest gradient norm")
    ema: Annotated[Annotated[float, Field(gt=0, lt=1)] | None, Off] = Field(
        default=None, description="decay of the averaged weights"
    )
    validate_every: int = Field(default=1, ge=1, description="epochs from one validation to the next")
    patience: Annotated[Count | None, Off] = Field(default=None, description="validations without gain before it stops")
    precision: Annotated[Literal["auto", "32", "bf16", "16"], Quoted] = Field(
        default="auto", description="numbers to calculate with; auto: bf16 where the processor has it"
    )
    workers: int | None = Field(
        default=None, ge=0, description="data processes; default: none on a CPU, else by the number of cores"
    )
    devices: Count | Literal["auto"] = Field(default="auto", description="GPUs a machine")
    nodes: int = Field(default=1, ge=1, description="machines")
    strategy: str = Field(default="auto", description="how lightning joins devices (ddp, fsdp, ...)")
    loggers: tuple[Literal["csv", "tensorboard", "wandb"], ...] = Field(
        default=("csv",), description="where the learning curves go"
    )

    @field_validator("loss", mode="before")
    @classmethod
    def _one_or_many(cls, value: Any) -> Any:
        """'bce + 0.5 * dice', one table, or a list of tables."""
        if isinstance(value, str):
            return tuple(_parse_term(part) for part in value.split("+"))
        return (value,) if isinstance(value, dict) else value

    @model_validator(mode="after")
    def _rise_leaves_room(self) -> "Train":
        risen = sum(step.share for step in self.rise)
        if risen >= 1:
            raise ValueError(
                f"the shares of rise add up to {risen:g} and leave nothing for the full size; "
                "make them smaller, or leave it out with rise = []"
            )
        return self

    def rise_at(self, epoch: int) -> Rise | None:
        """The step of the rise that an epoch, counted from 0, belongs to; None at the full size, as the last one is."""
        end = 0.0
        for step in self.rise:
            end += step.share * self.epochs
            # Sums of shares such as 0.1 + 0.2 fall short of whole epochs by rounding only.
            if epoch < int(end + 1e-9):
                return step
        return None

    def size_at(self, epoch: int, full: int) -> int:
        """The grid's side in an epoch, counted from 0, of a network whose full size is `full`."""
        step = self.rise_at(epoch)
        return full if step is None else step.size

    def batch_at(self, epoch: int) -> int:
        """Pictures a step in an epoch, counted from 0."""
        step = self.rise_at(epoch)
        return self.batch if step is None else step.batch or self.batch


def _parse_term(text: str) -> dict[str, Any]:
    weight, star, name = text.rpartition("*")
    try:
        return {"name": name.strip(), "weight": float(weight) if star else 1.0}
    except ValueError:
        raise ValueError(f"cannot read the loss term {text.strip()!r}: write 'dice' or '0.5 * dice'") from None


class Network(Table):
    """What both stages say of their network."""

    size: Size = Field(default=1024, description="side in pixels of what the network reads")
    model: Choice = Field(
        default=Choice(name="unetplusplus", encoder="tf_efficientnet_lite0", encoder_weights="imagenet"),
        description="architecture with its own settings",
    )
    weights: Annotated[str | None, Off] = Field(
        default=None,
        description="start from this weights file or run instead of encoder weights; or from weights by name "
        "(handbone weights list), where they are of this model",
    )
    train: Train = Train()
    augment: Augment = Augment()

    @model_validator(mode="after")
    def _rise_is_smaller(self) -> "Network":
        for step in self.train.rise:
            if step.size >= self.size:
                raise ValueError(
                    f"train.rise has a size of {step.size}, which is not smaller than the size {self.size}"
                )
        return self

    @model_validator(mode="after")
    def _something_to_use(self) -> "Network":
        if self.train.epochs == 0 and self.weights is None:
            raise ValueError(
                "train.epochs = 0 uses weights as they are, and none are named; "
                'say which by weights = "zero_shot" or a file, or train for some epochs'
            )
        return self


class Coarse(Network):
    """The network that reads the whole picture."""


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
        return _known_groups(value)


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
        return value if value is None else _known_groups(value)


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
        return _known_groups(value)

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
        return _known_groups(value)


class Predict(Table):
    """How trained networks are used."""

    threshold: float = Field(default=0.5, gt=0, lt=1, description="probability from which a pixel is bone")
    flip_tta: bool = Field(default=False, description="mean with the prediction of the mirrored picture")
    find_hand: Annotated[Size | None, Off] = Field(
        default=None,
        description="first look at the whole picture at this size, find the hand, and read it upright; "
        "for pictures that it does not fill",
    )
    calibrate: int = Field(
        default=0,
        ge=0,
        description="phantoms that tell how sure a bone has to be to be shown; 0: every mask is shown",
    )
    precision: Annotated[Literal["auto", "32", "bf16"], Quoted] = Field(
        default="auto", description="numbers to calculate with; auto: bf16 where the processor has it"
    )


class Evaluate(Table):
    """Which figures are computed."""

    nsd_tolerances_px: tuple[Positive, ...] = Field(
        default=(1.0, 2.0), description="distances in pixels at which outlines count as equal"
    )
    boundary_band_px: Positive = Field(
        default=2.0, description="width in pixels of the band inside an outline that boundary IoU compares"
    )


class Report(Table):
    """What the page shows."""

    worst: int = Field(default=4, ge=0, description="pictures with the lowest Dice that are shown")
    best: int = Field(default=2, ge=0, description="pictures with the highest Dice that are shown")
    picture_size: int = Field(default=900, ge=200, le=4096, description="side in pixels of a picture on the page")


def _known_groups(value: tuple[str, ...]) -> tuple[str, ...]:
    try:
        anatomy.select(value)
    except UnknownNameError as error:
        raise ValueError(str(error)) from None
    return value


class Recipe(Table):
    """Everything that a run does."""

    name: str = Field(
        pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$", description="the run goes to runs/NAME; default: the file's name"
    )
    summary: str = Field(default="", description="one line for `handbone recipes list`")
    seed: int = Field(default=7, ge=0, description="of everything random, unless a table has its own")
    data: Data = Data()
    phantom: Phantom = Phantom()
    split: Split = Split()
    coarse: Coarse = Coarse()
    crop: Crop = Crop()
    refine: Annotated[Refine | None, Off] = Field(default=Refine(), description="the second stage; false leaves it out")
    merge: Merge = Merge()
    prompt: Annotated[Prompt | None, Off] = Field(
        default=None, description="the optional third stage: segment-anything, prompted with the masks so far"
    )
    predict: Predict = Predict()
    evaluate: Evaluate = Evaluate()
    report: Report = Report()

    @model_validator(mode="after")
    def _streams_have_no_coarse_masks(self) -> "Recipe":
        if self.phantom.stream and self.refine is not None and self.refine.coarse_channels:
            raise ValueError(
                "refine.coarse_channels needs coarse masks of the training pictures, which phantom.stream draws only "
                "when they are used; set one of them off"
            )
        return self
