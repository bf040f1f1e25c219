"""A recipe with [prompt] through the real command line, with a segment-anything network made for tests."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from prompters_small import write_checkpoint

from handbone.method.settings import read_settings
from handbone.weights.network_file import read_card

pytestmark = pytest.mark.slow

RECIPE = """
extends = "tiny"

[prompt]
prompter = { name = "segment_anything", checkpoint = "small.pth" }
bones = ["wrist", "metacarpals"]

[prompt.tune]
rois = 4
validation = 2
epochs = 2
"""


def handbone(*words: str, folder: Path) -> subprocess.CompletedProcess:
    others = {name: value for name, value in os.environ.items() if not name.startswith("HANDBONE_")}
    environment = {**others, "HANDBONE_CACHE": str(folder / "cache"), "COLUMNS": "200"}
    command = str(Path(sys.executable).with_name("handbone"))
    return subprocess.run([command, *words], cwd=folder, capture_output=True, text=True, env=environment)


@pytest.fixture(scope="module")
def home(tmp_path_factory) -> Path:
    """A folder in which the recipe has been run once."""
    folder = tmp_path_factory.mktemp("home")
    write_checkpoint(folder / "small.pth")
    (folder / "mine.toml").write_text(RECIPE, encoding="utf-8")
    done = handbone("run", "mine.toml", folder=folder)
    assert done.returncode == 0, done.stderr
    return folder


def states(folder: Path, *words: str) -> dict[str, str]:
    plan = handbone("run", "mine.toml", *words, "--dry-run", "--json", folder=folder)
    assert plan.returncode == 0, plan.stderr
    return {step["name"]: step["state"] for step in json.loads(plan.stdout)["steps"]}


def test_a_run_tunes_the_decoder_and_predicts_with_it(home):
    run = home / "runs" / "mine"
    card = read_card(run / "weights" / "prompter.safetensors")
    assert card.stage == "prompter" and card.training["val_dice"] >= card.training["val_dice_before"]
    assert list(pd.read_csv(run / "steps/prompter/history.csv")["epoch"]) == [1, 2]
    assert set(pd.read_csv(run / "metrics.csv")["stage"]) == {"coarse", "merged"}
    assert "Mask decoder" in (run / "report.html").read_text(encoding="utf-8")
    record = json.loads(next((run / "steps/predictions/images").glob("*.json")).read_text())
    assert len(record["prompt_decisions"]) == 13 and len(record["decisions"]) == 8
    assert len(list((home / "cache" / "embeddings").rglob("*.npy"))) == 6


def test_changed_prompts_redo_only_what_depends_on_them(home):
    assert set(states(home).values()) == {"reused"}
    changed = states(home, "--set", "prompt.positives=1")
    assert changed["coarse"] == changed["refiner"] == "reused"
    assert changed["prompter"] == changed["predictions"] == "redone"
    without = states(home, "--set", "prompt=false")
    assert "prompter" not in without and without["refiner"] == "reused"


def test_a_run_without_tuning_shares_all_trainings_and_predicts_with_the_decoder_as_it_came(home):
    done = handbone("run", "mine.toml", "--set", "prompt.tune=false", folder=home)
    assert done.returncode == 0, done.stderr
    assert "Train the refiner: reused" in done.stderr
    assert read_card(home / "runs/mine/weights/prompter.safetensors").training == {}


def test_a_calibrated_gate_is_learned_for_prompted_masks_too(home):
    words = ("--set", "merge.gate=calibrated", "--set", "predict.calibrate=10", "-o", "runs/gated")
    done = handbone("run", "mine.toml", *words, folder=home)
    assert done.returncode == 0, done.stderr
    learned = json.loads((home / "runs/gated/steps/calibration/calibration.json").read_text())["final"]["prompt_gate"]
    gate = read_settings(home / "runs/gated").prompt.gate
    assert (gate and gate.model_dump(mode="json")) == learned
    assert learned is None or learned["images"] == 10


def test_the_runs_weights_predict_again_with_all_three_stages(home):
    made = handbone("data", "draw", "--count", "1", "--seed", "9", "--size", "256", "-o", "new", folder=home)
    assert made.returncode == 0, made.stderr
    done = handbone("predict", "new", "-w", "runs/mine", "-o", "out", "--json", folder=home)
    assert done.returncode == 0, done.stderr
    (image, *_) = json.loads(done.stdout)["images"]
    assert "prompt" in image["seconds"] and len(image["prompt_decisions"]) == 13


@pytest.mark.parametrize(
    ("word", "sentence"),
    [
        (
            "prompt.prompter.checkpoint=gone.pth",
            "prompt.prompter: prompter 'segment_anything': checkpoint",
        ),
        ("prompt.prompter=segment_anythin", "did you mean 'segment_anything'"),
        ("prompt.bones=['carpus']", "unknown bone or group 'carpus'"),
    ],
)
def test_mistakes_are_refused_before_any_work(home, word, sentence):
    done = handbone("run", "mine.toml", "--set", word, "-o", "other", folder=home)
    assert done.returncode == 1 and sentence in done.stderr and not (home / "other").exists()


def test_refine_prompts_a_checkpoint_after_the_refiner(home):
    done = handbone("refine", "--classes", "wrist", "--sam", "small.pth", "-o", "prompted", folder=home)
    assert done.returncode == 0, done.stderr
    decisions = pd.read_csv(home / "prompted/decisions.csv")
    assert set(decisions["roi"]) == {"wrist", "prompt"}
    assert json.loads((home / "prompted/refinement.json").read_text())["sam"] == "small.pth"
    missing = handbone("refine", "--sam", "sam_vit_b.pth", "-o", "other", folder=home)
    assert missing.returncode == 1 and "there is no such checkpoint" in missing.stderr
    unknown = handbone("refine", "--sam", "segment_anythin", "-o", "other", folder=home)
    assert unknown.returncode == 1 and "segment_anything" in unknown.stderr and not (home / "other").exists()
