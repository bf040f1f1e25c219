"""What is asked of pip or uv to install, build and remove plugins, without running them: torch and handbone stay."""

import importlib.metadata
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from plugins_lying import manager_of

from handbone.core.errors import HandboneError
from handbone.plugins import LossSpec, MetricSpec, installing
from handbone.plugins.describe import overview
from handbone.plugins.discovery import Package

PIP = [sys.executable, "-m", "pip"]


@pytest.fixture(params=["pip", "uv"])
def installer(request, monkeypatch):
    """The installer that this environment has, the commands that it was given, and the constraints of each."""
    asked = SimpleNamespace(name=request.param, commands=[], constraints=[], code=0)
    monkeypatch.setattr(installing, "_has_pip", lambda: request.param == "pip")
    monkeypatch.setattr(installing.shutil, "which", lambda name: "/bin/uv")

    def run(command, **options):
        asked.commands.append(command)
        if "--constraint" in command:
            asked.constraints.append(Path(command[command.index("--constraint") + 1]).read_text())
        assert options["stdout"] == sys.stderr.fileno(), "stdout belongs to results"
        return SimpleNamespace(returncode=asked.code)

    monkeypatch.setattr(installing.subprocess, "run", run)
    # pytest's stand-in for stderr has no number.
    monkeypatch.setattr(installing.sys, "stderr", SimpleNamespace(fileno=lambda: 2))
    return asked


def test_installing_keeps_the_versions_of_torch_and_handbone(installer):
    installing.install(["handbone-mine", "--index-url", "here"])
    (command,) = installer.commands
    start = [*PIP, "install"] if installer.name == "pip" else ["/bin/uv", "pip", "install", "--python", sys.executable]
    assert command[: len(start)] == start and command[-3:] == ["handbone-mine", "--index-url", "here"]
    kept = {name: importlib.metadata.version(name) for name in ("handbone", "torch")}
    assert installer.constraints == ["".join(f"{name}=={version}\n" for name, version in kept.items())]


@pytest.mark.parametrize(
    ("act", "where", "what"),
    [
        (lambda: installing.install(["a", "b"]), "a b", "could not be installed"),
        (lambda: installing.uninstall("a"), "a", "could not be removed"),
    ],
)
def test_an_installer_that_fails_is_a_mistake_with_what_was_asked(installer, act, where, what):
    installer.code = 1
    with pytest.raises(HandboneError) as caught:
        act()
    assert str(caught.value) == f"{where}: {what}; see the output above"


def test_removing_asks_nobody(installer):
    installing.uninstall("handbone-mine")
    (command,) = installer.commands
    assert command[-1] == "handbone-mine" and "uninstall" in command
    assert ("--yes" in command) is (installer.name == "pip"), "uv never asks and knows no such word"


def test_a_wheel_goes_into_the_other_environment_and_fetches_nothing_that_is_there(installer):
    command = installing.install_command(Path("/other/python"), Path("kept.txt"), Path("mine.whl"))
    assert command[command.index("--python") + 1] == str(Path("/other/python"))
    assert command[command.index("--constraint") + 1] == "kept.txt" and "mine.whl" in command
    assert ("--no-deps" in command) is (installer.name == "uv") and command[0] in (sys.executable, "/bin/uv")


def test_a_build_makes_one_wheel_in_the_folder_with_the_options_given(installer):
    command = installing.build_command(Path("source"), Path("out"), ["--no-build-isolation"])
    assert command[-2:] == ["--no-build-isolation", "source"] and "out" in command
    assert ("--no-deps" in command) is (installer.name == "pip")


def test_without_any_installer_it_is_said_how_to_get_one(monkeypatch):
    monkeypatch.setattr(installing, "_has_pip", lambda: False)
    monkeypatch.setattr(installing.shutil, "which", lambda name: None)
    with pytest.raises(HandboneError, match="neither pip nor uv is installed; python -m ensurepip, or install uv"):
        installing.uninstall("handbone-mine")


def test_what_is_not_installed_is_not_kept(monkeypatch):
    monkeypatch.setattr(installing, "_KEPT", ("handbone", "no-such-package"))
    with installing.kept_versions() as path:
        assert path.read_text().splitlines() == [f"handbone=={importlib.metadata.version('handbone')}"]
    assert not path.exists()


def test_what_a_plugin_provides_is_listed_by_kind_and_name():
    losses = [LossSpec(name=name, summary="", build=print) for name in ("zeta", "alpha")]
    metric = MetricSpec(name="mine", summary="", build=print)
    plugins = manager_of(("handbone-a", "1", [metric, *losses]), ("handbone-b", "2", []))
    assert [(one.spec.kind, one.spec.name) for one in plugins.of_package("Handbone_A")] == [
        *(("loss", name) for name in ("alpha", "zeta")),
        ("metric", "mine"),
    ]
    assert {name: [one.package for one in found] for name, found in plugins.from_plugins("loss").items()} == {
        "zeta": ["handbone-a"],
        "alpha": ["handbone-a"],
    }
    told = overview(plugins, Package("handbone-a", "1", ()))
    assert (told["state"], told["provides"]) == ("works", {"loss": ["alpha", "zeta"], "metric": ["mine"]})
    assert plugins.of_package("handbone-b") == [] and plugins.from_plugins("writer") == {}
