"""Recipes compared through the real command line, on synthetic hands small enough for seconds."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from handbone.core.errors import HandboneError
from handbone.runs.folder import RunFolder
from handbone.workflows.compare import find_recipes, open_entries

pytestmark = pytest.mark.slow

HANDBONE = Path(sys.executable).with_name("handbone")
RECIPES = {
    "_base": 'extends = "tiny"\n[coarse.train]\nepochs = 1\nprogressive_resizing = []\n',
    "1_single": 'extends = "_base.toml"\nrefine = false\n',
    "2_two": 'extends = "_base.toml"\n',
    "2_two_seed2": 'extends = "2_two.toml"\nseed = 2\n',
    "3_broken": 'extends = "_base.toml"\n[coarse]\nmodel = "unetplusplu"\n',
    "4_others": 'extends = "1_single.toml"\n[synthetic]\nseed = 5\n',
}


def handbone(*words: str, folder: Path) -> subprocess.CompletedProcess:
    others = {name: value for name, value in os.environ.items() if not name.startswith("HANDBONE_")}
    surroundings = {**others, "HANDBONE_CACHE": str(folder / "cache"), "COLUMNS": "300"}
    return subprocess.run([HANDBONE, *words], cwd=folder, capture_output=True, text=True, env=surroundings)


def write(folder: Path, names=RECIPES) -> Path:
    folder.mkdir(parents=True)
    for name in names:
        (folder / f"{name}.toml").write_text(RECIPES[name], encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def home(tmp_path_factory) -> tuple[Path, subprocess.CompletedProcess]:
    """A folder in which all recipes have been compared once, and what that said."""
    folder = tmp_path_factory.mktemp("home")
    write(folder / "recipes")
    return folder, handbone("compare", "recipes", "-o", "out", folder=folder)


def test_every_line_is_told_and_a_failure_stops_no_other(home):
    folder, done = home
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert "3_broken failed:" in done.stdout and "did you mean 'unetplusplus'" in done.stdout
    assert "4_others failed: its images differ from those of 1_single" in done.stdout
    table = pd.read_csv(folder / "out/compare.csv").set_index("recipe")
    assert list(table.index) == ["1_single", "2_two", "3_broken", "4_others"]
    assert table["error"].notna().tolist() == [False, False, True, True]
    pose = "straight" if "straight_dice" in table else "bent"
    assert table.loc["2_two", f"{pose}_dice_seeds"] == 2
    assert table.loc["2_two", [f"{pose}_{name}" for name in ("nsd_1px", "nsd_2px", "boundary_iou")]].notna().all()
    assert table.loc["1_single", f"{pose}_dice_change" : f"{pose}_dice_change"].isna().all()
    assert table.loc["2_two", f"{pose}_dice_change"] == pytest.approx(
        table.loc["2_two", f"{pose}_dice"] - table.loc["1_single", f"{pose}_dice"], abs=1e-4
    )
    # One epoch of two images; the refiner has one more.
    assert table.loc[["1_single", "2_two"], "images_seen"].tolist() == [2, 4]
    sizes = [pd.read_csv(f)["size"] for f in sorted((folder / "out/2_two/steps").glob("*/history.csv"))]
    read = sum(2 * int((size**2).sum()) for size in sizes) / 1e6
    assert table.loc["2_two", "megapixels_seen"] == pytest.approx(read, rel=1e-5)
    assert (table.loc[["1_single", "2_two"], ["training_minutes", "seconds_per_image"]] > 0).all(axis=None)
    for file in ("compare.md", "compare.png", "1_single/report.html", "2_two_seed2/report.html"):
        assert (folder / "out" / file).stat().st_size > 0


def test_what_recipes_have_in_common_is_made_once(home):
    steps = {name: home[0] / "out" / name / "steps" for name in ("1_single", "2_two", "2_two_seed2", "4_others")}
    drawn = {name: (folder / "synthetic").resolve() for name, folder in steps.items()}
    assert drawn["1_single"] == drawn["2_two"] == drawn["2_two_seed2"] != drawn["4_others"]
    assert (steps["2_two"] / "coarse").resolve() == (steps["1_single"] / "coarse").resolve()
    assert (steps["2_two_seed2"] / "coarse").resolve().parent == steps["2_two_seed2"].resolve()


def test_the_same_command_again_reuses_every_run(home):
    folder, _ = home
    again = handbone("compare", "recipes/1_single.toml", "recipes/2_two.toml", "-o", "out", "--json", folder=folder)
    assert again.returncode == 0, again.stderr
    assert again.stderr.count(": reused") == 6 + 8
    table = json.loads(again.stdout)["recipes"]
    assert [line["recipe"] for line in table] == ["1_single", "2_two"]
    assert table[0]["error"] is None and table[0]["made_worse"] is None
    plan = handbone("compare", "recipes/2_two.toml", "-o", "out", "--dry-run", folder=folder)
    assert plan.returncode == 0 and plan.stdout.count("reused") == 8


def test_a_folder_stands_for_its_recipes_but_not_for_their_base(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "recipes", ["_base", "2_two", "2_two_seed2", "1_single"])
    assert [path.name for path in find_recipes(["recipes"])] == ["1_single.toml", "2_two.toml", "2_two_seed2.toml"]
    assert [path.stem for path in find_recipes(["recipes/2_two.toml", "tiny"])] == ["2_two", "tiny"]
    (tmp_path / "empty").mkdir()
    with pytest.raises(HandboneError, match="empty: contains no recipes"):
        find_recipes(["empty"])
    with pytest.raises(HandboneError, match="did you mean 'tiny'"):
        find_recipes(["tinny"])


def test_recipes_that_cannot_be_told_apart_are_refused(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    folder = write(tmp_path / "recipes", ["_base", "2_two"])
    with pytest.raises(HandboneError, match="two recipes are named '2_two'"):
        open_entries([folder / "2_two.toml"] * 2, [], tmp_path / "out")
    (folder / "2_two_seed3.toml").write_text('extends = "2_two.toml"\n')
    with pytest.raises(HandboneError, match="2_two and 2_two_seed3 have the same seed, 7"):
        open_entries(find_recipes([str(folder)]), [], tmp_path / "out")


def test_trainings_stay_on_one_device(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    folder = write(tmp_path / "recipes", ["_base", "1_single", "2_two"])
    entries = open_entries(find_recipes([str(folder)]), ["coarse.train.devices=2"], tmp_path / "out")
    assert [entry.run.recipe.coarse.train.devices for entry in entries] == [1, 1]
    assert entries[0].run.recipe.refine is None and entries[1].run.recipe.refine.train.devices == 1


def test_a_step_that_is_taken_over_is_a_link_that_can_go(tmp_path):
    one, other = RunFolder(tmp_path / "one"), RunFolder(tmp_path / "other")
    with one.work_on("synthetic", "fingerprint") as part:
        (part / "a.txt").write_text("drawn")
    assert not other.link_from("synthetic", "another fingerprint", one)
    assert other.link_from("synthetic", "fingerprint", one) and not other.link_from("synthetic", "fingerprint", one)
    assert (
        other.state("synthetic", "fingerprint") == "reused"
        and (other.step("synthetic") / "a.txt").read_text() == "drawn"
    )
    # Redone here, it stays as it is there.
    with other.work_on("synthetic", "new fingerprint") as part:
        (part / "a.txt").write_text("drawn anew")
    assert (one.step("synthetic") / "a.txt").read_text() == "drawn"
    assert other.state("synthetic", "fingerprint") == "redone" and other.link_from("synthetic", "fingerprint", one)
    # Redone there, the link leads to what this run did not ask for, and it does the step itself.
    with one.work_on("synthetic", "new fingerprint"):
        pass
    assert other.state("synthetic", "fingerprint") == "redone"
