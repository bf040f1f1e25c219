"""`handbone plugins check`: builds a package, installs it in a temporary environment and tests it."""

import importlib.util
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from handbone.core.errors import HandboneError
from handbone.core.files import expanded
from handbone.plugin_kit.environment import build_wheel, copy_source, install_wheel, make_environment
from handbone.plugin_kit.findings import Check
from handbone.plugins import discovery
from handbone.plugins.manager import STRICT

_NO_TESTS = 5  # pytest's exit code where it found none
_SHOWN = 5  # failed tests that are named


def check(what: str) -> Iterator[Check]:
    """Check a package's folder, from its wheel in an environment of its own, or an installed package as it is.

    The plugin's code is run.

    Raises
    ------
    HandboneError: neither a package's folder nor an installed plugin.
    """
    path = expanded(what)
    if path.is_dir():
        yield from _check_folder(path)
    elif path.exists() or any(separator in what for separator in "/\\"):
        raise HandboneError(
            "is not a folder", where=what, remedy="give the folder that contains the package's pyproject.toml"
        )
    else:
        packages = discovery.installed()
        try:
            package = discovery.find(what, packages)
        except HandboneError as error:
            raise HandboneError(f"{error}; there is no folder {what} either") from error
        with tempfile.TemporaryDirectory() as folder:
            yield from _examined(Path(sys.executable), package.name, Path(folder))


def _check_folder(path: Path) -> Iterator[Check]:
    with tempfile.TemporaryDirectory(prefix="handbone-check-") as temporary:
        folder = Path(temporary)
        source = copy_source(path, folder / "source")
        try:
            wheel = build_wheel(source, folder / "wheels")
        except HandboneError as error:
            yield Check("wheel", "failed", (str(error),))
            return
        yield Check("wheel", "passed", (wheel.name,))
        python = make_environment(folder / "environment")
        try:
            install_wheel(wheel, python)
        except HandboneError as error:
            yield Check("installation", "failed", (str(error),))
            return
        yield Check("installation", "passed")
        yield from _examined(python, wheel.name.partition("-")[0], folder)
        yield _own_tests(python, source)


def _examined(python: Path, package: str, folder: Path) -> Iterator[Check]:
    """The findings of a process of its own, which the plugin may end in any way."""
    result = folder / "result.json"
    command = [str(python), "-P", "-m", "handbone.plugin_kit.examine", package, str(result)]
    done = subprocess.run(command, capture_output=True, text=True, env=_surroundings(folder), check=False)
    found = json.loads(result.read_text(encoding="utf-8")) if result.exists() else []
    for each in found:
        yield Check(each["what"], each["state"], tuple(each["reasons"]))
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no output"])[-1]
        after = f"after {found[-1]['what']!r}" if found else "at once"
        ended = f"signal {-done.returncode}" if done.returncode < 0 else f"exit code {done.returncode}"
        yield Check("process", "failed", (f"it exited {after} with {ended}: {last}",))


def _own_tests(python: Path, source: Path) -> Check:
    if importlib.util.find_spec("pytest") is None:
        return Check("own tests", "left out", ("pytest is not installed",))
    # Not from the source's folder: the tests shall see what the wheel holds.
    command = [str(python), "-P", "-m", "pytest", "-q", "-p", "no:cacheprovider", "--color=no"]
    done = subprocess.run(
        command, cwd=source, capture_output=True, text=True, env=_surroundings(source.parent), check=False
    )
    lines = [line for line in done.stdout.splitlines() if line.strip()] or [done.stderr.strip() or "no output"]
    if done.returncode == _NO_TESTS:
        return Check("own tests", "left out", ("the package has no tests",))
    if done.returncode:
        failed = [line for line in lines if line.startswith(("FAILED", "ERROR"))]
        return Check("own tests", "failed", (*failed[:_SHOWN], lines[-1]))
    return Check("own tests", "passed", (lines[-1],))


def _surroundings(folder: Path) -> dict[str, str]:
    """The environment without what a user set about plugins, and with a place of its own for settings."""
    others = {name: value for name, value in os.environ.items() if name not in (discovery.ONLY, STRICT)}
    return {**others, "HANDBONE_CONFIG": str(folder / "config"), "COLUMNS": "200"}
