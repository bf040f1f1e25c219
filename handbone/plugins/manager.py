"""Finds the components that recipes name, built-in or from plugins, through the same hooks."""

import functools
import importlib
import os
from typing import TYPE_CHECKING, Any

import handbone
from handbone.core.errors import HandboneError, UnknownNameError, suggest
from handbone.plugins import discovery
from handbone.plugins.checks import HOOK_OF_KIND, Implementation, UnfitError, examine
from handbone.plugins.disabled import plain
from handbone.plugins.discovery import Package
from handbone.plugins.loading import PluginProblem, load
from handbone.plugins.provider import Provided, only
from handbone.plugins.validated import validated

if TYPE_CHECKING:
    from handbone.recipe.schema import Choice

BUILTIN = "handbone"
STRICT = "HANDBONE_STRICT_PLUGINS"
#: What decides between two packages in a recipe.
IN_RECIPE = '{{ name = "{name}", from = "{package}" }}'
#: What to do about two plugins with commands of one name, for which no recipe can decide.
ONE_OF_TWO = "disable one of them: handbone plugins disable PACKAGE"
# Named, not imported: the rooms of the built-ins lie below this one.
_BUILTIN_MODULES = (
    "handbone.formats.hooks",
    "handbone.networks.architectures.hooks",
    "handbone.networks.losses.hooks",
    "handbone.networks.optimisers",
    "handbone.method.ensembling.hooks",
    "handbone.networks.prompters.hooks",
    "handbone.evaluation.hooks",
)


