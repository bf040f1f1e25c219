"""What a recipe says of a network and its training, whichever stage it serves."""

from typing import Annotated, Any, Literal

from pydantic import Field, field_validator, model_validator

from handbone.recipe.schema.base import Choice, Count, Off, Positive, Quoted, Size, Table
from handbone.recipe.schema.data import Augment


class LossTerm(Choice):
    """One loss of a weighted sum."""

    weight: float = Field(default=1.0, gt=0, description="share in the sum")


class ProgressiveSize(Table):
    """Epochs at a smaller size before the full one."""

    size: Size = Field(description="side in pixels")
    share: float = Field(gt=0, lt=1, description="share of all epochs at that size")
    batch_size: Count | None = Field(
        default=None, description="images a step at that size; default: as at the full size"
    )


class Train(Table):
    """How a network is trained."""

    epochs: int = Field(
        default=30, ge=0, description="times through the training images; 0: the network's weights as they are"
    )
    progressive_resizing: tuple[ProgressiveSize, ...] = Field(
        default=(), description="the first epochs run at smaller sizes"
    )
    batch_size: int = Field(default=2, ge=1, description="images a step")
    accumulate_grad_batches: int = Field(
        default=1, ge=1, description="steps whose gradients are added before the weights change"
    )
    freeze_batchnorm: bool = Field(
        default=False,
        description="batch norm keeps, at the full size, the statistics of the smaller sizes or of the start weights",
    )
    samples_per_image: int = Field(
        default=1, ge=1, description="how often an epoch goes through the images, each time anew augmented"
    )
    loss: tuple[LossTerm, ...] = Field(
        default=(LossTerm(name="dice"), LossTerm(name="bce")), min_length=1, description='"dice + 0.5 * bce", or a list'
    )
    optimiser: Choice = Field(default=Choice(name="adamw"), description="what changes the weights")
    lr: float = Field(default=1e-3, gt=0, description="learning rate at its highest")
    encoder_lr_factor: float = Field(default=1.0, ge=0, description="times lr for pretrained encoder weights")
    weight_decay: float = Field(default=1e-4, ge=0, description="L2 penalty on the weights")
    scheduler: Choice = Field(default=Choice(name="cosine"), description="how the learning rate falls")
    warmup: float = Field(default=0.05, ge=0, lt=1, description="share of all steps in which lr rises from 0")
    gradient_clip_norm: Annotated[Positive | None, Off] = Field(default=1.0, description="largest gradient norm")
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
    def _sizes_leaves_room(self) -> "Train":
        smaller = sum(step.share for step in self.progressive_resizing)
        if smaller >= 1:
            raise ValueError(
                f"the shares of progressive_resizing add up to {smaller:g} and leave nothing for the full size; "
                "make them smaller, or leave it out with progressive_resizing = []"
            )
        return self

    def resizing_at(self, epoch: int) -> ProgressiveSize | None:
        """The smaller size that an epoch, counted from 0, runs at; None at the full size, as the last one is."""
        end = 0.0
        for step in self.progressive_resizing:
            end += step.share * self.epochs
            # Sums of shares such as 0.1 + 0.2 fall short of whole epochs by rounding only.
            if epoch < int(end + 1e-9):
                return step
        return None

    def size_at(self, epoch: int, full: int) -> int:
        """The grid's side in an epoch, counted from 0, of a network whose full size is `full`."""
        step = self.resizing_at(epoch)
        return full if step is None else step.size

    def batch_size_at(self, epoch: int) -> int:
        """Images a step in an epoch, counted from 0."""
        step = self.resizing_at(epoch)
        return self.batch_size if step is None else step.batch_size or self.batch_size


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
        default=Choice.model_validate(
            {"name": "unetplusplus", "encoder": "tf_efficientnet_lite0", "encoder_weights": "imagenet"}
        ),
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
    def _sizes_is_smaller(self) -> "Network":
        for step in self.train.progressive_resizing:
            if step.size >= self.size:
                raise ValueError(
                    f"train.progressive_resizing has the size {step.size}, which is not below the size {self.size}"
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
