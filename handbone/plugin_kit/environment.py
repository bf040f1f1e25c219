"""Builds a wheel, and installs it in a temporary environment that also sees the packages of this one."""

import importlib.metadata
import os
import re
import shutil
import site
import subprocess
import sysconfig
import tomllib
import venv
from pathlib import Path

from handbone.core.errors import HandboneError
from handbone.plugins import installing

_NOT_COPIED = shutil.ignore_patterns(
    ".venv", "venv", "__pycache__", "build", "dist", "*.egg-info", ".tox", ".nox", "node_modules"
)
_SAID = re.compile(r"^\s*(?:[\w.]*(?:Error|Exception)|error|ERROR):? .*")


def copy_source(source: Path, folder: Path) -> Path:
    """A copy to build and test in, because build backends leave folders behind.

    Raises
    ------
    HandboneError: the folder is not a package.
    """
    if not (source / "pyproject.toml").is_file():
        what, remedy = "there is no pyproject.toml, so this is not a package", "give the folder that holds one"
        raise HandboneError(what, where=source, remedy=remedy)
    return Path(shutil.copytree(source, folder, ignore=_NOT_COPIED, symlinks=True))


def build_wheel(source: Path, folder: Path) -> Path:
    """Build a package's wheel into a folder; without the network where its build backend is installed here.

    Raises
    ------
    HandboneError: it cannot be built; quotes the backend's error.
    """
    folder.mkdir()
    isolated = ["--no-build-isolation"] if _backend_is_here(source) else []
    _say(installing.build_command(source, folder, isolated), "cannot be built")
    wheels = list(folder.glob("*.whl"))
    if not wheels:
        raise HandboneError("its build produced no wheel")
    return wheels[0]


def _backend_is_here(source: Path) -> bool:
    """Whether all that pyproject.toml wants for building is installed."""
    try:
        table = tomllib.loads((source / "pyproject.toml").read_text(encoding="utf-8")).get("build-system", {})
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise HandboneError(f"pyproject.toml cannot be read ({error})") from None
    names = [re.match(r"[\w.-]+", requirement) for requirement in table.get("requires", ["setuptools"])]
    return all(name is not None and _is_installed(name[0]) for name in names)


def _is_installed(name: str) -> bool:
    try:
        importlib.metadata.distribution(name)
    except importlib.metadata.PackageNotFoundError:
        return False
    return True


def make_environment(folder: Path) -> Path:
    """An environment whose packages are those of the running one; nothing that is installed into it shows here.

    Returns
    -------
    Its Python.
    """
    venv.EnvBuilder(with_pip=False, symlinks=os.name != "nt").create(folder)
    bases = {"base": str(folder), "platbase": str(folder)}
    here = [*site.getsitepackages(), *([site.getusersitepackages()] if site.ENABLE_USER_SITE else [])]
    # addsitedir instead of plain paths, so that editable installs, which are .pth files of their own, come along.
    lines = [f"import site; site.addsitedir({path!r})\n" for path in here]
    own = Path(sysconfig.get_path("purelib", "venv", vars=bases))
    (own / "handbone_present.pth").write_text("".join(lines), encoding="utf-8")
    scripts = Path(sysconfig.get_path("scripts", "venv", vars=bases))
    python = scripts / ("python.exe" if os.name == "nt" else "python")
    if os.name != "nt":
        _write_command(scripts / "handbone", python)
    return python


def _write_command(path: Path, python: Path) -> None:
    """`handbone` in the environment, as tests of plugins expect it beside their Python."""
    # Processes that a command starts import it anew, and must not run it.
    run = 'if __name__ == "__main__":\n    main()\n'
    path.write_text(f"#!{python}\nfrom handbone.cli import main\n\n{run}", encoding="utf-8")
    path.chmod(0o755)


def install_wheel(wheel: Path, python: Path) -> None:
    """Install a wheel into an environment, with what it needs beyond the packages that are there.

    Raises
    ------
    HandboneError: it cannot be installed; quotes the installer's error.
    """
    with installing.kept_versions() as constraints:
        _say(installing.install_command(python, constraints, wheel), "cannot be installed")


def _say(command: list[str], what: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        lines = [line.strip() for line in (done.stdout + done.stderr).splitlines() if line.strip()]
        # Installers end with lines of their own; the first one that tells an error is the package's.
        told = next((line for line in lines if _SAID.match(line)), lines[-1] if lines else "no output")
        raise HandboneError(f"{what} ({told[:300]})")
