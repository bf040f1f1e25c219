"""How the things that recipes name are found: built-ins and installed plugins, through the same hooks."""

import functools
import importlib
import importlib.metadata
from collections.abc import Iterator
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import pluggy
from pydantic import ValidationError

from handbone.errors import HandboneError, UnknownNameError, suggest
from handbone.plugins import hooks, specs
from handbone.plugins.specs import Spec
from handbone.recipe.schema import Choice, Table

BUILTIN = "handbone"
# Named, not imported: the rooms of the built-ins lie below this one.
_BUILTIN_MODULES = (
    "handbone.models.hooks",
    "handbone.losses.hooks",
    "handbone.training.hooks",
    "handbone.ensemble.hooks",
    "handbone.prompters.hooks",
)
_HOOK_OF_KIND: dict[str, tuple[str, type[Spec]]] = {
    "model": ("handbone_models", specs.ModelSpec),
    "loss": ("handbone_losses", specs.LossSpec),
    "optimiser": ("handbone_optimisers", specs.OptimiserSpec),
    "scheduler": ("handbone_schedulers", specs.SchedulerSpec),
    "ensembler": ("handbone_ensemblers", specs.EnsemblerSpec),
    "prompter": ("handbone_prompters", specs.PrompterSpec),
    "reader": ("handbone_readers", specs.ReaderSpec),
    "writer": ("handbone_writers", specs.WriterSpec),
    "weights": ("handbone_weights", specs.WeightsSpec),
    "metric": ("handbone_metrics", specs.MetricSpec),
    "command": ("handbone_commands", specs.CommandSpec),
}


@dataclass(frozen=True)
class Provided:
    """A spec and the installed package that it comes from."""

    spec: Spec
    package: str
    version: str


@dataclass(frozen=True)
class Problem:
    """A plugin that was left out, and why."""

    package: str
    version: str
    reason: str


class PluginManager:
    """The registered things by kind ("model", "loss", "ensembler", ...) and name.

    A plugin that cannot be loaded, or whose hook fails, is left out and listed in `problems`; everything else works.

    Parameters
    ----------
    entry_points: whether installed packages are searched for plugins, beside the built-ins.
    """

    def __init__(self, *, entry_points: bool = True):
        self.problems: list[Problem] = []
        self._packages: dict[str, tuple[str, str]] = {}
        self._pluggy = pluggy.PluginManager(hooks.GROUP)
        self._pluggy.add_hookspecs(hooks)
        for name in _BUILTIN_MODULES:
            self.register(importlib.import_module(name), package=BUILTIN, version=_version(BUILTIN))
        if entry_points:
            self._load_entry_points()

    def register(self, plugin: ModuleType | Any, *, package: str, version: str = "") -> None:
        """Add a plugin: a module or object with functions that carry the `hookimpl` marker."""
        name = self._pluggy.register(plugin)
        if name is not None:
            self._packages[name] = (package, version)
        self.__dict__.pop("_provided", None)

    def _load_entry_points(self) -> None:
        for entry in importlib.metadata.entry_points(group=hooks.GROUP):
            package = entry.dist.name if entry.dist else entry.name
            version = entry.dist.version if entry.dist else ""
            try:
                self.register(entry.load(), package=package, version=version)
            except Exception as error:  # a plugin may fail in any way, and must not take the rest down
                self.problems.append(Problem(package, version, f"cannot be loaded: {error}"))

    @functools.cached_property
    def _provided(self) -> dict[str, dict[str, list[Provided]]]:
        found: dict[str, dict[str, list[Provided]]] = {kind: {} for kind in _HOOK_OF_KIND}
        for kind, (hook, _) in _HOOK_OF_KIND.items():
            for provided in self._call(hook, kind):
                found[kind].setdefault(provided.spec.name, []).append(provided)
        return found

    def _call(self, hook: str, kind: str) -> Iterator[Provided]:
        # One by one instead of through pluggy's call, so that the plugin that fails is known and the others answer.
        for implementation in getattr(self._pluggy.hook, hook).get_hookimpls():
            package, version = self._packages[implementation.plugin_name]
            try:
                given = list(implementation.function())
            except Exception as error:  # as above
                self.problems.append(Problem(package, version, f"its {hook} failed: {error}"))
                continue
            for spec in given:
                if isinstance(spec, _HOOK_OF_KIND[kind][1]):
                    yield Provided(spec, package, version)
                else:
                    self.problems.append(
                        Problem(package, version, f"its {hook} gave {spec!r}, which is no {kind} spec")
                    )

    def provenance(self) -> dict[str, str]:
        """The packages that take part, the built-ins' among them, with their versions."""
        return dict(sorted(set(self._packages.values())))

    def provided(self, kind: str) -> list[Provided]:
        """Everything of a kind, in the order of names."""
        by_name = self._provided[kind]
        return [provided for name in sorted(by_name) for provided in by_name[name]]

    def get(self, kind: str, choice: Choice | str, *, where: str | None = None) -> tuple[Any, Any]:
        """The spec that a recipe names and the settings it wrote beside the name, checked.

        Parameters
        ----------
        kind: such as "model", "loss", "ensembler", "optimiser", "scheduler", "prompter".
        where: the recipe's file or key, for errors.

        Raises
        ------
        UnknownNameError: nothing of that kind has the name.
        HandboneError: two packages provide the name and the recipe does not say from which, or a setting is wrong.
        """
        choice = Choice(name=choice) if isinstance(choice, str) else choice
        by_name = self._provided[kind]
        if choice.name not in by_name:
            raise UnknownNameError(kind, choice.name, by_name, where=where)
        spec = _decide(kind, choice, by_name[choice.name], where).spec
        return spec, read_settings(spec, choice.settings, where=where)


def _decide(kind: str, choice: Choice, providers: list[Provided], where: str | None) -> Provided:
    packages = [provided.package for provided in providers]
    if choice.provider is not None:
        if choice.provider not in packages:
            raise UnknownNameError(f"provider of the {kind} {choice.name!r}", choice.provider, packages, where=where)
        return providers[packages.index(choice.provider)]
    if len(providers) > 1:
        raise HandboneError(
            f"the {kind} {choice.name!r} is provided by {' and '.join(packages)}",
            where=where,
            remedy=f'say which: {{ name = "{choice.name}", from = "{packages[0]}" }}',
        )
    return providers[0]


def read_settings(spec: Spec, values: dict[str, Any], *, where: str | None = None) -> Table:
    """A spec's settings from the keys that a recipe wrote; all mistakes at once.

    Raises
    ------
    HandboneError: an unknown key or a value that is not allowed.
    """
    try:
        return spec.settings.model_validate(values)
    except ValidationError as error:
        mistakes = "; ".join(_sentence(one, spec) for one in error.errors())
        raise HandboneError(f"{spec.kind} {spec.name!r}: {mistakes}", where=where) from None


def _sentence(error: dict, spec: Spec) -> str:
    key = ".".join(str(part) for part in error["loc"])
    if error["type"] == "extra_forbidden":
        return f"unknown setting {key!r} ({suggest(key, spec.settings.model_fields)})"
    return f"{key} = {error['input']!r}: {error['msg'][:1].lower()}{error['msg'][1:]}"


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return ""


@functools.cache
def registry() -> PluginManager:
    """The one manager of this process, with the built-ins and the installed plugins."""
    return PluginManager()
