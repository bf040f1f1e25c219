"""Plugins into and out of the running environment, by pip or uv."""

import importlib.metadata
import importlib.util
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from handbone.errors import HandboneError

# A plugin that asks for another torch would take gigabytes and may break what works.
_KEPT = ("handbone", "torch")


def install(words: Sequence[str]) -> None:
    """Install what pip takes (names, requirements, addresses, paths, options), with handbone and torch as they are.

    Raises
    ------
    HandboneError: it could not be installed; the installer's own words stand above on stderr.
    """
    with tempfile.TemporaryDirectory() as folder:
        constraints = Path(folder) / "constraints.txt"
        constraints.write_text("".join(f"{name}=={version}\n" for name, version in _kept_versions()), encoding="utf-8")
        if _run(["install", "--constraint", str(constraints), *words]):
            raise HandboneError("could not be installed", where=" ".join(words), remedy="the lines above say why")


def uninstall(name: str) -> None:
    """Remove an installed package.

    Raises
    ------
    HandboneError: the installer refused, such as for a package that it did not install.
    """
    by_pip = importlib.util.find_spec("pip") is not None
    if _run(["uninstall", *(["--yes"] if by_pip else []), name]):
        raise HandboneError("could not be removed", where=name, remedy="the lines above say why")


def _kept_versions() -> list[tuple[str, str]]:
    found = []
    for name in _KEPT:
        try:
            found.append((name, importlib.metadata.version(name)))
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def _run(words: list[str]) -> int:
    """Run the installer on this environment; what it says goes to stderr, because stdout belongs to results."""
    verb, *others = words
    if importlib.util.find_spec("pip") is not None:
        command = [sys.executable, "-m", "pip", verb, "--disable-pip-version-check", *others]
    elif uv := shutil.which("uv"):
        command = [uv, "pip", verb, "--python", sys.executable, *others]
    else:
        raise HandboneError("neither pip nor uv is there", remedy="python -m ensurepip, or install uv")
    return subprocess.run(command, stdout=sys.stderr.fileno(), check=False).returncode
