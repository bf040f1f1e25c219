"""The installed packages that announce themselves as plugins, and which of them to use; imports none of them."""

import importlib.metadata
import os
import re
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path

from handbone.core.errors import UnknownNameError
from handbone.plugins import disabled
from handbone.plugins.disabled import plain
from handbone.plugins.hooks import GROUP

ONLY = "HANDBONE_PLUGINS"


@dataclass(frozen=True)
class Package:
    """An installed package with an entry point in the group "handbone".

    Parameters
    ----------
    left_out: why it is not to be imported: "disabled", "not in HANDBONE_PLUGINS"; empty where it is used.
    problem: why even its metadata cannot be read, if so.
    """

    name: str
    version: str
    entries: tuple[importlib.metadata.EntryPoint, ...]
    left_out: str = ""
    problem: str = ""
    distribution: importlib.metadata.Distribution | None = field(default=None, repr=False, compare=False)

    @property
    def summary(self) -> str:
        """What its author says in one line."""
        try:
            return str(self.distribution.metadata.json.get("summary", "")) if self.distribution else ""
        except Exception:  # importlib_metadata, which others may have put in place of Python's own, wants METADATA
            return ""

    @property
    def requirements(self) -> list[str]:
        """The packages that it needs, as its metadata names them."""
        try:
            return self.distribution.requires or [] if self.distribution else []
        except Exception:  # as above
            return []

    @property
    def stamp(self) -> tuple[str, float]:
        """What changes whenever the package is installed anew, be it in the same version."""
        folder = None if self.distribution is None else _folder(self.distribution)
        return self.version, folder.stat().st_mtime if folder and folder.exists() else 0.0


def find(name: str, packages: Iterable[Package], *, where: str | None = None) -> Package:
    """The package of a name, however it is spelt.

    where: what names it, for the error.

    Raises
    ------
    UnknownNameError: there is none; the nearest is suggested.
    """
    by_name = {plain(package.name): package for package in packages}
    if plain(name) not in by_name:
        raise UnknownNameError("plugin", name, (package.name for package in by_name.values()), where=where)
    return by_name[plain(name)]


def installed() -> tuple[Package, ...]:
    """Every installed plugin, in the order of names, with what a user said about using it.

    Raises
    ------
    UnknownNameError: HANDBONE_PLUGINS names a package that is not installed as a plugin.
    HandboneError: the list of disabled plugins cannot be read.
    """
    found: dict[str, Package] = {}
    for distribution in importlib.metadata.distributions():
        package = _read(distribution)
        # Of two copies the one that Python would import comes first.
        if package is not None:
            found.setdefault(plain(package.name), package)
    packages = tuple(found[name] for name in sorted(found))
    off, only = disabled.names(), _only(packages)
    return tuple(_marked(package, off, only) for package in packages)


def _read(distribution: importlib.metadata.Distribution) -> Package | None:
    """The plugin in a distribution; None where it is none."""
    try:
        text = distribution.read_text("entry_points.txt")
    except (OSError, UnicodeDecodeError):
        return None
    # Looked for in the text first: parsing every package's entry points would take much longer.
    if not text or not re.search(rf"^\s*\[\s*{GROUP}\s*\]", text, re.MULTILINE):
        return None
    name, version = _name_and_version(distribution)
    try:
        entries = tuple(entry for entry in distribution.entry_points if entry.group == GROUP)
    except Exception as error:  # whatever a parser makes of a file of another's
        return Package(
            name, version, (), problem=f"its entry points cannot be read: {error}", distribution=distribution
        )
    return Package(name, version, entries, distribution=distribution) if entries else None


def _name_and_version(distribution: importlib.metadata.Distribution) -> tuple[str, str]:
    try:
        name, version = distribution.metadata["Name"], distribution.metadata["Version"]
    except Exception:  # as above
        name = version = ""
    # An interrupted installation may leave a folder without METADATA, named NAME-VERSION.dist-info.
    folder = _folder(distribution)
    stem = folder.stem if folder else "unknown"
    return name or stem.partition("-")[0], version or stem.partition("-")[2]


def _folder(distribution: importlib.metadata.Distribution) -> Path | None:
    """Where the metadata lies, for distributions on disk, of which importlib.metadata has no public name for it."""
    path = getattr(distribution, "_path", None)
    return None if path is None else Path(str(path))


def _only(packages: tuple[Package, ...]) -> set[str] | None:
    """The packages that HANDBONE_PLUGINS names, none where it is set but empty; None where it is not set."""
    text = os.environ.get(ONLY)
    if text is None:
        return None
    return {plain(find(name.strip(), packages, where=ONLY).name) for name in text.split(",") if name.strip()}


def _marked(package: Package, off: set[str], only: set[str] | None) -> Package:
    reason = ""
    if plain(package.name) in off:
        reason = "disabled"
    elif only is not None and plain(package.name) not in only:
        reason = f"not in {ONLY}" if only else f"{ONLY} is empty"
    return replace(package, left_out=reason)