class PluginManager:
    """The registered components by kind ("model", "loss", "ensembler", ...) and name.

    A faulty plugin is not loaded at all and listed in `problems`; everything else works.

    Parameters
    ----------
    entry_points: whether installed packages are searched for plugins, beside the built-ins.

    Attributes
    ----------
    problems: the plugins that were not loaded because of a fault.
    packages: every installed plugin, disabled and broken ones among them; empty without `entry_points`.
    events: functions that plugins registered for events, with their package and version.
    notified: failures of events that were reported already, as (event, package).
    """

    def __init__(self, *, entry_points: bool = True):
        self.problems: list[PluginProblem] = []
        self.events: list[tuple[Implementation, str, str]] = []
        self.notified: set[tuple[str, str]] = set()
        self.packages: tuple[Package, ...] = discovery.installed() if entry_points else ()
        self._loaded: dict[str, str] = {}
        self._plugins: list[Provided] = []
        for package in self.packages:
            if not package.left_out:
                self._add(package.name, package.version, functools.partial(load, package))

    def register(self, plugin: Any, *, package: str, version: str = "") -> None:
        """Add a plugin: a module or object with functions that carry the `hookimpl` marker.

        A faulty one only adds an entry to `problems`.
        """
        self._add(package, version, lambda: examine([plugin]))

    def _add(self, package: str, version: str, gather: Any) -> None:
        try:
            contents = gather()
        except UnfitError as error:
            self.problems.append(PluginProblem(package, version, str(error), error.details))
            return
        self._loaded[package] = version
        self._plugins += [Provided(validated(spec, package, version), package, version) for spec in contents.specs]
        self.events += [(event, package, version) for event in contents.events]
        self.__dict__.pop("_by_name", None)

    @functools.cached_property
    def _builtins(self) -> list[Provided]:
        contents = examine([importlib.import_module(name) for name in _BUILTIN_MODULES])
        return [Provided(spec, BUILTIN, handbone.__version__) for spec in contents.specs]

    @functools.cached_property
    def _by_name(self) -> dict[str, dict[str, list[Provided]]]:
        found: dict[str, dict[str, list[Provided]]] = {kind: {} for kind in HOOK_OF_KIND}
        for provided in (*self._builtins, *self._plugins):
            found[provided.spec.kind].setdefault(provided.spec.name, []).append(provided)
        return found

    @property
    def loaded(self) -> dict[str, str]:
        """The loaded plugins with their versions, without the built-ins."""
        return dict(self._loaded)

    def of_package(self, package: str) -> list[Provided]:
        """Everything that a plugin registers, by kind and name."""
        order = list(HOOK_OF_KIND)
        found = [one for one in self._plugins if plain(one.package) == plain(package)]
        return sorted(found, key=lambda one: (order.index(one.spec.kind), one.spec.name))

    def from_plugins(self, kind: str) -> dict[str, list[Provided]]:
        """What plugins provide of a kind, by name; the built-ins are not even imported."""
        found: dict[str, list[Provided]] = {}
        for provided in self._plugins:
            if provided.spec.kind == kind:
                found.setdefault(provided.spec.name, []).append(provided)
        return found

    def provided(self, kind: str) -> list[Provided]:
        """Everything of a kind, in the order of names."""
        by_name = self._by_name[kind]
        return [provided for name in sorted(by_name) for provided in by_name[name]]

    def provider(
        self, kind: str, choice: "Choice | str", *, where: str | None = None, decide: str = IN_RECIPE
    ) -> Provided:
        """What `get` would give, with the package that it comes from; settings are not looked at.

        Raises
        ------
        UnknownNameError, HandboneError: as `get`.
        """
        name, package = (choice, None) if isinstance(choice, str) else (choice.name, choice.provider)
        providers = self._by_name[kind].get(name, [])
        if package is not None:
            return self._from(kind, name, package, providers, where)
        if not providers:
            broken = {problem.package for problem in self.problems}
            absent = [*broken, *(one.name for one in self.packages if one.left_out)]
            raise UnknownNameError(kind, name, self._by_name[kind], where=where, absent=sorted(absent))
        remedy = f"choose one with {decide.format(name=name, package=providers[0].package)}"
        return only(providers, where=where, remedy=remedy)

    def get(
        self, kind: str, choice: "Choice | str", *, where: str | None = None, decide: str = IN_RECIPE
    ) -> tuple[Any, Any]:
        """The spec that a recipe names and the settings it wrote beside the name, checked.

        Parameters
        ----------
        kind: such as "model", "loss", "ensembler", "optimiser", "scheduler", "prompter".
        where: the recipe's file or key, for errors.
        decide: what a user writes to say which of two packages is meant, with {name} and {package}.

        Raises
        ------
        UnknownNameError: nothing of that kind has the name.
        HandboneError: two packages provide the name and the recipe does not say from which, the package that it says
            is not installed, or a setting is wrong.
        """
        from handbone.plugins.settings import read_settings

        spec = self.provider(kind, choice, where=where, decide=decide).spec
        return spec, read_settings(spec, {} if isinstance(choice, str) else choice.settings, where=where)

    def _from(self, kind: str, name: str, package: str, providers: list[Provided], where: str | None) -> Provided:
        for provided in providers:
            if plain(provided.package) == plain(package):
                return provided
        if reason := self.why_absent(package):
            what, remedy = reason
            raise HandboneError(
                f"the {kind} {name!r} is requested from {package}, but {what}", where=where, remedy=remedy
            )
        packages = [provided.package for provided in providers]
        raise UnknownNameError(f"provider of the {kind} {name!r}", package, packages, where=where)

    def why_absent(self, package: str) -> tuple[str, str] | None:
        """Why nothing of a package is there and what to do about it; None where it takes part."""
        if plain(package) in {plain(name) for name in (BUILTIN, *self._loaded)}:
            return None
        for problem in self.problems:
            if plain(problem.package) == plain(package):
                return f"{problem.package} is broken: {problem.reason}", f"see handbone plugins info {problem.package}"
        for one in self.packages:
            if plain(one.name) == plain(package):
                if one.left_out == "disabled":
                    return "it is disabled", f"handbone plugins enable {one.name}"
                return f"it is not loaded ({one.left_out})", f"enable it with {discovery.ONLY}={one.name}"
        near = suggest(package, self._loaded)
        what_else = f"; {near}" if near.startswith("did") else ""
        return "no such plugin is installed", f"handbone plugins install {package}, or pip install {package}{what_else}"

    def demand_whole(self) -> None:
        """Raise an error for faulty plugins if HANDBONE_STRICT_PLUGINS is set.

        Raises
        ------
        HandboneError: a plugin is faulty, and HANDBONE_STRICT_PLUGINS is set.
        """
        if self.problems and is_strict():
            remedy = f"fix or disable it, or unset {STRICT}"
            raise HandboneError("\n  ".join(f"plugin {problem}" for problem in self.problems), remedy=remedy)


def is_strict() -> bool:
    """Whether any problem with a plugin is an error."""
    return os.environ.get(STRICT, "") not in ("", "0")


@functools.cache
def installed_plugins() -> PluginManager:
    """The plugin manager of this process; does not report problems."""
    return PluginManager()


@functools.cache
def registry() -> PluginManager:
    """The one manager of this process, with the built-ins and the installed plugins, for work that uses them.

    The first call reports faulty plugins on stderr, in one line each.

    Raises
    ------
    HandboneError: a plugin is faulty, and HANDBONE_STRICT_PLUGINS is set.
    """
    from handbone.core.progress import console

    manager = installed_plugins()
    manager.demand_whole()
    for problem in manager.problems:
        console.print(f"plugin {problem}", style="yellow", markup=False, highlight=False, soft_wrap=True)
    return manager
