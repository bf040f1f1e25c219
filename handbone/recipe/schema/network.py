"""A recipe's settings of a network and its training, the same for both stages."""

from typing import Annotated, Any, Literal

from pydantic import Field, field_validator, model_validator

from handbone.recipe.schema.base import Choice, Count, Off, Positive, Quoted, Size, Table
from handbone.recipe.schema.data import Augment


class LossTerm(Choice):
    """One loss of a weighted sum."""

    weight: float = Field(default=1.0, gt=0, description="weight in the sum")


class ProgressiveSize(Table):
    """Epochs at a smaller image size before those at the full size."""

    size: Size = Field(description="side length in pixels")
    share: float = Field(gt=0, lt=1, description="share of all epochs at that size")
    batch_size: Count | None = Field(
        default=None, description="images per step at that size; default: as at the full size"
    )


class Train(Table):
    """How a network is trained."""

    epochs: int = Field(default=30, ge=0, description="passes over the training images; 0: use the weights unchanged")
    progressive_resizing: tuple[ProgressiveSize, ...] = Field(
        default=(), description="smaller image sizes for the first epochs"
    )
    batch_size: int = Field(default=2, ge=1, description="images per step")
    accumulate_grad_batches: int = Field(
        default=1, ge=1, description="steps whose gradients are accumulated before the weights are updated"
    )
    freeze_batchnorm: bool = Field(
        default=False,
        description="at the full size, freeze batch norm's statistics from the smaller sizes or the start weights",
    )
    samples_per_image: int = Field(
        default=1, ge=1, description="how often each image is used per epoch, each time with a new augmentation"
    )
    loss: tuple[LossTerm, ...] = Field(
        default=(LossTerm(name="dice"), LossTerm(name="bce")),
        min_length=1,
        description='weighted sum such as "dice + 0.5 * bce", or a list of losses',
    )
    optimiser: Choice = Field(default=Choice(name="adamw"), description="optimiser")
    lr: float = Field(default=1e-3, gt=0, description="highest learning rate")
    encoder_lr_factor: float = Field(default=1.0, ge=0, description="factor on lr for pretrained encoder weights")
    weight_decay: float = Field(default=1e-4, ge=0, description="L2 penalty on the weights")
    scheduler: Choice = Field(default=Choice(name="cosine"), description="learning-rate schedule")
    warmup: float = Field(default=0.05, ge=0, lt=1, description="share of all steps during which lr rises from 0")
    gradient_clip_norm: Annotated[Positive | None, Off] = Field(default=1.0, description="largest gradient norm")
    ema: Annotated[Annotated[float, Field(gt=0, lt=1)] | None, Off] = Field(
        default=None, description="decay of the moving average of the weights"
    )
    validate_every: int = Field(default=1, ge=1, description="epochs between validations")
    patience: Annotated[Count | None, Off] = Field(
        default=None, description="validations without improvement before training stops"
    )
    precision: Annotated[Literal["auto", "32", "bf16", "16"], Quoted] = Field(
        default="auto", description="numerical precision; auto: bf16 if the processor supports it"
    )
    workers: int | None = Field(
        default=None, ge=0, description="data loading processes; default: 0 on a CPU, otherwise by the number of cores"
    )
    devices: Count | Literal["auto"] = Field(default="auto", description="GPUs per machine")
    nodes: int = Field(default=1, ge=1, description="number of machines")
    strategy: str = Field(
        default="auto", description="how lightning distributes training over devices (ddp, fsdp, ...)"
    )
    loggers: tuple[Literal["csv", "tensorboard", "wandb"], ...] = Field(
        default=("csv",), description="where the learning curves are logged"
    )

    @field_validator("loss", mode="before")
    @classmethod
    def _one_or_many(cls, value: Any) -> Any:
        """Accept 'bce + 0.5 * dice', one table, or a list of tables."""
        if isinstance(value, str):
            return tuple(_parse_term(part) for part in value.split("+"))
        return (value,) if isinstance(value, dict) else value

    @model_validator(mode="after")
    def _sizes_leaves_room(self) -> "Train":
        smaller = sum(step.share for step in self.progressive_resizing)
        if smaller >= 1:
            raise ValueError(
                f"the shares of progressive_resizing add up to {smaller:g} and leave no epochs at the full size; "
                "reduce them, or turn it off with progressive_resizing = []"
            )
        return self

    def resizing_at(self, epoch: int) -> ProgressiveSize | None:
        """The smaller size of an epoch, counted from 0; None at the full size, at which the last epoch always runs."""
        end = 0.0
        for step in self.progressive_resizing:
            end += step.share * self.epochs
            # Sums of shares such as 0.1 + 0.2 fall short of whole epochs by rounding only.
            if epoch < int(end + 1e-9):
                return step
        return None

    def size_at(self, epoch: int, full: int) -> int:
        """The grid's side length in an epoch, counted from 0, for a network whose full size is `full`."""
        step = self.resizing_at(epoch)
        return full if step is None else step.size

    def batch_size_at(self, epoch: int) -> int:
        """Images per step in an epoch, counted from 0."""
        step = self.resizing_at(epoch)
        return self.batch_size if step is None else step.batch_size or self.batch_size


def _parse_term(text: str) -> dict[str, Any]:
    weight, star, name = text.rpartition("*")
    try:
        return {"name": name.strip(), "weight": float(weight) if star else 1.0}
    except ValueError:
        raise ValueError(f"cannot read the loss term {text.strip()!r}: write 'dice' or '0.5 * dice'") from None


class Network(Table):
    """The settings of a stage's network."""

    size: Size = Field(default=1024, description="side length in pixels of the network's input")
    model: Choice = Field(
        default=Choice.model_validate(
            {"name": "unetplusplus", "encoder": "tf_efficientnet_lite0", "encoder_weights": "imagenet"}
        ),
        description="architecture and its settings",
    )
    weights: Annotated[str | None, Off] = Field(
        default=None,
        description="start from this weights file or run, or from named weights (handbone weights list) if they fit "
        "this model; otherwise from the encoder's weights",
    )
    train: Train = Train()
    augment: Augment = Augment()

    @model_validator(mode="after")
    def _sizes_is_smaller(self) -> "Network":
        for step in self.train.progressive_resizing:
            if step.size >= self.size:
                raise ValueError(
                    f"train.progressive_resizing has the size {step.size}, which must be below the size {self.size}"
                )
        return self

    @model_validator(mode="after")
    def _something_to_use(self) -> "Network":
        if self.train.epochs == 0 and self.weights is None:
            raise ValueError(
                "train.epochs = 0 uses existing weights, but none are given; "
                'set weights to "zero_shot" or a file, or increase epochs'
            )
        return self
