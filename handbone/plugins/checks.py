"""Validation of a plugin's hooks and specs, before anything of it is registered."""

import contextlib
import difflib
import functools
import inspect
import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import pluggy

from handbone.core.commands import COMMANDS
from handbone.core.errors import suggest
from handbone.plugins import hooks, specs
from handbone.plugins.hooks import API_VERSION
from handbone.plugins.specs import CommandSpec, ReaderSpec, Spec

#: The hook that registers each kind of thing, and what it returns a list of.
HOOK_OF_KIND: dict[str, tuple[str, type[Spec]]] = {
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
_SPEC_OF_HOOK = dict(HOOK_OF_KIND.values())
# Names that handbone answers to itself, before anything that is registered.
_RESERVED = {"command": COMMANDS, "ensembler": ("best",), "weights": ("coarse", "refiner")}
_NAME = re.compile(r"[a-z0-9][a-z0-9_.-]*")
_LONGEST = 300  # characters of another's error message that one line quotes


class UnfitError(Exception):
    """A faulty plugin; the text is the reason, `details` are the last lines of the traceback."""

    def __init__(self, reason: str, details: str = ""):
        super().__init__(reason)
        self.details = details


@dataclass(frozen=True)
class Implementation:
    """A function of a plugin with the decorator `hookimpl`."""

    hook: str
    function: Any
    arguments: tuple[str, ...]


@dataclass(frozen=True)
class Contents:
    """What a plugin provides: specs, and event functions with their arguments."""

    specs: tuple[Spec, ...] = ()
    events: tuple[Implementation, ...] = ()


@contextlib.contextmanager
def guarded(what: str) -> Iterator[None]:
    """Run a plugin's own code: whatever it raises, sys.exit included, becomes an `UnfitError`; what it prints goes to
    stderr, because stdout belongs to results.
    """
    try:
        with contextlib.redirect_stdout(sys.stderr):
            yield
    except (KeyboardInterrupt, UnfitError):
        raise
    except BaseException as error:  # a plugin may fail in any way, and must not stop handbone
        raise UnfitError(f"{what}: {error_text(error)}", last_lines(error)) from error


def error_text(error: BaseException) -> str:
    """An error in one line, with its type, because the text of many (KeyError) says little alone."""
    text = " ".join(str(error).split())
    text = text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def last_lines(error: BaseException, count: int = 6) -> str:
    """The end of an error's traceback, where the plugin's own lines are."""
    import traceback

    lines = "".join(traceback.format_exception(error)).splitlines()
    return "\n".join(lines[-count:])


def examine(plugins: Sequence[Any]) -> Contents:
    """The specs and events of a package's modules, all hooks that register called once.

    Raises
    ------
    UnfitError: for the first thing that is wrong.
    """
    found: list[Spec] = []
    events: list[Implementation] = []
    for plugin in plugins:
        check_api(plugin)
        with guarded("its hooks cannot be read"):
            implementations = list(_implementations(plugin))
        for implementation in implementations:
            if implementation.hook in _SPEC_OF_HOOK:
                found += _call(implementation)
            else:
                events.append(implementation)
    _check_doubles(found)
    return Contents(tuple(found), tuple(events))


def check_api(module: Any) -> None:
    """Reject a module that was written for another version of the hooks."""
    written_for = getattr(module, "HANDBONE_API", API_VERSION)
    if not isinstance(written_for, int):
        raise UnfitError(f"its HANDBONE_API is {written_for!r}, which must be a whole number")
    if written_for > API_VERSION:
        newer = (
            f"was written for version {written_for} of the plugin hooks, but this handbone has version {API_VERSION}"
        )
        raise UnfitError(f"{newer}; pip install --upgrade handbone")
    if written_for < API_VERSION:
        older = (
            f"was written for version {written_for} of the plugin hooks, but this handbone has version {API_VERSION}"
        )
        raise UnfitError(f"{older}; upgrade the plugin")


def _implementations(plugin: Any) -> Iterator[Implementation]:
    # Without the specifications pluggy checks nothing: what is wrong is said here, with what to do about it.
    manager = pluggy.PluginManager(hooks.GROUP)
    manager.register(plugin)
    for name in dir(plugin):
        if name in _arguments_of_hooks() and _forgot_the_marker(manager, plugin, name):
            raise UnfitError(f"its {name} lacks the decorator @hookimpl")
    for caller in manager.get_hookcallers(plugin) or ():
        if caller.name not in _arguments_of_hooks():
            raise UnfitError(f"its {caller.name} is not a hook; {_nearest(caller.name)}")
        for found in caller.get_hookimpls():
            if found.wrapper or found.hookwrapper:
                raise UnfitError(f"its {caller.name} is a wrapper around other plugins, which handbone does not allow")
            yield Implementation(caller.name, found.function, _arguments(caller.name, found.function))


@functools.cache
def _arguments_of_hooks() -> dict[str, tuple[str, ...]]:
    """Every hook that there is with its arguments."""
    manager = pluggy.PluginManager(hooks.GROUP)
    names = [name for name in dir(hooks) if manager.parse_hookspec_opts(hooks, name) is not None]
    return {name: tuple(inspect.signature(getattr(hooks, name)).parameters) for name in names}


def _forgot_the_marker(manager: pluggy.PluginManager, plugin: Any, name: str) -> bool:
    marked = manager.parse_hookimpl_opts(plugin, name) or manager.parse_hookspec_opts(plugin, name)
    return marked is None and callable(getattr(plugin, name, None))


def _nearest(name: str) -> str:
    known = _arguments_of_hooks()
    # A wrong plural or a missing prefix is far from the right name by the usual measure.
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.4)
    return f"did you mean {near[0]!r}?" if near else suggest(name, known)


