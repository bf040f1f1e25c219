"""Provenance of plugins, so that results can be traced to their exact code."""

import hashlib
import importlib.util
from collections.abc import Iterator
from pathlib import Path

from handbone.plugins.discovery import Package
from handbone.plugins.manager import PluginManager


def digest(package: Package) -> str:
    """One sha256 over the .py files of a plugin's modules, with their names, in that order; imports nothing."""
    total = hashlib.sha256()
    for name, path in sorted(_sources(package)):
        total.update(f"{name}\0{path.stat().st_size}\0".encode())
        total.update(path.read_bytes())
    return total.hexdigest()


def location(package: Package) -> str:
    """The folder or file of a plugin's code; empty where it cannot be found."""
    return next((str(root) for root in _roots(package)), "")


def provenance(manager: PluginManager) -> dict[str, dict[str, str | None]]:
    """The plugins that take part: name to version and digest; no digest of one that no installed package brought."""
    return {name: code_of(manager, name) for name in sorted(manager.loaded)}


def code_of(manager: PluginManager, name: str) -> dict[str, str | None]:
    """The version and the digest of one plugin that takes part; no digest where no installed package brought it."""
    package = next((package for package in manager.packages if package.name == name), None)
    return {"version": manager.loaded[name], "sha256": None if package is None else digest(package)}


def _sources(package: Package) -> Iterator[tuple[str, Path]]:
    for root in set(_roots(package)):
        for path in [root] if root.is_file() else root.rglob("*.py"):
            yield path.relative_to(root.parent).as_posix(), path


def _roots(package: Package) -> Iterator[Path]:
    """The outermost package, or the module, that each entry point lies in."""
    for entry in package.entries:
        parts = entry.module.split(".")
        for end in range(1, len(parts) + 1):
            try:
                spec = importlib.util.find_spec(".".join(parts[:end]))
            except (ImportError, ValueError):
                break
            if spec is None:
                break
            # A namespace package has no code of its own, and others share it.
            if spec.origin and Path(spec.origin).is_file():
                origin = Path(spec.origin)
                yield origin.parent if origin.name == "__init__.py" else origin
                break
