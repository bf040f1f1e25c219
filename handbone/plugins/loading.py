"""Loads what an installed package registers, or finds the reason why it cannot be loaded."""

import importlib
import re
from dataclasses import dataclass
from typing import Any

from handbone.plugins.checks import Contents, UnfitError, check_api, error_text, examine, guarded
from handbone.plugins.disabled import plain
from handbone.plugins.discovery import Package


@dataclass(frozen=True)
class PluginProblem:
    """A plugin that was not loaded, and why.

    Parameters
    ----------
    details: the last lines of the traceback, where there is one.
    """

    package: str
    version: str
    reason: str
    details: str = ""

    def __str__(self) -> str:
        return f"{self.package} {self.version}".strip() + f" is not loaded: {self.reason}"


def load(package: Package) -> Contents:
    """Import a package's plugin modules and gather what they register.

    Raises
    ------
    UnfitError: for the first thing that is wrong; nothing of the package is to be used then.
    """
    if package.problem:
        raise UnfitError(package.problem)
    return examine([_import(package, entry) for entry in package.entries])


def _import(package: Package, entry: Any) -> Any:
    try:
        with guarded("cannot be imported"):
            # First the module alone: a plugin for newer hooks may lack what its entry point names.
            module = importlib.import_module(entry.module)
        check_api(module)
        with guarded(f"its entry point {entry.value!r} cannot be loaded"):
            return entry.load()
    except UnfitError as error:
        cause = error.__cause__
        if isinstance(cause, ModuleNotFoundError) and cause.name:
            raise UnfitError(_missing(package, entry.module, cause.name), error.details) from cause
        if isinstance(cause, ImportError) and (cause.name or "").partition(".")[0] == "handbone":
            reason = f"was written for another version of handbone ({error_text(cause)}); pip install --upgrade"
            raise UnfitError(f"{reason} {package.name}", error.details) from cause
        if isinstance(cause, SystemExit):
            raise UnfitError(f"exits while it is imported ({error_text(cause)})", error.details) from cause
        raise


def _missing(package: Package, module: str, name: str) -> str:
    """What to say of a module that is not there: the plugin's own, handbone's, or one that it needs."""
    top = name.partition(".")[0]
    if top == module.partition(".")[0]:
        return f"its module {name!r} is missing; pip install --force-reinstall {package.name}"
    if top == "handbone":
        return f"needs {name!r}, which this version of handbone does not have; pip install --upgrade {package.name}"
    named = (re.match(r"[\w.-]+", requirement) for requirement in package.requirements)
    needed = next((match[0] for match in named if match and plain(match[0]) == plain(top)), top)
    return f"needs the module {name!r}, which is not installed; pip install {needed}"
