"""What a plugin hands over: small frozen descriptions of networks, losses, readers, commands and so on."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    import numpy as np
    from torch import nn
    from torch.optim import Optimizer
    from torch.optim.lr_scheduler import LRScheduler

    from handbone.core.bone_masks import BoneMasks
    from handbone.core.bone_probabilities import BoneProbabilities
    from handbone.core.radiograph import ImageHeader, Radiograph
    from handbone.plugins.prompting import Prompter
    from handbone.plugins.writing import Writer
    from handbone.recipe.table import Table


def _none() -> "type[Table]":
    # Imported late: a plugin that registers commands alone lets `handbone --help` do without pydantic.
    from handbone.recipe.table import NoSettings

    return NoSettings


@dataclass(frozen=True, kw_only=True)
class Spec:
    """A thing that a recipe can name.

    Parameters
    ----------
    name: what a recipe calls it; lower case.
    summary: one line for users.
    settings: pydantic model of the keys that a recipe may write beside the name; its fields have defaults.
    build: makes the thing. Heavy packages are imported inside it, so that naming a thing costs nothing.
    """

    kind: ClassVar[str]

    name: str
    summary: str
    build: Callable[..., Any]
    settings: "type[Table] | None" = field(default_factory=_none)


@dataclass(frozen=True, kw_only=True)
class ModelSpec(Spec):
    """A network: a module that maps (N, in_channels, H, W) to logits (N, classes, H, W).

    Its first channel is the radiograph in [0, 1], further ones are probabilities; normalisation is the network's own
    affair. Its attribute `encoder`, if it has one, is the part that `encoder_lr_factor` applies to.
    """

    kind = "model"
    build: Callable[..., "nn.Module"]  # (settings, *, in_channels: int, classes: int)


@dataclass(frozen=True, kw_only=True)
class LossSpec(Spec):
    """A loss: a module that maps logits (N, 29, H, W) and targets (N, 29, H, W), coverage in [0, 1], to a scalar."""

    kind = "loss"
    build: Callable[[Any], "nn.Module"]  # (settings)


@dataclass(frozen=True, kw_only=True)
class EnsemblerSpec(Spec):
    """A way of joining predictions: a function from member name -> BoneProbabilities of one image to one of those.

    It is called image by image with members of one size; masks from foreign files come as probabilities of 0 and 1.
    """

    kind = "ensembler"
    build: Callable[[Any], "Callable[[Mapping[str, BoneProbabilities]], BoneProbabilities]"]  # (settings)


@dataclass(frozen=True, kw_only=True)
class OptimiserSpec(Spec):
    """An optimiser, built from torch parameter groups that carry their own lr and weight_decay."""

    kind = "optimiser"
    build: Callable[[Any, list[dict]], "Optimizer"]  # (settings, parameter_groups)


@dataclass(frozen=True, kw_only=True)
class SchedulerSpec(Spec):
    """A learning-rate schedule; warmup is applied on top by the engine.

    Parameters
    ----------
    interval: when it steps: after every optimiser step, after every epoch, or, with the validation Dice as argument,
        after every validation.
    """

    kind = "scheduler"
    build: Callable[..., "LRScheduler"]  # (settings, optimiser, *, epochs: int, steps_per_epoch: int)
    interval: str = "epoch"

    def __post_init__(self) -> None:
        if self.interval not in ("step", "epoch", "validation"):
            raise ValueError(f"interval must be 'step', 'epoch' or 'validation', but got {self.interval!r}")


@dataclass(frozen=True, kw_only=True)
class PrompterSpec(Spec):
    """A network that is prompted with a bone's box, points and rough mask.

    What it builds satisfies `handbone.plugins.prompting.Prompter`.
    """

    kind = "prompter"
    build: Callable[[Any], "Prompter"]  # (settings)


@dataclass(frozen=True, kw_only=True)
class ReaderSpec(Spec):
    """A file format of radiographs: a function from a file's path to a `handbone.core.radiograph.Radiograph`.

    It raises `HandboneError` where the file is no such image. No name or other data of a patient's leaves the file.

    Parameters
    ----------
    extensions: lower case with the dot, as (".dcm", ".dicom").
    recognises: tells from a file's first 512 bytes whether it is of this format. It is asked about files whose
        extension no reader has, or that the readers of their extension do not recognise.
    header: size and number of images of a file, without decoding it. A reader that has it is called as
        `read(path, frame)` for the second and further images of a file; without it a file holds one image.
    """

    kind = "reader"
    build: Callable[[Any], "Callable[..., Radiograph]"]  # (settings)
    extensions: tuple[str, ...]
    recognises: Callable[[bytes], bool] | None = None
    header: "Callable[[Path], ImageHeader] | None" = None

    def __post_init__(self) -> None:
        if wrong := [one for one in self.extensions if not one.startswith(".") or one != one.lower()]:
            raise ValueError(f"extensions must be lower case and begin with a dot, but got {wrong}")


@dataclass(frozen=True, kw_only=True)
class WriterSpec(Spec):
    """A format of masks; what it builds satisfies `handbone.plugins.writing.Writer`."""

    kind = "writer"
    build: Callable[..., "Writer"]  # (settings, *, folder: Path)


@dataclass(frozen=True, kw_only=True)
class WeightsSpec(Spec):
    """Trained weights in a package: `build` gives the folder, made by `handbone weights pack`, that holds the set."""

    kind = "weights"
    build: Callable[[Any], Path]  # (settings)


@dataclass(frozen=True, kw_only=True)
class MetricSpec(Spec):
    """A metric of each bone: a function from true and predicted masks of one image to (29,) float64, NaN: unknown.

    Parameters
    ----------
    higher_is_better: which way is up.
    """

    kind = "metric"
    build: Callable[[Any], "Callable[[BoneMasks, BoneMasks], np.ndarray]"]  # (settings)
    higher_is_better: bool = True


@dataclass(frozen=True, kw_only=True)
class CommandSpec(Spec):
    """A command of the command line: `build` gives a function with typer's annotations, or a `typer.Typer` of several.

    It is built when the command is used, so that `handbone --help` stays quick.
    """

    kind = "command"
    build: Callable[[], Any]
    settings: None = field(default=None, init=False)
