"""A run that is made again: interrupted, it is finished no more; and what another process did meanwhile is seen."""

import json
import os
import subprocess
import sys

import cv2
import numpy as np
import pytest

from handbone.cli.run_show import show_result
from handbone.core.errors import HandboneError
from handbone.data.dataset import open_dataset
from handbone.recipe.schema import Data, Recipe
from handbone.runs import engine as runs
from handbone.runs import folder, manifest
from handbone.runs.context import Context
from handbone.runs.engine import Run
from handbone.runs.folder import RunFolder
from handbone.runs.load_run import finished_run, is_finished_run, latest_run
from handbone.runs.step import Step


@pytest.fixture
def done(monkeypatch):
    """Two steps that leave what every run has to; gives the names of the steps in the order in which they worked."""
    worked = []

    def leave(name, **files):
        def work(context, part):
            worked.append(name)
            for file, value in files.items():
                (part / file.replace("_", ".")).write_text(json.dumps(value))

        return work

    images = leave("images", problems_json=[])
    evaluation = leave("evaluation", headlines_json={}, predictions_csv="")
    published = (("predictions.csv", "predictions.csv"),)
    monkeypatch.setattr(
        runs,
        "STEPS",
        (
            Step("images", "Read", images),
            Step("evaluation", "Score", evaluation, reads=("seed",), inputs=("images",), publishes=published),
        ),
    )
    return worked


def run_in(folder, seed=7):
    return Run(Recipe(name="small", seed=seed), RunFolder(folder), synthetic=True, dataset=None)


def finish(run):
    return run.execute()


def test_an_interrupted_run_is_finished_no_more(tmp_path, done, monkeypatch):
    monkeypatch.setenv("HANDBONE_RUNS", str(tmp_path))
    finish(run_in(tmp_path / "earlier"))
    finish(run_in(tmp_path / "later"))
    os.utime(tmp_path / "earlier" / "manifest.json", (1, 1))
    assert latest_run() == tmp_path / "later"

    def stop(context, part):
        raise KeyboardInterrupt

    object.__setattr__(runs.STEPS[1], "work", stop)
    with pytest.raises(KeyboardInterrupt):
        finish(run_in(tmp_path / "later", seed=8))
    assert not is_finished_run(tmp_path / "later") and latest_run() == tmp_path / "earlier"
    with pytest.raises(HandboneError, match="no finished run"):
        finished_run(tmp_path / "later")


def test_a_run_that_is_interrupted_between_its_predictions_and_its_manifest_is_not_finished(
    tmp_path, done, monkeypatch
):
    finish(run_in(tmp_path))

    def stop(*_, **__):
        assert (tmp_path / "predictions.csv").is_file()
        raise KeyboardInterrupt

    monkeypatch.setattr(runs, "write_manifest", stop)
    with pytest.raises(KeyboardInterrupt):
        finish(run_in(tmp_path, seed=8))
    assert not is_finished_run(tmp_path)


def test_a_manifest_without_predictions_is_no_finished_run(tmp_path, done, monkeypatch):
    monkeypatch.setenv("HANDBONE_RUNS", str(tmp_path))
    finish(run_in(tmp_path / "one"))
    (tmp_path / "one" / "predictions.csv").unlink()
    with pytest.raises(HandboneError, match="no finished run"):
        latest_run()


def test_the_plan_is_made_when_the_run_is_held_and_what_another_process_did_is_not_done_again(
    tmp_path, done, monkeypatch
):
    mine, shown, held = run_in(tmp_path), [], folder.hold

    def held_after_others(lock, **words):
        monkeypatch.setattr(folder, "hold", held)
        finish(run_in(tmp_path))
        finish(run_in(tmp_path, seed=8))
        assert done == ["images", "evaluation", "evaluation"]
        return held(lock, **words)

    def show(plan):
        with pytest.raises(HandboneError, match=rf"handbone process \({os.getpid()} on "):
            finish(run_in(tmp_path))
        shown.extend(planned.state for planned in plan)

    monkeypatch.setattr(folder, "hold", held_after_others)
    mine.execute(show)
    assert shown == ["reused", "redone"] and done[3:] == ["evaluation"]
    states = json.loads((tmp_path / "manifest.json").read_text())["steps"]
    assert states["evaluation"]["state"] == "redone"