def _arguments(hook: str, function: Any) -> tuple[str, ...]:
    """The hook's arguments that the function names; an error where it needs others."""
    known = _arguments_of_hooks()[hook]
    parameters = inspect.signature(function).parameters.values()
    # A function with **others takes what comes, but by pluggy's custom it is given only what it names.
    own = [p for p in parameters if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)]
    unknown = [p.name for p in own if p.default is p.empty and p.name not in known]
    if unknown and hook in _SPEC_OF_HOOK:
        raise UnfitError(f"its {hook} needs the argument {unknown[0]!r}, but this hook is called without arguments")
    if unknown:
        remedy = suggest(unknown[0], known)
        raise UnfitError(f"its {hook} needs the argument {unknown[0]!r}, which this event does not provide; {remedy}")
    return tuple(p.name for p in own if p.name in known)


def _call(implementation: Implementation) -> list[Spec]:
    hook, wanted = implementation.hook, _SPEC_OF_HOOK[implementation.hook]
    with guarded(f"its {hook} failed"):
        given = implementation.function()
    if not isinstance(given, list | tuple):
        raise UnfitError(f"its {hook} returned {_shown(given)} instead of a list of {wanted.__name__}")
    for spec in given:
        if not isinstance(spec, wanted):
            raise UnfitError(f"its {hook} returned {_shown(spec)}, which is not a {wanted.__name__}")
        _check_spec(spec)
    return list(given)


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"a {type(value).__name__}"


def _check_spec(spec: Spec) -> None:
    what = f"its {spec.kind} {spec.name!r}"
    if not isinstance(spec.name, str) or not _NAME.fullmatch(spec.name):
        raise UnfitError(f"{what} has an invalid name; use lower-case letters, digits, '_', '-' and '.'")
    if not isinstance(spec.summary, str):
        raise UnfitError(f"{what} has the summary {_shown(spec.summary)}, which is not text")
    if not callable(spec.build):
        raise UnfitError(f"{what} has the build {_shown(spec.build)}, which is not a function")
    if spec.name in _RESERVED.get(spec.kind, ()):
        raise UnfitError(f"{what} has a name that is reserved by handbone")
    if not isinstance(spec, CommandSpec):
        _check_settings(what, spec.settings)


def _check_settings(what: str, settings: Any) -> None:
    # Late, as pydantic is not needed by plugins that register commands alone.
    from handbone.recipe.table import Table

    if not isinstance(settings, type) or not issubclass(settings, Table):
        raise UnfitError(
            f"{what} has the settings {_shown(settings)}, which are not a subclass of handbone.plugins.Table"
        )
    for name, field in settings.model_fields.items():
        if field.is_required():
            raise UnfitError(f"{what} has the setting {name!r} without a default")


def _check_doubles(found: Sequence[Spec]) -> None:
    seen: set[tuple[str, str]] = set()
    for spec in found:
        names = [(spec.kind, f"its {spec.kind} {spec.name!r}")]
        if isinstance(spec, ReaderSpec):
            names += [("extension", f"a reader of {extension!r}") for extension in spec.extensions]
        for name in names:
            if name in seen:
                raise UnfitError(f"{name[1]} is registered twice")
            seen.add(name)
