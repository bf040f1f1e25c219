import json

import pytest
from plugins_disk import HEAD, handbone, write_bad, write_plugin

from handbone.core.errors import HandboneError
from handbone.plugins import PluginManager, events, hookimpl

TINY = ("run", "tiny", "--set", "refine=false", "--json")

# Writes down every event with its arguments.
DIARY = (
    HEAD
    + """
import json, pathlib

DIARY = pathlib.Path(__file__).parent / "diary.jsonl"


def note(**what):
    print("noted")
    with open(DIARY, "a") as file:
        file.write(json.dumps(what, default=str) + "\\n")


@hookimpl
def handbone_run_started(recipe, folder):
    note(event="run_started", recipe=recipe.name, folder=folder.name)


@hookimpl
def handbone_run_ended(error, recipe):
    note(event="run_ended", error=error, recipe=recipe.name)


@hookimpl
def handbone_step_started(step):
    note(event="step_started", step=step)


@hookimpl
def handbone_step_finished(step, seconds, *, quick=False):
    note(event="step_finished", step=step, seconds=seconds)


@hookimpl
def handbone_epoch_ended(stage, epoch, metrics):
    note(event="epoch_ended", stage=stage, epoch=epoch, metrics=dict(metrics))


@hookimpl
def handbone_prediction_made(image_name, masks, confidence):
    note(event="prediction_made", image_name=image_name, size=masks.size_hw, confidence=confidence)
"""
)

FAILING = (
    HEAD
    + """
import sys


@hookimpl
def handbone_epoch_ended():
    raise ValueError("no tracker")


@hookimpl
def handbone_step_started():
    sys.exit(1)


@hookimpl
def handbone_prediction_made(confidence):
    confidence.clear()
"""
)


