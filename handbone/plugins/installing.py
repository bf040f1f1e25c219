"""Installs plugins into the running environment, and removes them, with pip or uv."""

import contextlib
import importlib.metadata
import importlib.util
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from handbone.core.errors import HandboneError

# A plugin that requires another torch would download gigabytes and might break the environment.
_KEPT = ("handbone", "torch")


def install(words: Sequence[str]) -> None:
    """Install anything that pip accepts, without changing the versions of handbone and torch.

    Raises
    ------
    HandboneError: it could not be installed; the installer's output is on stderr.
    """
    with kept_versions() as constraints:
        if _run(["install", "--constraint", str(constraints), *words]):
            raise HandboneError("could not be installed", where=" ".join(words), remedy="see the output above")


def uninstall(name: str) -> None:
    """Remove an installed package.

    Raises
    ------
    HandboneError: the installer refused, such as for a package that it did not install.
    """
    if _run(["uninstall", *(["--yes"] if _has_pip() else []), name]):
        raise HandboneError("could not be removed", where=name, remedy="see the output above")


def install_command(python: Path, constraints: Path, wheel: Path) -> list[str]:
    """The command that installs a wheel into the environment of another Python, one that has no pip of its own."""
    words = ["install", "--quiet", "--constraint", str(constraints), str(wheel)]
    if _has_pip():
        return [sys.executable, "-m", "pip", "--python", str(python), *words, "--disable-pip-version-check"]
    # uv looks at an environment's own folder alone: it would fetch anew what the environment has from elsewhere.
    return [_uv(), "pip", *words, "--no-deps", "--python", str(python)]


def build_command(source: Path, folder: Path, options: Sequence[str]) -> list[str]:
    """The command that builds a wheel of a source folder into a folder."""
    if _has_pip():
        words = ["wheel", "--quiet", "--disable-pip-version-check", "--no-deps", "--wheel-dir", str(folder)]
        return [sys.executable, "-m", "pip", *words, *options, str(source)]
    return [_uv(), "build", "--wheel", "--python", sys.executable, "--out-dir", str(folder), *options, str(source)]


@contextlib.contextmanager
def kept_versions() -> Iterator[Path]:
    """A constraints file that keeps the versions of what must not change."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "constraints.txt"
        path.write_text("".join(f"{name}=={version}\n" for name, version in _versions()), encoding="utf-8")
        yield path


def _versions() -> list[tuple[str, str]]:
    found = []
    for name in _KEPT:
        try:
            found.append((name, importlib.metadata.version(name)))
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def _has_pip() -> bool:
    return importlib.util.find_spec("pip") is not None


def _uv() -> str:
    if uv := shutil.which("uv"):
        return uv
    raise HandboneError("neither pip nor uv is installed", remedy="python -m ensurepip, or install uv")


def _run(words: list[str]) -> int:
    """Run the installer on this environment; what it says goes to stderr, because stdout belongs to results."""
    verb, *others = words
    if _has_pip():
        command = [sys.executable, "-m", "pip", verb, "--disable-pip-version-check", *others]
    else:
        command = [_uv(), "pip", verb, "--python", sys.executable, *others]
    return subprocess.run(command, stdout=sys.stderr.fileno(), check=False).returncode
