"""Shell completion of names of plugins, recipes, methods and formats."""

from collections.abc import Iterable
from glob import escape
from pathlib import Path


def plugins(incomplete: str) -> list[str]:
    """Names of installed plugin packages."""
    from handbone.plugins import discovery

    return _beginning((package.name for package in discovery.installed()), incomplete)


def recipes(incomplete: str) -> list[str]:
    """Built-in recipes, TOML files and folders."""
    from handbone.recipe.store import builtin_recipes

    return [*_beginning(builtin_recipes(), incomplete), *_paths(incomplete)]


def methods(incomplete: str) -> list[str]:
    """Names of ensembling methods."""
    return _beginning(["best", *_provided("ensembler")], incomplete)


def formats(incomplete: str) -> list[str]:
    """Names of formats for writing masks."""
    return _beginning(_provided("writer"), incomplete)


def _provided(kind: str) -> list[str]:
    from handbone.plugins import installed_plugins

    return [provided.spec.name for provided in installed_plugins().provided(kind)]


def _paths(incomplete: str) -> list[str]:
    # This list replaces the shell's own completion, which would include files.
    start = Path(incomplete)
    folder, name = (start, "") if incomplete.endswith("/") else (start.parent, start.name)
    found = sorted(folder.glob(f"{escape(name)}*")) if folder.is_dir() else []
    visible = [path for path in found if not path.name.startswith(".")]
    return [f"{path}/" if path.is_dir() else str(path) for path in visible if path.is_dir() or path.suffix == ".toml"]


def _beginning(names: Iterable[str], incomplete: str) -> list[str]:
    return sorted({name for name in names if name.startswith(incomplete)})
