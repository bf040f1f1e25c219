"""What can be plugged in, and how it is found. Imports no torch."""

from handbone.plugins.hooks import hookimpl
from handbone.plugins.manager import PluginManager, registry
from handbone.plugins.prompting import Prompter, Prompts
from handbone.plugins.specs import (
    EnsemblerSpec,
    LossSpec,
    ModelSpec,
    NoSettings,
    OptimiserSpec,
    PrompterSpec,
    SchedulerSpec,
)

__all__ = [
    "EnsemblerSpec",
    "LossSpec",
    "ModelSpec",
    "NoSettings",
    "OptimiserSpec",
    "PluginManager",
    "Prompter",
    "PrompterSpec",
    "Prompts",
    "SchedulerSpec",
    "hookimpl",
    "registry",
]
