"""The built-in optimisers and learning-rate schedules by name; nothing here imports torch."""

from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field

from handbone.plugins import OptimiserSpec, SchedulerSpec, hookimpl
from handbone.recipe.schema import Share, Table

if TYPE_CHECKING:
    from torch.optim import Optimizer
    from torch.optim.lr_scheduler import LRScheduler


Decay = Annotated[float, Field(ge=0, lt=1)]


class AdamSettings(Table):
    """Settings of Adam and AdamW."""

    betas: tuple[Decay, Decay] = (0.9, 0.999)
    eps: float = Field(default=1e-8, gt=0)


class MultiStepSettings(Table):
    """The rate falls at fixed points."""

    milestones: tuple[Share, ...] = Field(default=(0.6, 0.85), description="shares of all epochs")
    gamma: float = Field(default=0.1, gt=0, lt=1)


class CosineSettings(Table):
    """The rate falls along half a cosine over the whole training."""

    floor: Share = Field(default=0.01, description="last rate, as a share of lr")


class WarmRestartSettings(Table):
    """Cosines that start anew (SGDR, Loshchilov and Hutter 2017)."""

    period: int = Field(default=10, ge=1, description="epochs of the first cosine")
    growth: int = Field(default=1, ge=1, description="times longer every next one")
    floor: Share = Field(default=0.01, description="lowest rate, as a share of lr")


class PlateauSettings(Table):
    """The rate falls when the validation Dice has not risen for a while."""

    factor: float = Field(default=0.5, gt=0, lt=1)
    patience: int = Field(default=5, ge=1, description="validations without gain")


def _adam(settings: AdamSettings, groups: list[dict[str, Any]]) -> "Optimizer":
    from torch.optim import Adam

    return Adam(groups, betas=settings.betas, eps=settings.eps)


def _adamw(settings: AdamSettings, groups: list[dict[str, Any]]) -> "Optimizer":
    from torch.optim import AdamW

    return AdamW(groups, betas=settings.betas, eps=settings.eps)


def _multistep(
    settings: MultiStepSettings, optimiser: "Optimizer", *, epochs: int, steps_per_epoch: int
) -> "LRScheduler":
    from torch.optim.lr_scheduler import MultiStepLR

    return MultiStepLR(optimiser, [round(share * epochs) for share in settings.milestones], gamma=settings.gamma)


def _cosine(settings: CosineSettings, optimiser: "Optimizer", *, epochs: int, steps_per_epoch: int) -> "LRScheduler":
    return _cosines(optimiser, settings.floor, period=epochs * steps_per_epoch, growth=1)


def _warm_restarts(
    settings: WarmRestartSettings, optimiser: "Optimizer", *, epochs: int, steps_per_epoch: int
) -> "LRScheduler":
    return _cosines(optimiser, settings.floor, period=settings.period * steps_per_epoch, growth=settings.growth)


def _cosines(optimiser: "Optimizer", floor: float, *, period: int, growth: int) -> "LRScheduler":
    import math

    from torch.optim.lr_scheduler import LambdaLR

    def factor(step: int) -> float:
        length = period
        while step >= length:
            step, length = step - length, length * growth
        return floor + (1 - floor) * (1 + math.cos(math.pi * step / length)) / 2

    # A share of each group's own rate; torch's cosines share one absolute floor.
    return LambdaLR(optimiser, factor)


def _plateau(settings: PlateauSettings, optimiser: "Optimizer", *, epochs: int, steps_per_epoch: int) -> "LRScheduler":
    from torch.optim.lr_scheduler import ReduceLROnPlateau

    return ReduceLROnPlateau(optimiser, mode="max", factor=settings.factor, patience=settings.patience)


@hookimpl
def handbone_optimisers() -> list[OptimiserSpec]:
    """adam, adamw."""
    return [
        OptimiserSpec(name="adam", summary="Adam; weight decay joins the gradient", build=_adam, settings=AdamSettings),
        OptimiserSpec(name="adamw", summary="Adam with decoupled weight decay", build=_adamw, settings=AdamSettings),
    ]


@hookimpl
def handbone_schedulers() -> list[SchedulerSpec]:
    """multistep, cosine, warm_restarts, plateau."""
    return [
        SchedulerSpec(
            name="multistep",
            summary="Falls at fixed shares of the training",
            build=_multistep,
            settings=MultiStepSettings,
        ),
        SchedulerSpec(
            name="cosine",
            summary="One cosine over the whole training",
            build=_cosine,
            settings=CosineSettings,
            interval="step",
        ),
        SchedulerSpec(
            name="warm_restarts",
            summary="Cosines that start anew",
            build=_warm_restarts,
            settings=WarmRestartSettings,
            interval="step",
        ),
        SchedulerSpec(
            name="plateau",
            summary="Falls when validation stops rising",
            build=_plateau,
            settings=PlateauSettings,
            interval="validation",
        ),
    ]