LIAR = (
    HEAD
    + """
def build(settings):
    import torch

    return torch.nn.BCEWithLogitsLoss(reduction="none")


@hookimpl
def handbone_losses():
    return [LossSpec(name="liar", summary="No scalar", build=build)]
"""
)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A tiny run with every bad plugin, one that writes down events, and one whose events fail."""
    site = tmp_path_factory.mktemp("site")
    write_bad(site)
    write_plugin(site, "handbone-diary", DIARY)
    write_plugin(site, "handbone-failing", FAILING)
    write_plugin(site, "handbone-liar", LIAR, version="4.0")
    done = handbone(*TINY, site=site, timeout=240)
    assert done.returncode == 0, done.stderr
    return site, done


@pytest.mark.slow
def test_a_run_works_with_every_bad_plugin_installed(run):
    site, done = run
    assert json.loads(done.stdout)["metrics"]
    assert (site / "runs/tiny/report.html").exists()
    assert done.stderr.count("is not loaded:") >= 20


@pytest.mark.slow
def test_events_tell_the_course_of_a_run(run):
    site, _ = run
    diary = [json.loads(line) for line in (site / "diary.jsonl").read_text().splitlines()]
    steps = ["synthetic", "images", "coarse", "predictions", "evaluation", "report"]
    assert diary[0] == {"event": "run_started", "recipe": "tiny", "folder": "tiny"}
    assert diary[-1] == {"event": "run_ended", "error": None, "recipe": "tiny"}
    for event in ("step_started", "step_finished"):
        assert [entry["step"] for entry in diary if entry["event"] == event] == steps
    epochs = [entry for entry in diary if entry["event"] == "epoch_ended"]
    assert [(entry["stage"], entry["epoch"]) for entry in epochs] == [("coarse", 0), ("coarse", 1)]
    assert {"train_loss", "val_dice", "lr"} <= set(epochs[-1]["metrics"])
    made = [entry for entry in diary if entry["event"] == "prediction_made"]
    assert len(made) == 4 and {tuple(entry["size"]) for entry in made} == {(256, 256)}
    order = [entry.get("step", entry["event"]) for entry in diary]
    assert order.index("coarse") < order.index("epoch_ended") < order.index("prediction_made")


@pytest.mark.slow
def test_a_failing_event_is_told_once_and_stops_nothing(run):
    _, done = run
    for sentence in (
        "plugin handbone-failing 1.0: its handbone_epoch_ended failed: ValueError: no tracker",
        "plugin handbone-failing 1.0: its handbone_step_started failed: SystemExit: 1",
    ):
        assert done.stderr.count(sentence) == 1


@pytest.mark.slow
def test_the_same_run_again_fires_no_step(run):
    site, _ = run
    before = len((site / "diary.jsonl").read_text().splitlines())
    done = handbone(*TINY, site=site, HANDBONE_PLUGINS="handbone-diary")
    assert done.returncode == 0, done.stderr
    diary = [json.loads(line) for line in (site / "diary.jsonl").read_text().splitlines()[before:]]
    assert [entry["event"] for entry in diary] == ["run_started", "run_ended"]


@pytest.mark.slow
def test_the_manifest_names_plugins_with_their_digest(run):
    site, _ = run
    plugins = json.loads((site / "runs/tiny/manifest.json").read_text())["plugins"]
    # The run was repeated with one plugin alone.
    assert set(plugins) <= {"handbone-diary", "handbone-failing", "handbone-liar"} and "handbone-diary" in plugins
    info = json.loads(handbone("plugins", "info", "handbone-diary", "--json", site=site).stdout)
    assert plugins["handbone-diary"] == {"version": "1.0", "sha256": info["sha256"]}


@pytest.mark.slow
def test_a_spec_that_lies_ends_the_run_and_the_event_says_so(run, tmp_path):
    site, _ = run
    before = len((site / "diary.jsonl").read_text().splitlines())
    words = ("--set", "coarse.train.loss=liar", "-o", str(tmp_path / "failing"))
    done = handbone(*TINY, *words, site=site, HANDBONE_PLUGINS="handbone-diary,handbone-liar")
    assert done.returncode == 1 and "Traceback" not in done.stderr
    sentence = "the loss 'liar' of handbone-liar 4.0 does not return a scalar tensor, but a tensor of the shape (2, 29"
    assert sentence in done.stderr
    diary = [json.loads(line) for line in (site / "diary.jsonl").read_text().splitlines()[before:]]
    assert diary[-1]["event"] == "run_ended" and sentence in diary[-1]["error"]


@pytest.mark.slow
def test_of_two_processes_the_first_one_tells(tmp_path):
    write_plugin(tmp_path, "handbone-diary", DIARY)
    words = ("--set", "coarse.train.devices=2", "--set", "coarse.train.strategy=ddp", "--set", "coarse.train.epochs=1")
    done = handbone(*TINY, *words, site=tmp_path, timeout=240)
    assert done.returncode == 0, done.stderr
    diary = [json.loads(line)["event"] for line in (tmp_path / "diary.jsonl").read_text().splitlines()]
    counts = [diary.count(event) for event in ("run_started", "run_ended", "step_started", "epoch_ended")]
    assert (counts, diary.count("prediction_made")) == ([1, 1, 6, 1], 4)


def test_strict_plugins_stop_a_run(monkeypatch):
    class Failing:
        @hookimpl
        def handbone_step_started(self, step):
            raise RuntimeError(step)

    plugins = PluginManager(entry_points=False)
    plugins.register(Failing(), package="handbone-failing", version="3")
    monkeypatch.setattr(events, "registry", lambda: plugins)
    assert events.has_listeners("handbone_step_started") and not events.has_listeners("handbone_run_ended")
    events.notify("handbone_step_started", step="coarse", folder=None)
    monkeypatch.setenv("HANDBONE_STRICT_PLUGINS", "1")
    with pytest.raises(
        HandboneError, match="handbone-failing 3: its handbone_step_started failed: RuntimeError: coarse"
    ):
        events.notify("handbone_step_started", step="coarse", folder=None)
