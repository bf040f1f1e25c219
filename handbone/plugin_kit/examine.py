"""The part of `handbone plugins check` that runs the plugin's code, in a process of its own.

python -m handbone.plugin_kit.examine PACKAGE RESULT.json
"""

import json
import sys
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

from handbone.core.errors import HandboneError
from handbone.plugin_kit.contracts.contract import ContractError, heavy_imports
from handbone.plugin_kit.contracts.running import CONTRACTS, run_contract
from handbone.plugin_kit.findings import Check
from handbone.plugins import PluginManager, discovery
from handbone.plugins.checks import HOOK_OF_KIND, Contents, UnfitError
from handbone.plugins.loading import load
from handbone.plugins.specs import Spec

_NO_ENTRY = "it has no entry point in the group 'handbone'; add [project.entry-points.handbone] to pyproject.toml"


def examine_package(name: str) -> Iterator[Check]:
    """Everything about an installed package that can be judged from outside, one after the other."""
    try:
        package = discovery.find(name, discovery.installed())
    except HandboneError:
        yield Check("entry point", "failed", (_NO_ENTRY,))
        return
    yield Check("entry point", "passed", tuple(f"{entry.name} = {entry.value}" for entry in package.entries))
    try:
        contents = load(package)
    except UnfitError as error:
        yield Check("import and hooks", "failed", (str(error), *error.details.splitlines()[-1:]))
        return
    yield Check("import and hooks", "passed")
    for entry in package.entries:
        yield _quick(entry.module)
    yield from _hooks(contents)
    plugins = [entry.load() for entry in package.entries]
    for spec in contents.specs:
        yield _contract(spec, next(each for each in plugins if _registers(each, spec)))


def _quick(module: str) -> Check:
    try:
        heavy = heavy_imports(module)
    except ContractError as error:
        return Check("no torch at import", "failed", (str(error),))
    if heavy:
        advice = f"{module} imports {', '.join(heavy)}; import them inside the functions that build"
        return Check("no torch at import", "failed", (advice,))
    return Check("no torch at import", "passed")


def _hooks(contents: Contents) -> Iterator[Check]:
    builtin = PluginManager(entry_points=False)
    for kind, (hook, _) in HOOK_OF_KIND.items():
        names = [spec.name for spec in contents.specs if spec.kind == kind]
        if names:
            taken = {each.spec.name for each in builtin.provided(kind)} & set(names)
            shared = [f"{name!r} is handbone's, too: recipes have to say from which" for name in sorted(taken)]
            yield Check(hook, "passed", (", ".join(names), *shared))
    if contents.events:
        yield Check("events", "passed", (", ".join(event.hook for event in contents.events),))
    if not contents.specs and not contents.events:
        yield Check("hooks", "failed", ("the plugin registers nothing: mark its functions with @hookimpl",))


def _registers(plugin: object, spec: Spec) -> bool:
    from handbone.plugins.checks import examine

    return any((each.kind, each.name) == (spec.kind, spec.name) for each in examine([plugin]).specs)


def _contract(spec: Spec, plugin: object) -> Check:
    what = f"{spec.kind} {spec.name}"
    case = type(what, (CONTRACTS[spec.kind],), {"plugin": plugin, "name": spec.name})
    found = run_contract(case)
    failed = [f"{each.test}: {each.reason}" for each in found if each.state == "failed"]
    if failed:
        return Check(what, "failed", tuple(failed))
    passed = sum(each.state == "passed" for each in found)
    reasons = {each.reason for each in found if each.state == "left out"}
    if reasons:
        return Check(what, "left out", (f"{passed} of {len(found)} tests of its contract passed", *sorted(reasons)))
    return Check(what, "passed", (f"{passed} tests of its contract",))


def main(name: str, result: str) -> None:
    """Write the checks so far after each one, so that a plugin that kills the process is known by what came before."""
    done: list[dict] = []
    for check in examine_package(name):
        done.append(asdict(check))
        Path(result).write_text(json.dumps(done), encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
