"""The hooks that a plugin can implement, and the decorator `hookimpl`.

A plugin is a module with functions of these names and the decorator `hookimpl`. Functions that register something
take no arguments and return a list of specs; events take the arguments of their hook by name, or any part of them, and
return nothing.

>>> from handbone.plugins import LossSpec, hookimpl
>>> @hookimpl
... def handbone_losses():
...     return [LossSpec(name="mine", summary="A loss of mine.", build=build_mine)]
"""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import pluggy

from handbone.plugins.specs import (
    CommandSpec,
    EnsemblerSpec,
    LossSpec,
    MetricSpec,
    ModelSpec,
    OptimiserSpec,
    PrompterSpec,
    ReaderSpec,
    SchedulerSpec,
    WeightsSpec,
    WriterSpec,
)

if TYPE_CHECKING:
    from handbone.core.bone_masks import BoneMasks
    from handbone.recipe.schema import Recipe

GROUP = "handbone"
#: Counted up when a plugin written for the earlier hooks or specs can no longer work. A plugin says with
#: `HANDBONE_API = 1` in its module which one it was written for.
API_VERSION = 1

hookspec = pluggy.HookspecMarker(GROUP)
hookimpl = pluggy.HookimplMarker(GROUP)


@hookspec
def handbone_models() -> list[ModelSpec]:
    """Networks that recipes can name under `model`.

    >>> @hookimpl
    ... def handbone_models():
    ...     return [ModelSpec(name="mine", summary="A network of mine.", build=build_network, settings=MySettings)]
    """


@hookspec
def handbone_losses() -> list[LossSpec]:
    """Losses that recipes can name under `train.loss`, alone or in a weighted sum.

    >>> @hookimpl
    ... def handbone_losses():
    ...     return [LossSpec(name="lovasz", summary="Lovasz hinge", build=build_lovasz)]
    """


@hookspec
def handbone_optimisers() -> list[OptimiserSpec]:
    """Optimisers that recipes can name under `train.optimiser`.

    >>> @hookimpl
    ... def handbone_optimisers():
    ...     return [OptimiserSpec(name="sgd", summary="SGD with momentum", build=build_sgd, settings=SgdSettings)]
    """


@hookspec
def handbone_schedulers() -> list[SchedulerSpec]:
    """Learning-rate schedules that recipes can name under `train.scheduler`.

    >>> @hookimpl
    ... def handbone_schedulers():
    ...     return [SchedulerSpec(name="one_cycle", summary="One cycle", build=build_one_cycle, interval="step")]
    """


@hookspec
def handbone_ensemblers() -> list[EnsemblerSpec]:
    """Ways of joining predictions that `handbone ensemble --method` can name.

    >>> @hookimpl
    ... def handbone_ensemblers():
    ...     return [EnsemblerSpec(name="median", summary="Median of probabilities", build=build_median)]
    """


@hookspec
def handbone_prompters() -> list[PrompterSpec]:
    """Prompted networks that recipes can name under `prompt.prompter`, and `handbone refine --sam`.

    >>> @hookimpl
    ... def handbone_prompters():
    ...     return [PrompterSpec(name="my_sam", summary="A SAM of mine", build=build_prompter)]
    """


@hookspec
def handbone_readers() -> list[ReaderSpec]:
    """File formats of radiographs, by extension: what `predict`, `run` and `data` can read.

    >>> @hookimpl
    ... def handbone_readers():
    ...     return [ReaderSpec(name="dicom", summary="DICOM radiographs", extensions=(".dcm",), build=build_reader)]
    """


@hookspec
def handbone_writers() -> list[WriterSpec]:
    """Formats that masks can be written in, by `handbone predict --write` and `handbone export`.

    >>> @hookimpl
    ... def handbone_writers():
    ...     return [WriterSpec(name="dicom_seg", summary="DICOM SEG, one per image", build=build_writer)]
    """


@hookspec
def handbone_weights() -> list[WeightsSpec]:
    """Sets of trained weights that the plugin's package carries; `handbone weights list` shows them.

    >>> @hookimpl
    ... def handbone_weights():
    ...     folder = Path(__file__).parent / "children"
    ...     return [WeightsSpec(name="children", summary="Weights for children", build=lambda settings: folder)]
    """


@hookspec
def handbone_metrics() -> list[MetricSpec]:
    """Further columns of `metrics.csv` that recipes can name under `evaluate.metrics`.

    >>> @hookimpl
    ... def handbone_metrics():
    ...     return [MetricSpec(name="iou", summary="Intersection over union", build=build_iou)]
    """


@hookspec
def handbone_commands() -> list[CommandSpec]:
    """Commands beside `handbone run` and the others.

    >>> @hookimpl
    ... def handbone_commands():
    ...     return [CommandSpec(name="bone-age", summary="Estimate the bone age", build=build_command)]
    """


@hookspec
def handbone_run_started(recipe: "Recipe", folder: Path) -> None:
    """A run of `recipe` begins, or goes on, in its `folder`.

    >>> @hookimpl
    ... def handbone_run_started(recipe, folder):
    ...     tracker.begin(recipe.name)
    """


@hookspec
def handbone_run_ended(recipe: "Recipe", folder: Path, error: BaseException | None) -> None:
    """A run of `recipe` in its `folder` is finished, or was stopped by `error`; None: by nothing.

    >>> @hookimpl
    ... def handbone_run_ended(folder, error):
    ...     tracker.end(failed=error is not None)
    """


@hookspec
def handbone_step_started(step: str, folder: Path) -> None:
    """A `step` ("coarse", "refiner", ...) of the run in `folder` begins; not called for steps that are reused.

    >>> @hookimpl
    ... def handbone_step_started(step):
    ...     tracker.mark(step)
    """


@hookspec
def handbone_step_finished(step: str, folder: Path, seconds: float) -> None:
    """A `step` of the run in `folder` is done; `seconds` is what it took in all its sessions.

    >>> @hookimpl
    ... def handbone_step_finished(step, seconds):
    ...     tracker.log(f"{step}/seconds", seconds)
    """


@hookspec
def handbone_epoch_ended(stage: str, epoch: int, metrics: Mapping[str, float]) -> None:
    """A network (`stage` is "coarse", "refiner" or "prompter") has been trained and validated in an `epoch`, from 0.

    `metrics` is its new row of `history.csv`, such as loss, validation Dice and learning rate.

    >>> @hookimpl
    ... def handbone_epoch_ended(stage, epoch, metrics):
    ...     tracker.log({f"{stage}/{name}": value for name, value in metrics.items()}, step=epoch)
    """


@hookspec
def handbone_prediction_made(image_name: str, masks: "BoneMasks", confidence: Mapping[str, float]) -> None:
    """The image `image_name` has been outlined with `masks`, by a run or by `handbone predict`.

    `confidence` maps the names of the bones that were found to the probability that their mask is right, in [0, 1].

    >>> @hookimpl
    ... def handbone_prediction_made(image_name, masks):
    ...     areas[image_name] = masks.areas()
    """
