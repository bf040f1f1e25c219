"""`handbone plugins check`: what is wrong with a package, in words and as JSON, from its wheel."""

import json
from pathlib import Path
from textwrap import dedent

import pytest
from plugins_disk import GOOD, HEAD, handbone, write_plugin

pytestmark = pytest.mark.slow

PROJECT = """
[build-system]
requires = ["hatchling>=1.25"]
build-backend = "hatchling.build"

[project]
name = "handbone-bad"
version = "0.2"
dependencies = ["handbone"]

[project.entry-points.handbone]
bad = "handbone_bad"
"""


@pytest.fixture
def package(tmp_path):
    """Writes a package's folder."""

    def write(code: str, project: str = PROJECT, tests: str = "") -> Path:
        folder = tmp_path / "source"
        (folder / "handbone_bad").mkdir(parents=True)
        (folder / "pyproject.toml").write_text(project, encoding="utf-8")
        (folder / "handbone_bad" / "__init__.py").write_text(dedent(code), encoding="utf-8")
        if tests:
            (folder / "tests").mkdir()
            (folder / "tests" / "test_bad.py").write_text(dedent(tests), encoding="utf-8")
        return folder

    return write


def checked(folder: Path, *, code: int) -> dict[str, dict]:
    before = sorted(folder.rglob("*"))
    done = handbone("plugins", "check", str(folder), "--json", site=folder.parent / "site", cwd=folder.parent)
    assert done.returncode == code, done.stdout + done.stderr
    assert sorted(folder.rglob("*")) == before, "nothing is left in the source's folder"
    found = json.loads(done.stdout)
    assert found["ok"] is (code == 0)
    return {each["what"]: each for each in found["checks"]}


LIES = (
    HEAD
    + '''
import torch

class Half(torch.nn.Module):
    """A network that gives half the size."""

    def __init__(self, channels, classes):
        super().__init__()
        self.only = torch.nn.Conv2d(channels, classes, 2, stride=2)

    def forward(self, image):
        return self.only(image)

class Good(torch.nn.Module):
    def forward(self, logits, target):
        return torch.nn.functional.binary_cross_entropy_with_logits(logits, target)

@hookimpl
def handbone_models():
    build = lambda settings, *, in_channels, classes: Half(in_channels, classes)
    return [ModelSpec(name="half", summary="A network", build=build)]

@hookimpl
def handbone_losses():
    return [LossSpec(name="bce", summary="A loss", build=lambda settings: Good())]

@hookimpl
def handbone_readers():
    return [ReaderSpec(name="bad", summary="A format", extensions=(".bad",), build=lambda settings: Good())]

@hookimpl
def handbone_epoch_ended(epoch):
    pass
'''
)


def test_what_lies_is_named_with_the_reason_and_the_rest_is_fine(package):
    tests = "import handbone_bad\n\ndef test_sums():\n    assert 1 + 1 == 3\n\ndef test_fine():\n    pass\n"
    found = checked(package(LIES, tests=tests), code=1)
    states = {what: each["state"] for what, each in found.items()}
    assert states == {
        "wheel": "passed",
        "installation": "passed",
        "entry point": "passed",
        "import and hooks": "passed",
        "no torch at import": "failed",
        "handbone_models": "passed",
        "handbone_losses": "passed",
        "handbone_readers": "passed",
        "events": "passed",
        "model half": "failed",
        "loss bce": "failed",
        "reader bad": "failed",
        "own tests": "failed",
    }
    reasons = {what: "\n".join(each["reasons"]) for what, each in found.items()}
    assert "handbone_bad imports torch" in reasons["no torch at import"]
    assert "logits must have the shape (1, 29, 128, 128), but got (1, 29, 64, 64)" in reasons["model half"]
    assert "'bce' is handbone's, too: recipes have to say from which" in reasons["handbone_losses"]
    assert "naming it imports nothing heavy" in reasons["loss bce"] and "\n" not in reasons["loss bce"]
    assert "must be refused with a HandboneError that names the file" in reasons["reader bad"]
    assert "test_sums" in reasons["own tests"] and "1 failed, 1 passed" in reasons["own tests"]


@pytest.mark.parametrize(
    ("project", "what", "reason"),
    [
        ("[project]\nname =", "wheel", "pyproject.toml cannot be read"),
        (PROJECT.replace('"0.2"', '"no version"'), "wheel", "cannot be built ("),
        (PROJECT.replace("points.handbone", "points.other"), "entry point", "add [project.entry-points.handbone]"),
    ],
)
def test_a_package_that_is_none_says_where_it_ends(package, project, what, reason):
    found = checked(package("x = 1", project), code=1)
    assert [each["what"] for each in found.values() if each["state"] == "failed"] == [what]
    assert reason in found[what]["reasons"][0]


@pytest.mark.parametrize(
    ("code", "what", "reason"),
    [
        ("import no_such_thing", "import and hooks", "needs the module 'no_such_thing', which is not installed"),
        ("x = 1", "hooks", "the plugin registers nothing"),
        (
            GOOD.replace("    import torch", "    import os; os._exit(3)"),
            "process",
            "it exited after 'command say' with exit code 3",
        ),
    ],
)
def test_a_plugin_that_cannot_be_used_says_where_it_ends(tmp_path, code, what, reason):
    write_plugin(tmp_path, "handbone-bad", code)
    done = handbone("plugins", "check", "handbone-bad", "--json", site=tmp_path)
    assert done.returncode == 1
    failed = [each for each in json.loads(done.stdout)["checks"] if each["state"] == "failed"]
    assert [each["what"] for each in failed] == [what] and reason in failed[0]["reasons"][0]


def test_an_installed_plugin_is_checked_by_name_and_a_table_is_for_patients(tmp_path):
    write_plugin(tmp_path, "handbone-good", GOOD)
    done = handbone("plugins", "check", "handbone-good", site=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "✓  loss good-loss" in done.stdout and "checks passed" in done.stdout
    assert "✗" not in done.stdout and "wheel" not in done.stdout
    done = handbone("plugins", "check", "handbone-goood", site=tmp_path)
    assert done.returncode == 1 and "did you mean 'handbone-good'?" in done.stderr
    assert "there is no folder handbone-goood either" in done.stderr
    done = handbone("plugins", "check", "./nowhere", site=tmp_path)
    assert done.returncode == 1 and "is not a folder" in done.stderr
    done = handbone("plugins", "check", ".", site=tmp_path)
    assert done.returncode == 1 and "there is no pyproject.toml" in done.stderr


def test_help_says_that_it_runs_the_plugins_code(tmp_path):
    assert "This runs the plugin's code." in handbone("plugins", "check", "--help", site=tmp_path).stdout
