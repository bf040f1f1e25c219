"""Parts of a run by themselves: finished runs, what memory a training needs, what a manifest says, wrong recipes."""

import json
import os

import pytest
import torch
from weights_small import MODEL

from handbone.core.errors import HandboneError
from handbone.recipe.schema import Choice, Network, Recipe, Refine, Train
from handbone.recipe.schema.recipe import Coarse
from handbone.runs.checks import check_recipe
from handbone.runs.fingerprints import described, fingerprint_of
from handbone.runs.folder import RunFolder
from handbone.runs.load_run import finished_run, is_finished_run, latest_run
from handbone.runs.manifest import environment, peak_memory_gb, write_manifest
from handbone.runs.memory import training_memory_gb
from handbone.runs.plan import PlannedStep, Result
from handbone.runs.ranks import rank_name, wait_until
from handbone.runs.step import Step


def finished(folder, *, data="own", at=0):
    folder.mkdir(parents=True)
    (folder / "predictions.csv").write_text("a")
    (folder / "manifest.json").write_text(json.dumps({"data": data}))
    os.utime(folder / "manifest.json", (at, at))
    return folder


def test_the_latest_run_is_the_one_whose_manifest_is_the_youngest(tmp_path, monkeypatch):
    monkeypatch.setenv("HANDBONE_RUNS", str(tmp_path / "runs"))
    with pytest.raises(HandboneError, match="there is no finished run; start one with 'handbone run'"):
        latest_run()
    for name, at in (("b", 100), ("a", 300), ("c", 200)):
        finished(tmp_path / "runs" / name, at=at)
    assert latest_run() == tmp_path / "runs" / "a"
    (tmp_path / "runs" / "a" / "predictions.csv").unlink()
    assert latest_run() == tmp_path / "runs" / "c" and not is_finished_run(tmp_path / "runs" / "a")


@pytest.mark.parametrize("text", ["", "[]", "{}", "{", '"own"', "3"])
def test_a_manifest_that_cannot_be_read_is_a_damaged_run(tmp_path, text):
    folder = finished(tmp_path / "run")
    (folder / "manifest.json").write_text(text)
    with pytest.raises(HandboneError, match="is damaged; give the same 'handbone run' again"):
        finished_run(folder)


def test_a_run_whose_images_are_gone_says_so(tmp_path):
    folder = finished(tmp_path / "run")
    (folder / "recipe.toml").write_text(f'name = "a"\n\n[data]\npath = "{tmp_path}/gone"\n')
    with pytest.raises(HandboneError, match=r"the run's images were not found; run the command in the folder"):
        finished_run(folder)
    with pytest.raises(HandboneError, match="there is no finished run; give the folder"):
        finished_run(tmp_path)


def network(size=64, **train):
    return Network(size=size, model=MODEL, train=Train(**{"epochs": 2, **train}))


@pytest.mark.slow
def test_memory_grows_with_what_is_trained_at_once():
    resized = network(256, batch_size=2, progressive_resizing=[{"size": 128, "share": 0.5, "batch_size": 32}])
    large, more, most = (training_memory_gb(each) for each in (network(256), network(256, batch_size=8), resized))
    # Activations grow with the pixels of a batch; weights stay.
    assert large > 0.9 and (more - 0.9) / (large - 0.9) == pytest.approx(4, rel=0.1)
    assert most == pytest.approx(more, rel=0.01)


def test_a_manifest_says_what_ran_and_nothing_of_the_user(tmp_path):
    folder = tmp_path / "secret_patient" / "run"
    (folder / "weights").mkdir(parents=True)
    (folder / "weights" / "coarse.safetensors").write_bytes(b"weights")
    plan = [PlannedStep(Step("images", "Reads", print), "a" * 16, "reused")]
    result = Result(folder, {"all": {"coarse": 0.9}}, {"images": 1.26}, 1.2345, [{"file": "x.png"}])
    recipe = Recipe(name="small", data={"path": str(tmp_path / "secret_patient")}, seed=5)
    write_manifest(folder / "manifest.json", recipe, plan, result, synthetic=False)
    text = (folder / "manifest.json").read_text()
    said = json.loads(text)
    assert (said["recipe"], said["seed"], said["data"]) == ("small", 5, "own") and "secret_patient" not in text
    assert said["steps"] == {"images": {"fingerprint": "a" * 16, "state": "reused"}}
    assert said["seconds"] == {"images": 1.3} and said["peak_memory_gb"] == 1.23
    assert list(said["weights"]) == ["coarse.safetensors"] and len(said["weights"]["coarse.safetensors"]) == 64
    assert said["metrics_are"] is None and said["problems"] == [{"file": "x.png"}]
    assert said["environment"] == environment() and said["environment"]["packages"]["numpy"]
    assert said["environment"]["threads"] == torch.get_num_threads() and peak_memory_gb() > 0.05


def test_what_the_metrics_are_comes_from_the_evaluation(tmp_path):
    basis = tmp_path / "steps" / "evaluation" / "basis.json"
    basis.parent.mkdir(parents=True)
    basis.write_text('"of patients that nothing has seen"')
    write_manifest(tmp_path / "manifest.json", Recipe(name="a"), [], Result(tmp_path, {}, {}, None), synthetic=True)
    said = json.loads((tmp_path / "manifest.json").read_text())
    assert said["metrics_are"] == "of patients that nothing has seen"
    assert said["data"] == "synthetic" and said["peak_memory_gb"] is None


