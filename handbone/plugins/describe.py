"""Plugins as plain values for tables and `--json`: their state and what they provide."""

import types
from typing import Any

from handbone.plugins import provenance
from handbone.plugins.checks import HOOK_OF_KIND
from handbone.plugins.discovery import Package
from handbone.plugins.manager import BUILTIN, PluginManager
from handbone.plugins.provider import Provided

WORKS, BROKEN, DISABLED = "works", "broken", "disabled"


def overview(manager: PluginManager, package: Package) -> dict[str, Any]:
    """A plugin's package, version, state ("works", "broken", "disabled", ...) with its reason, and what it provides."""
    problem = next((one for one in manager.problems if one.package == package.name), None)
    state = package.left_out or (BROKEN if problem else WORKS)
    return {
        "package": package.name,
        "version": package.version,
        "state": state,
        "reason": problem.reason if problem else "",
        "provides": _names(manager.of_package(package.name)),
        "events": _events(manager, package.name),
    }


def builtins(manager: PluginManager) -> dict[str, Any]:
    """The same for the built-in components."""
    own = [one for kind in HOOK_OF_KIND for one in manager.provided(kind) if one.package == BUILTIN]
    version = own[0].version
    return {
        "package": BUILTIN,
        "version": version,
        "state": "built in",
        "reason": "",
        "provides": _names(own),
        "events": [],
    }


def details(manager: PluginManager, package: Package) -> dict[str, Any]:
    """Everything that is known of a plugin: the overview, where its code lies, and each thing with its settings."""
    problem = next((one for one in manager.problems if one.package == package.name), None)
    return {
        **overview(manager, package),
        "summary": package.summary,
        "location": provenance.location(package),
        "sha256": provenance.digest(package),
        "provides": [_thing(one) for one in manager.of_package(package.name)],
        "details": problem.details if problem else "",
    }


def _names(provided: list[Provided]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for one in provided:
        found.setdefault(one.spec.kind, []).append(one.spec.name)
    return found


def _events(manager: PluginManager, package: str) -> list[str]:
    return [event.hook.removeprefix("handbone_") for event, name, _ in manager.events if name == package]


def _thing(provided: Provided) -> dict[str, Any]:
    spec = provided.spec
    thing: dict[str, Any] = {"kind": spec.kind, "name": spec.name, "summary": spec.summary, "settings": []}
    if spec.settings is not None:
        thing["settings"] = [_setting(name, field) for name, field in spec.settings.model_fields.items()]
    if extensions := getattr(spec, "extensions", ()):
        thing["extensions"] = list(extensions)
    return thing


def _setting(name: str, field: Any) -> dict[str, Any]:
    from pydantic_core import to_jsonable_python  # late, as few plugins have settings

    default = None if field.is_required() else field.get_default(call_default_factory=True)
    return {
        "name": field.alias or name,
        "type": _type(field.annotation),
        "default": to_jsonable_python(default, fallback=str),
        "description": field.description or "",
    }


def _type(annotation: Any) -> str:
    if isinstance(annotation, type) and not isinstance(annotation, types.GenericAlias):
        return annotation.__name__
    return str(annotation).replace("typing.", "")
