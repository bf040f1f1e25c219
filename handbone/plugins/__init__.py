"""What can be plugged in, and how it is found. Imports no torch."""

from handbone.plugins.hooks import API_VERSION, hookimpl
from handbone.plugins.manager import PluginManager, registry
from handbone.plugins.prompting import Prompter, Prompts
from handbone.plugins.specs import (
    CommandSpec,
    EnsemblerSpec,
    LossSpec,
    MetricSpec,
    ModelSpec,
    NoSettings,
    OptimiserSpec,
    PrompterSpec,
    ReaderSpec,
    SchedulerSpec,
    WeightsSpec,
    WriterSpec,
)
from handbone.plugins.writing import PredictedPicture, Writer

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
    "PredictedPicture",
    "Prompter",
    "PrompterSpec",
    "Prompts",
    "ReaderSpec",
    "SchedulerSpec",
    "WeightsSpec",
    "Writer",
    "WriterSpec",
    "hookimpl",
    "registry",
]
