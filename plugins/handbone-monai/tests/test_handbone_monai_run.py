"""Recipes that name MONAI's networks and losses, through the real command line of the environment."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

RECIPE = """
extends = "tiny"
name = "monai"

[coarse]
size = 64
model = { name = "monai_basic_unetplusplus", from = "handbone-monai", features = [8, 8, 8, 16, 16, 8] }

[coarse.train]
epochs = 1
progressive_resizing = []
batch_size = 1 # two images, two steps
loss = "monai_dice_focal + 0.01 * monai_log_hausdorff_dt"

[refine]
model = { name = "monai_unet", channels = [8, 8, 16], strides = [2, 2] }

[refine.train]
batch_size = 1
loss = "monai_dice + bce"
"""
SHIPPED = Path(__file__).parents[1] / "recipes" / "monai.toml"


def handbone(*words: str, folder: Path) -> subprocess.CompletedProcess:
    others = {name: value for name, value in os.environ.items() if not name.startswith("HANDBONE_")}
    surroundings = {**others, "HANDBONE_CACHE": str(folder / "cache"), "COLUMNS": "200"}
    program = Path(sys.executable).with_name("handbone")
    return subprocess.run([program, *words], cwd=folder, capture_output=True, text=True, env=surroundings)


@pytest.fixture(scope="module")
def home(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("home")
    (folder / "monai.toml").write_text(RECIPE, encoding="utf-8")
    done = handbone("run", "monai.toml", folder=folder)
    assert done.returncode == 0, done.stderr
    return folder


def test_a_run_trains_with_them(home):
    run = home / "runs" / "monai"
    assert 'from = "handbone-monai"' in (run / "recipe.toml").read_text(encoding="utf-8")
    assert (run / "report.html").stat().st_size > 0
    manifest = json.loads((run / "manifest.json").read_text(encoding="utf-8"))
    assert "handbone-monai" in json.dumps(manifest)


def test_its_weights_predict(home):
    done = handbone("data", "draw", "--count", "1", "--size", "256", "-o", "drawn", folder=home)
    assert done.returncode == 0, done.stderr
    done = handbone("predict", "drawn", "-o", "out", "--weights", "runs/monai", folder=home)
    # Weights of a few steps find no hand, which is an outcome of its own.
    assert done.returncode in (0, 1) and "Traceback" not in done.stderr, done.stderr
    [image] = json.loads((home / "out" / "predictions.json").read_text(encoding="utf-8"))["images"]
    assert image["outcome"] in ("outlined", "no_hand") and image["error"] is None
    assert (home / "out" / "predictions.csv").stat().st_size > 0


def test_the_shipped_recipe_names_what_is_there(home):
    done = handbone("recipes", "validate", str(SHIPPED), folder=home)
    assert done.returncode == 0, done.stderr
    done = handbone("run", str(SHIPPED), "--dry-run", "--json", folder=home)
    assert done.returncode == 0, done.stderr
    assert {step["name"] for step in json.loads(done.stdout)["steps"]} >= {"coarse", "refiner"}
