"""`handbone plugins new`: what it writes, what it refuses, and that a package of it can be trained with."""

import json
import subprocess
from pathlib import Path

import pandas as pd
import pytest
from hatchling.builders.wheel import WheelBuilder
from plugins_disk import handbone, surroundings

from handbone.core.errors import HandboneError
from handbone.plugin_kit.environment import build_wheel, install_wheel, make_environment
from handbone.plugin_kit.new import PackageName
from handbone.weights.network_file import read_card

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
ABSENT = {"__pycache__", ".ruff_cache", ".pytest_cache", ".hypothesis"}


def files_of(folder: Path) -> dict[str, bytes]:
    found = (path for path in folder.rglob("*") if path.is_file() and not ABSENT & set(path.parts))
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in found}


def test_handbone_example_is_what_it_writes(tmp_path):
    done = handbone("plugins", "new", "handbone-example", "--output", str(tmp_path), site=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("handbone plugins") + done.stdout.count("handbone run") == 3
    written, kept = files_of(tmp_path / "handbone-example"), files_of(ROOT / "plugins" / "handbone-example")
    assert written == kept, "write it anew: handbone plugins new handbone-example -o plugins"


def test_the_template_is_in_the_wheel():
    builder = WheelBuilder(str(ROOT))
    packed = {included.distribution_path for included in builder.recurse_included_files()}
    # The checkout's, which the wheel is built from; the tests may run with an installed handbone.
    source = ROOT / "handbone" / "plugin_kit" / "template"
    templates = {path.relative_to(ROOT).as_posix() for path in source.rglob("*.jinja")}
    assert len(templates) > 8 and templates <= packed


def test_a_folder_that_exists_is_left_alone(tmp_path):
    (tmp_path / "handbone-mine").mkdir()
    done = handbone("plugins", "new", "handbone-mine", site=tmp_path)
    assert done.returncode == 1 and "the folder already exists" in done.stderr
    assert not any((tmp_path / "handbone-mine").iterdir())


@pytest.mark.parametrize(
    ("name", "remedy"),
    [
        ("mine", "did you mean 'handbone-mine'?"),
        ("handbone_mine", "did you mean 'handbone-mine'?"),
        ("Handbone Mine!", "did you mean 'handbone-mine'?"),
        ("handbone", "such as 'handbone-mine'"),
        ("handbone-", "such as 'handbone-mine'"),
        ("handbone-3d", "such as 'handbone-mine'"),
        ("../handbone-mine", "did you mean"),
    ],
)
def test_names_that_could_not_be_packages_are_refused(name, remedy):
    with pytest.raises(HandboneError, match="is not a valid plugin name") as error:
        PackageName.of(name)
    assert remedy in str(error.value)


def test_a_new_packages_wheel_trains_two_steps(tmp_path):
    made = handbone("plugins", "new", "handbone-two-words", "--json", site=tmp_path)
    assert made.returncode == 0, made.stderr
    folder = tmp_path / json.loads(made.stdout)["folder"]
    wheel = build_wheel(folder, tmp_path / "wheels")
    python = make_environment(tmp_path / "environment")
    install_wheel(wheel, python)
    here = surroundings(tmp_path / "nothing")
    command = [str(python.with_name("handbone"))]
    listed = subprocess.run(
        [*command, "plugins", "info", "handbone-two-words", "--json"], env=here, capture_output=True, text=True
    )
    assert json.loads(listed.stdout)["state"] == "works", listed.stdout + listed.stderr
    done = subprocess.run(
        [*command, "run", str(folder / "recipe.toml")], cwd=tmp_path, env=here, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    run = tmp_path / "runs" / "recipe"
    assert read_card(run / "weights/coarse.safetensors").model.name == "two_words_unet"
    assert len(pd.read_csv(run / "steps/coarse/history.csv")) == 2
    assert "handbone-two-words" in (run / "manifest.json").read_text(encoding="utf-8")
    absent = handbone("plugins", "info", "handbone-two-words", site=tmp_path / "nothing", cwd=tmp_path)
    assert absent.returncode == 1 and "unknown plugin" in absent.stderr
