"""`handbone plugins install` and `remove` in an environment of their own, with real wheels and pip."""

import json
import subprocess
import sys
import venv
from pathlib import Path

import pytest
from plugins_disk import BAD, GOOD, surroundings, write_plugin, write_wheel

import handbone

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def environment(tmp_path_factory):
    """A fresh environment that finds handbone and all that it needs where this process does."""
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder, with_pip=False, symlinks=True)
    [site] = folder.glob("lib/python*/site-packages")
    found = [str(Path(handbone.__file__).parents[1]), *(path for path in sys.path if path.endswith("site-packages"))]
    (site / "shared.pth").write_text("\n".join(found) + "\n")
    return folder


def plugins(environment, *words, answer="", site=None):
    done = subprocess.run(
        [environment / "bin/python", "-c", "from handbone.cli import main; main()", "plugins", *map(str, words)],
        env=surroundings(site or environment, PIP_NO_INDEX="1"),
        cwd=environment,
        capture_output=True,
        text=True,
        timeout=120,
        input=answer,
    )
    assert "Traceback" not in done.stderr, done.stderr
    return done


def names(environment):
    return [one["package"] for one in json.loads(plugins(environment, "list", "--json").stdout)["items"]]


def test_a_plugin_comes_changes_and_goes(environment, tmp_path):
    wheel = write_wheel(tmp_path, "handbone-good", GOOD)
    done = plugins(environment, "install", wheel, "--json")
    assert done.returncode == 0, done.stderr
    [one] = json.loads(done.stdout)["items"]
    assert (one["package"], one["version"], one["state"]) == ("handbone-good", "1.0", "works")
    assert {thing["name"] for thing in one["provides"]} == {"good-loss", "say"}
    assert Path(one["location"]).is_relative_to(environment)

    done = plugins(environment, "install", wheel)
    assert done.returncode == 1 and "was already installed" in done.stderr
    done = plugins(environment, "install", write_wheel(tmp_path, "handbone-good", GOOD, version="1.1"))
    assert done.returncode == 0 and "handbone-good 1.1" in done.stdout and "good-loss" in done.stdout

    done = plugins(environment, "remove", "Handbone_Good", answer="n\n")
    assert done.returncode == 1 and "handbone-good" in names(environment)
    done = plugins(environment, "remove", "handbone-good", "--yes", "--json")
    assert done.returncode == 0, done.stderr
    told = {"schema": "handbone.plugins.change/1", "removed": "handbone-good", "version": "1.1"}
    assert json.loads(done.stdout) == told
    assert "handbone-good" not in names(environment)


def test_a_broken_plugin_is_installed_shown_and_removed(environment, tmp_path):
    code, reason = BAD["bad-exit"]
    done = plugins(environment, "install", write_wheel(tmp_path, "bad-exit", code))
    assert done.returncode == 1 and "broken" in done.stdout and reason in done.stdout
    assert plugins(environment, "remove", "bad-exit", "-y").returncode == 0
    assert "bad-exit" not in names(environment)


def test_another_torch_is_refused(environment, tmp_path):
    wheel = write_wheel(tmp_path, "handbone-old", GOOD, requires=("torch==1.0",))
    done = plugins(environment, "install", wheel)
    assert done.returncode == 1
    assert "torch==1.0" in done.stderr and "could not be installed" in done.stderr
    assert "handbone-old" not in names(environment)


def test_only_plugins_of_this_environment_are_removed(environment, tmp_path):
    done = plugins(environment, "remove", "typer", "-y")
    assert done.returncode == 1 and "unknown plugin 'typer'" in done.stderr
    write_plugin(tmp_path, "handbone-elsewhere", GOOD)
    done = plugins(environment, "remove", "handbone-elsewhere", "-y", site=tmp_path)
    assert done.returncode == 1 and (tmp_path / "handbone_elsewhere.py").exists()


def test_a_package_that_is_no_plugin(environment, tmp_path):
    wheel = write_wheel(tmp_path, "plain", "", entry="[console_scripts]\nplain = plain:main\n")
    done = plugins(environment, "install", wheel)
    assert done.returncode == 1 and "contains no plugin" in done.stderr
