"""What can be plugged in, and how it is found. Imports no torch."""

from handbone.plugins.hooks import hookimpl
from handbone.plugins.manager import PluginManager, registry
from handbone.plugins.specs import EnsemblerSpec, LossSpec, ModelSpec, NoSettings, OptimiserSpec, SchedulerSpec

__all__ = [
    "EnsemblerSpec",
    "LossSpec",
    "ModelSpec",
    "NoSettings",
    "OptimiserSpec",
    "PluginManager",
    "SchedulerSpec",
    "hookimpl",
    "registry",
]
