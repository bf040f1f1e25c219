"""What tests of lying plugins share: a module with one spec, and what its contract says of it."""

import types

from handbone.plugin_kit.contracts.running import run_contract
from handbone.plugins import PluginManager, hooks
from handbone.plugins.checks import HOOK_OF_KIND

# Plugins of one test are no modules that another process could import.
_LAZY = "test_naming_it_imports_nothing_heavy"


def plugin_of(spec) -> types.ModuleType:
    """A module with one hook that gives one spec."""
    module = types.ModuleType("liar")
    name = "handbone_losses" if spec.kind == "loss" else f"handbone_{spec.kind}s"

    def hook():
        return [spec]

    setattr(module, name, hooks.hookimpl(hook))
    return module


def complaints(contract, spec, **more) -> dict[str, str]:
    """The failed tests of a contract with their reasons."""
    case = type("Liar", (contract,), {"plugin": plugin_of(spec), "name": spec.name, _LAZY: lambda self: None, **more})
    return {found.test: found.reason for found in run_contract(case) if found.state != "passed"}


def manager_of(*packages) -> PluginManager:
    """A manager with plugins of packages that are not installed, each (package, version, specs)."""
    plugins = PluginManager(entry_points=False)
    for package, version, specs in packages:
        module = types.SimpleNamespace()
        for kind in {spec.kind for spec in specs}:
            own = [spec for spec in specs if spec.kind == kind]
            setattr(module, HOOK_OF_KIND[kind][0], hooks.hookimpl(lambda own=own: own))
        plugins.register(module, package=package, version=version)
    assert not plugins.problems, plugins.problems
    return plugins
