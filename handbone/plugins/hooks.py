"""The hooks that a plugin may implement, and the marker with which it does.

>>> from handbone.plugins import ModelSpec, hookimpl
>>> @hookimpl
... def handbone_models():
...     return [ModelSpec(name="mine", summary="A network of mine.", build=build_mine)]
"""

import pluggy

from handbone.plugins.specs import EnsemblerSpec, LossSpec, ModelSpec, OptimiserSpec, PrompterSpec, SchedulerSpec

GROUP = "handbone"

hookspec = pluggy.HookspecMarker(GROUP)
hookimpl = pluggy.HookimplMarker(GROUP)


@hookspec
def handbone_models() -> list[ModelSpec]:
    """Networks that recipes can name under `model`."""


@hookspec
def handbone_losses() -> list[LossSpec]:
    """Losses that recipes can name under `train.loss`."""


@hookspec
def handbone_optimisers() -> list[OptimiserSpec]:
    """Optimisers that recipes can name under `train.optimiser`."""


@hookspec
def handbone_schedulers() -> list[SchedulerSpec]:
    """Learning-rate schedules that recipes can name under `train.scheduler`."""


@hookspec
def handbone_ensemblers() -> list[EnsemblerSpec]:
    """Ways of joining predictions that recipes and `handbone ensemble --method` can name."""


@hookspec
def handbone_prompters() -> list[PrompterSpec]:
    """Prompted networks that recipes can name under `prompt.prompter`."""
