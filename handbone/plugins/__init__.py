"""The plugin interface. Imports no torch, and pydantic only for plugins with settings."""

from typing import TYPE_CHECKING, Any

from handbone.plugins.hooks import API_VERSION, hookimpl
from handbone.plugins.manager import PluginManager, installed_plugins, registry
from handbone.plugins.prompting import Prompter, Prompts
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
from handbone.plugins.writing import PredictedImage, SplitWriter, Writer

if TYPE_CHECKING:
    from handbone.recipe.table import NoSettings, Table

__all__ = [
    "API_VERSION",
    "CommandSpec",
    "EnsemblerSpec",
    "LossSpec",
    "MetricSpec",
    "ModelSpec",
    "NoSettings",
    "OptimiserSpec",
    "PluginManager",
    "PredictedImage",
    "Prompter",
    "PrompterSpec",
    "Prompts",
    "ReaderSpec",
    "SchedulerSpec",
    "SplitWriter",
    "Table",
    "WeightsSpec",
    "Writer",
    "WriterSpec",
    "hookimpl",
    "installed_plugins",
    "registry",
]


def __getattr__(name: str) -> Any:
    # Half of what the help of the command line would wait for is pydantic, which commands alone do not need.
    if name in ("NoSettings", "Table"):
        from handbone.recipe import table

        return getattr(table, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