@pytest.mark.parametrize(
    ("file", "degradation"),
    [
        ("images/problems.json", b"[0]"),
        ("images/problems.json", b""),
        ("evaluation/predictions.csv", None),
        ("evaluation/step.json", b'{"step": "evalua'),
        ("evaluation/step.json", b""),
        ("evaluation/step.json", b"[]"),
        ("evaluation/step.json", b'{"seconds": 1, "files": 7}'),
    ],
)
def test_a_damaged_step_is_made_again_with_a_line_that_says_so(tmp_path, done, capfd, file, degradation):
    finish(run_in(tmp_path))
    before = (tmp_path / "steps" / "images" / "problems.json").read_bytes()
    victim = tmp_path / "steps" / file
    victim.unlink() if degradation is None else victim.write_bytes(degradation)
    plan = run_in(tmp_path).plan()
    assert [planned.state for planned in plan if planned.state != "reused"] == ["damaged"]
    finish(run_in(tmp_path))
    assert done == ["images", "evaluation", file.partition("/")[0]]
    assert f"steps/{file} is damaged: the step runs again" in capfd.readouterr().err
    assert (tmp_path / "steps" / "images" / "problems.json").read_bytes() == before
    assert {planned.state for planned in run_in(tmp_path).plan()} == {"reused"}


@pytest.mark.parametrize("content", ["", "{", "[]", '{"data": '])
def test_a_damaged_manifest_is_a_sentence(tmp_path, done, content):
    finish(run_in(tmp_path))
    (tmp_path / "manifest.json").write_text(content)
    with pytest.raises(HandboneError, match=r"manifest\.json: is damaged; give the same 'handbone run' again"):
        finished_run(tmp_path)


def test_a_file_that_a_step_should_have_left_is_named(tmp_path, done):
    finish(run_in(tmp_path))
    (tmp_path / "steps" / "evaluation" / "headlines.json").write_text("{")
    with pytest.raises(HandboneError, match=r"headlines\.json: is missing or damaged; give the same 'handbone run'"):
        run_in(tmp_path).context().metrics()


@pytest.mark.parametrize("invert", ["auto", "yes", "no"])
def test_a_recipe_may_know_better_whether_images_are_inverted(tmp_path, invert):
    grey = np.full((64, 64), 255, np.uint8)
    cv2.ellipse(grey, (32, 40), (16, 36), 0, 0, 360, 0, -1)
    (tmp_path / "data").mkdir()
    cv2.imwrite(str(tmp_path / "data" / "a.png"), grey)
    recipe = Recipe(name="small", data=Data(path=str(tmp_path / "data"), cache=str(tmp_path / "cache"), invert=invert))
    context = Context(recipe, RunFolder(tmp_path), False, open_dataset(recipe.data))
    expected = grey if invert == "no" else 255 - grey
    assert np.array_equal(context.cache.open(context.dataset.samples[0].image), expected)


def test_peak_memory_is_counted_where_the_system_can(monkeypatch):
    assert 0.05 < manifest.peak_memory_gb() < 1000
    code = (
        "import sys; sys.modules['resource'] = None; from handbone.runs.manifest import peak_memory_gb; "
        "import handbone.runs.engine; print(peak_memory_gb())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.strip() == "None", done.stderr


def test_a_run_ends_also_where_memory_is_not_counted(tmp_path, done, monkeypatch, capsys):
    monkeypatch.setattr(manifest, "resource", None)
    show_result(finish(run_in(tmp_path)), as_json=False)
    assert json.loads((tmp_path / "manifest.json").read_text())["peak_memory_gb"] is None
    told = capsys.readouterr().out
    assert "0.0 min. Open" in told and f"handbone predict IMAGES -w {tmp_path}\n" in told


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    return marks(tmp_path_factory.mktemp("plain"))


def marks(folder, *overrides):
    """The fingerprint of each step of the recipe `tiny` on synthetic hands."""
    opened = runs.open_run("tiny", ["data.path=synthetic", *overrides], folder)
    return {planned.step.name: planned.fingerprint for planned in opened.plan()}


# Every one redoes the page too, which shows the recipe.
LAST = {"predictions", "evaluation", "report"}


@pytest.mark.parametrize(
    ("override", "redone"),
    [
        ("synthetic.seed=5", {"synthetic", "images", "coarse", "frames", "refiner", *LAST}),
        ("split.seed=5", {"images", "coarse", "frames", "refiner", *LAST}),
        ("coarse.train.lr=0.5", {"coarse", "frames", "refiner", *LAST}),
        ("roi.size_px=700", {"frames", "refiner", *LAST}),
        ("predict.find_hand=64", {"frames", "refiner", *LAST}),
        ("roi.jitter=0.25", {"refiner", *LAST}),
        ("refine.train.lr=0.5", {"refiner", *LAST}),
        ("merge.feather=0.3", LAST),
        ("evaluate.nsd_tolerances_px=[7]", {"evaluation", "report"}),
        ("coarse.train.workers=3", {"report"}),
    ],
)
def test_a_key_redoes_the_steps_that_depend_on_it_and_no_other(tmp_path, plain, override, redone):
    changed = marks(tmp_path, override)
    assert {name for name, fingerprint in changed.items() if fingerprint != plain[name]} == redone