WRONG = {
    "coarse.model: .*unett.*did you mean 'unet'": {"coarse": Coarse(model=Choice(name="unett"))},
    "refine.model: .*unett": {"refine": Refine(model=Choice(name="unett"))},
    "coarse.train.optimiser: .*adan": {"coarse": Coarse(train=Train(optimiser=Choice(name="adan")))},
    "coarse.train.scheduler: .*cosin.*did you mean 'cosine'": {
        "coarse": Coarse(train=Train(scheduler=Choice(name="cosin")))
    },
    "coarse.train.loss: .*dise": {"coarse": Coarse(train=Train(loss="dise + bce"))},
    "coarse.weights: no/such/file: no such file or folder": {"coarse": Coarse(weights="no/such/file")},
    "coarse.weights: coarse: no such file or folder, and no weights of that name": {"coarse": Coarse(weights="coarse")},
    "evaluate.metrics: .*no_metric": {"evaluate": {"metrics": [{"name": "no_metric"}]}},
}


@pytest.mark.parametrize("words", list(WRONG))
def test_a_recipe_that_cannot_work_is_refused_with_its_file_and_key(words):
    with pytest.raises(HandboneError, match=rf"(?s)here\.toml.*{words}"):
        check_recipe(Recipe(name="a", **WRONG[words]), where="here.toml")


def test_all_mistakes_are_told_at_once_and_a_right_recipe_has_none():
    wrong = Coarse(model=Choice(name="unett"), train=Train(loss="dise", optimiser=Choice(name="adan")))
    with pytest.raises(HandboneError) as caught:
        check_recipe(Recipe(name="a", coarse=wrong), where="here.toml")
    told = str(caught.value)
    assert all(key in told for key in ("coarse.model", "coarse.train.optimiser", "coarse.train.loss"))
    check_recipe(Recipe(name="a"), where="here.toml")
    check_recipe(Recipe(name="a", refine=Refine(weights="coarse")), where="here.toml")


@pytest.mark.parametrize(
    ("surroundings", "name"),
    [
        ({}, "rank 0"),
        ({"RANK": "3"}, "rank 3"),
        ({"SLURM_PROCID": "2", "LOCAL_RANK": "1"}, "rank 2"),
        ({"LOCAL_RANK": "1"}, "rank 1"),
        ({"NODE_RANK": "2", "LOCAL_RANK": "1"}, "rank 1 of node 2"),
    ],
)
def test_a_process_is_called_by_its_launchers_count(monkeypatch, surroundings, name):
    for each in ("RANK", "SLURM_PROCID", "NODE_RANK", "LOCAL_RANK"):
        monkeypatch.delenv(each, raising=False)
    for key, value in surroundings.items():
        monkeypatch.setenv(key, value)
    assert rank_name() == name


def test_a_process_waits_until_the_first_is_ready(monkeypatch):
    slept = []
    monkeypatch.setattr("handbone.runs.ranks.time.sleep", slept.append)
    wait_until(lambda: len(slept) >= 3, "it drew the images")
    assert len(slept) == 3


def test_fingerprints_depend_on_values_and_on_nothing_else():
    assert fingerprint_of({"a": 1, "b": [2, 3]}) == fingerprint_of({"b": [2, 3], "a": 1})
    values = [{"a": 1}, {"a": "1"}, {"a": 1.5}, {"a": None}, {"b": 1}, {"a": [1]}, {"a": [1, 2]}, {"a": [2, 1]}]
    assert len({fingerprint_of(value) for value in values}) == len(values)
    assert all(len(fingerprint_of(value)) == 16 for value in values)


def test_a_chosen_thing_counts_with_the_defaults_of_its_settings():
    schedules = Choice(name="cosine"), Choice(name="cosine", floor=0.01)
    recipes = [Recipe(name="a", coarse=Coarse(train=Train(scheduler=one))) for one in schedules]
    plain, told = (described(recipe, ["coarse.train.scheduler"]) for recipe in recipes)
    behind = plain["coarse.train.scheduler"][1]
    assert behind == told["coarse.train.scheduler"][1] and behind["settings"] == {"floor": 0.01}
    assert behind["plugin"] is None and behind["files"] == {}


def test_a_step_s_folder_is_whole_only_after_its_work(tmp_path):
    folder = RunFolder(tmp_path)
    with folder.work_on("images", "a" * 16) as workdir:
        (workdir / "inner").mkdir()
        (workdir / "inner" / "splits.json").write_text("{}")
        assert folder.state("images", "a" * 16) == "continued" and not folder.step("images").exists()
    assert folder.state("images", "a" * 16) == "reused" and folder.state("images", "b" * 16) == "redone"
    assert folder.damage("images") is None and folder.seconds("images") >= 0
    (folder.step("images") / "inner" / "splits.json").write_text("{ }")
    assert folder.damage("images") == "steps/images/inner/splits.json"
