"""The whole method through the real command line, on synthetic hands small enough for seconds."""

import csv
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest

from handbone.anatomy import NAMES
from handbone.method.settings import read_settings

pytestmark = pytest.mark.slow

HANDBONE = (str(Path(sys.executable).with_name("handbone")),)


def handbone(*words: str, folder: Path, **more) -> subprocess.CompletedProcess:
    """Run the command line in `folder`, as a user would."""
    return subprocess.run(
        [*HANDBONE, *words], cwd=folder, capture_output=True, text=True, env=surroundings(folder), **more
    )


def surroundings(folder: Path) -> dict[str, str]:
    others = {name: value for name, value in os.environ.items() if not name.startswith("HANDBONE_")}
    return {**others, "HANDBONE_CACHE": str(folder / "cache"), "COLUMNS": "200"}


@pytest.fixture(scope="module")
def home(tmp_path_factory) -> Path:
    """A folder in which `handbone run tiny` has been run once."""
    folder = tmp_path_factory.mktemp("home")
    done = handbone("run", "tiny", folder=folder)
    assert done.returncode == 0, done.stderr
    return folder


def test_run_leaves_everything_that_is_promised(home):
    run = home / "runs" / "tiny"
    for file in ("recipe.toml", "manifest.json", "metrics.csv", "summary.csv", "predictions.csv", "report.html"):
        assert (run / file).stat().st_size > 0, file
    for file in ("coarse.safetensors", "refiner.safetensors"):
        assert (run / "weights" / file).stat().st_size > 100_000
    manifest = json.loads((run / "manifest.json").read_text())
    assert manifest["data"] == "synthetic"
    assert manifest["seed"] == 7
    assert manifest["environment"]["packages"]["torch"]
    assert set(manifest["seconds"]) == {
        "synthetic", "images", "coarse", "frames", "refiner", "predictions", "evaluation", "report",
    }  # fmt: skip
    text = (run / "manifest.json").read_text() + (run / "recipe.toml").read_text()
    assert str(home) not in text, "no paths of the user's"


def test_predictions_are_in_the_contests_format(home):
    with open(home / "runs/tiny/predictions.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    names = sorted({row["image_name"] for row in rows})
    assert [row["image_name"] for row in rows] == [name for name in names for _ in NAMES]
    assert [row["class"] for row in rows] == list(NAMES) * len(names)
    test = home / "runs/tiny/steps/synthetic/set/test/DCM"
    assert names == sorted(path.name for path in test.rglob("*.png"))


def test_metrics_have_a_row_for_each_image_bone_and_stage(home):
    rows = pd.read_csv(home / "runs/tiny/metrics.csv")
    assert not rows.duplicated(["image_name", "bone", "stage"]).any()
    assert set(rows["stage"]) == {"coarse", "merged"}
    assert set(rows["split"]) == {"validation", "test"}
    assert rows["dice"].between(0, 1).all()


def test_same_command_again_reuses_every_step(home):
    before = (home / "runs/tiny/predictions.csv").read_bytes()
    again = handbone("run", "tiny", "--json", folder=home)
    assert again.returncode == 0
    assert again.stderr.count("reused") == 8
    assert json.loads(again.stdout)["seconds"]["coarse"] > 0
    assert (home / "runs/tiny/predictions.csv").read_bytes() == before


def test_dry_run_tells_what_a_change_would_cost_and_does_nothing(home):
    before = sorted((path, path.stat().st_mtime_ns) for path in (home / "runs").rglob("*"))
    plan = handbone("run", "tiny", "--set", "merge.feather=0.2", "--dry-run", "--json", folder=home)
    assert plan.returncode == 0, plan.stderr
    plan = json.loads(plan.stdout)
    states = {step["name"]: step["state"] for step in plan["steps"]}
    assert states["refiner"] == "reused"
    assert states["predictions"] == states["report"] == "redone"
    assert plan["memory_gb"]["coarse"] > 0.5
    assert sorted((path, path.stat().st_mtime_ns) for path in (home / "runs").rglob("*")) == before


def test_the_best_run_gives_each_bone(home):
    # tiny's two epochs leave every probability below .5, so that there would be no mask to join.
    tiny, other = home / "loose" / "tiny", home / "others" / "other"
    changes = ("--set", "coarse.train.epochs=10", "--set", "predict.threshold=0.3")
    done = handbone("run", "tiny", "-o", str(tiny), *changes, folder=home)
    assert done.returncode == 0, done.stderr
    shutil.copytree(tiny, other)
    rows = pd.read_csv(other / "metrics.csv")
    rows.loc[rows["split"] == "validation", "dice"] = 0.0
    rows.loc[rows["bone"] == "Lunate", "dice"] = 1.0
    rows.loc[rows["bone"] == "Lunate", "both_empty"] = False
    rows.to_csv(other / "metrics.csv", index=False)
    words = ("loose/tiny", "others/other", "--method", "best", "-o", "joined")
    done = handbone("ensemble", *words, "--json", folder=home)
    assert done.returncode == 0, done.stderr
    choices = json.loads(done.stdout)["settings"]["choices"]
    assert set(choices) == set(NAMES) and choices["Lunate"] == "other" and choices["Radius"] == "tiny"
    # Both are the same run, so that each bone is as it was.
    # They are joined at their own threshold.
    assert (home / "joined/predictions.csv").read_bytes() == (tiny / "predictions.csv").read_bytes()
    fitted = handbone("ensemble", *words[:2], "-o", "fitted", "--fit-thresholds", "--json", folder=home)
    assert fitted.returncode == 0, fitted.stderr
    validation = set(rows[rows["split"] == "validation"]["image_name"])
    assert json.loads(fitted.stdout)["thresholds_fitted_on"] == len(validation) > 0


def test_extra_metrics_cost_an_evaluation_and_a_report_alone(home):
    done = handbone("run", "tiny", "--set", 'evaluate.metrics=["iou", "assd_px"]', folder=home)
    assert done.returncode == 0, done.stderr
    assert done.stderr.count(": reused") == 6
    rows = pd.read_csv(home / "runs/tiny/metrics.csv")
    assert rows["iou"].dropna().between(0, 1).all() and (rows["assd_px"].dropna() >= 0).all()
    known = rows[rows["iou"].notna()]
    assert len(known) and (known["dice"] - 2 * known["iou"] / (1 + known["iou"])).abs().max() < 1e-3
    assert {"coarse_iou", "merged_assd_px", "iou_change"} <= set(pd.read_csv(home / "runs/tiny/summary.csv"))
    assert ">ASSD px</th>" in (home / "runs/tiny/report.html").read_text()
    again = handbone("run", "tiny", folder=home)
    assert again.returncode == 0 and again.stderr.count(": reused") == 6


def test_refine_takes_the_latest_run(home):
    done = handbone("refine", "--classes", "wrist", folder=home)
    assert done.returncode == 0, done.stderr
    before, after = (
        pd.read_csv(home / p)[["image_name", "class"]] for p in ("runs/tiny/predictions.csv", "refined/predictions.csv")
    )
    assert before.equals(after)
    assert json.loads((home / "refined/refinement.json").read_text())["weights"].endswith("tiny")
    unknown = handbone("refine", "--classes", "fingers", "-o", "fingers", folder=home)
    assert (
        unknown.returncode == 1
        and "refine.random_roi_probability" in unknown.stderr
        and not (home / "fingers").exists()
    )


def test_a_gate_is_calibrated_on_images_that_no_network_saw(home):
    changes = ("--set", "merge.gate=calibrated", "--set", "predict.calibrate=10", "--set", "predict.threshold=0.35")
    done = handbone("run", "tiny", *changes, "--json", folder=home)
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("reused") == 3
    learned = json.loads((home / "runs/tiny/steps/calibration/calibration.json").read_text())
    assert learned["final"]["presence"]["images"] == 10 and learned["folds"] == [], "no image of the run's own"
    card = read_settings(home / "runs/tiny")
    assert card.presence.coefficients == tuple(learned["final"]["presence"]["coefficients"])
    assert (card.refiner.gate and card.refiner.gate.threshold) == (learned["final"]["gate"] or {}).get("threshold")
    assert card.threshold == 0.35
    manifest = json.loads((home / "runs/tiny/manifest.json").read_text())
    assert manifest["metrics_are"].startswith("The metrics are those of the test images")


def test_two_regions_in_one_recipe(home):
    regions = 'refine.extra_rois=[{name="tips", bones=["finger-4", "finger-8"]}]'
    changes = ("--set", "merge.gate=calibrated", "--set", regions, "--set", "refine.random_roi_probability=0.5")
    changes += ("--set", "predict.threshold=0.05")
    done = handbone("run", "tiny", *changes, folder=home)
    assert done.returncode == 0 and "too few to calibrate the gate" in done.stderr
    records = [json.loads(p.read_text()) for p in (home / "runs/tiny/steps/predictions/images").glob("*.json")]
    assert all(set(record["frames"]) == {"wrist", "tips"} for record in records)
    assert {d["roi"] for record in records for d in record["decisions"]} == {"wrist", "tips"}
    words = ("predict", "runs/tiny/steps/synthetic/set/test", "-w", "runs/tiny", "-o")
    for out, more in (("applied", ()), ("half", ("--threshold", "0.5"))):
        assert handbone(*words, out, *more, folder=home).returncode == 0
    run, applied, half = (pd.read_csv(home / f / "predictions.csv") for f in ("runs/tiny", "applied", "half"))
    for table in (applied, half):  # the run's own names are base names
        table["image_name"] = table["image_name"].str.rsplit("/", n=1).str[-1]
    columns = list(run.columns)
    assert run[columns].astype(object).equals(applied[columns].astype(object)), "the run's threshold is in its card"
    assert not run[columns].astype(object).equals(half[columns].astype(object))
    done = handbone("refine", "--classes", "finger-4,Capitate,Radius", "-o", "three", folder=home)
    assert done.returncode == 0, done.stderr
    decisions = pd.read_csv(home / "three/decisions.csv")
    assert dict(zip(decisions["bone"], decisions["roi"], strict=True)) == {
        "finger-4": "tips", "Capitate": "wrist", "Radius": "asked for",
    }  # fmt: skip


def test_refiner_can_be_left_out(home):
    done = handbone("run", "tiny", "--set", "refine=false", folder=home)
    assert done.returncode == 0, done.stderr
    assert not (home / "runs/tiny/weights/refiner.safetensors").exists()
    assert set(pd.read_csv(home / "runs/tiny/metrics.csv")["stage"]) == {"coarse"}


def test_weights_can_be_used_as_they_are(home):
    shutil.copy(home / "runs/tiny/weights/coarse.safetensors", home / "mine.safetensors")
    words = ("run", "tiny", "-o", "runs/as_is", "--set", "coarse.train.epochs=0")
    done = handbone(*words, folder=home)
    assert done.returncode == 1
    assert "none are given" in done.stderr
    words += ("--set", "coarse.weights=mine.safetensors")
    plan = handbone(*words, "--dry-run", "--json", folder=home)
    assert plan.returncode == 0, plan.stderr
    plan = json.loads(plan.stdout)
    assert {s["name"]: s["sizes"] for s in plan["steps"]}["coarse"] == "unet, weights as they are"
    assert list(plan["memory_gb"]) == ["refiner"]
    done = handbone(*words, folder=home)
    assert done.returncode == 0, done.stderr
    run = home / "runs/as_is"
    assert (run / "steps/coarse/history.csv").read_text().count("\n") == 1
    page = (run / "report.html").read_text()
    assert "Refiner</h3>" in page and "Coarse network</h3>" not in page
    shutil.copy(run / "weights/refiner.safetensors", home / "mine.safetensors")
    plan = json.loads(handbone(*words, "--dry-run", "--json", folder=home).stdout)
    assert {s["name"]: s["state"] for s in plan["steps"]}["coarse"] == "redone", "other weights of the same name"


def test_killed_run_continues_and_ends_like_one_that_was_not(tmp_path):
    words = ("run", "tiny", "--set", "coarse.train.epochs=4", "--set", "refine=false")
    straight, broken = tmp_path / "straight", tmp_path / "broken"
    straight.mkdir()
    broken.mkdir()
    assert handbone(*words, folder=straight).returncode == 0

    process = subprocess.Popen(
        [*HANDBONE, *words], cwd=broken, env=surroundings(broken), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    history = broken / "runs/tiny/steps/.coarse.part/history.csv"
    deadline = time.monotonic() + 900
    while not (history.exists() and len(history.read_text().splitlines()) >= 3):
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not (broken / "runs/tiny/report.html").exists()

    done = handbone(*words, folder=broken)
    assert done.returncode == 0, done.stderr
    assert "synthetic radiographs: reused" in done.stderr
    epochs = [pd.read_csv(f / "runs/tiny/steps/coarse/history.csv") for f in (straight, broken)]
    assert list(epochs[0]["epoch"]) == list(epochs[1]["epoch"]) == [1, 2, 3, 4]
    tables = [(f / "runs/tiny/predictions.csv").read_bytes() for f in (straight, broken)]
    assert tables[0] == tables[1]


def test_two_processes_share_a_training(tmp_path):
    words = ["--set", "coarse.train.devices=2", "--set", "coarse.train.strategy=ddp", "--set", "refine=false"]
    done = handbone("run", "tiny", *words, folder=tmp_path, timeout=900)
    assert done.returncode == 0, done.stderr
    # The second process says nothing and writes nothing.
    assert done.stderr.count("3/6 Train the coarse network") == done.stderr.count("tiny → ") == 1
    assert len(pd.read_csv(tmp_path / "runs/tiny/steps/coarse/history.csv")) == 2
    assert (tmp_path / "runs/tiny/report.html").exists()
    assert not list((tmp_path / "runs/tiny/steps").glob(".*"))


def test_ctrl_c_says_how_to_go_on(tmp_path):
    process = subprocess.Popen(
        [*HANDBONE, "run", "tiny", "--set", "coarse.train.epochs=300"],
        cwd=tmp_path,
        env=surroundings(tmp_path),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        # A test run in the background hands down that SIGINT is to be ignored.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    history = tmp_path / "runs/tiny/steps/.coarse.part/history.csv"
    deadline = time.monotonic() + 900
    while not history.exists():
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    try:
        _, stderr = process.communicate(timeout=600)
    finally:
        process.kill()
    assert process.returncode == 130
    assert "Run the same command to continue" in stderr
    assert "Traceback" not in stderr


def test_broken_image_is_named_and_left_out_and_the_run_ends_with_1(tmp_path):
    made = handbone("data", "draw", "--count", "6", "--seed", "3", "--size", "256", "-o", "data", folder=tmp_path)
    assert made.returncode == 0, made.stderr
    victim = sorted((tmp_path / "data/train/DCM").rglob("*.png"))[0]
    victim.write_bytes(victim.read_bytes()[:500])
    done = handbone(
        "run",
        "tiny",
        "--set",
        "data.path=data",
        "--set",
        "refine=false",
        "--set",
        "coarse.train.epochs=2",
        folder=tmp_path,
    )
    assert done.returncode == 1
    assert victim.name in done.stdout
    assert (tmp_path / "runs/tiny/report.html").exists()
    assert victim.name in (tmp_path / "runs/tiny/report.html").read_text()
    manifest = json.loads((tmp_path / "runs/tiny/manifest.json").read_text())
    assert [problem["file"].endswith(victim.name) for problem in manifest["problems"]] == [True]


def test_coco_folder_with_a_class_map_is_own_data(tmp_path):
    made = handbone("data", "draw", "--count", "8", "--seed", "4", "--size", "256", "-o", "set", folder=tmp_path)
    assert made.returncode == 0, made.stderr
    write_coco(tmp_path / "set", tmp_path / "wrists")
    class_map = "".join(f'"{name.lower()} bone" = "{name}"\n' for name in NAMES)
    recipe = f'extends = "tiny"\n[data]\npath = "wrists"\n[data.class_map]\n{class_map}[split]\nfolds = 4\n'
    (tmp_path / "mine.toml").write_text(recipe, encoding="utf-8")
    done = handbone("run", "mine.toml", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    rows = pd.read_csv(tmp_path / "runs/mine/metrics.csv")
    assert set(rows["split"]) == {"validation"}
    assert (rows["ground_truth_area"] > 0).mean() > 0.9
    assert json.loads((tmp_path / "runs/mine/manifest.json").read_text())["data"] == "own"


def write_coco(contest: Path, folder: Path) -> None:
    """The images of a contest set as a COCO folder whose classes have other names."""
    coco = {
        "images": [],
        "annotations": [],
        "categories": [{"id": n, "name": f"{name.lower()} bone"} for n, name in enumerate(NAMES)],
    }
    folder.mkdir()
    for number, path in enumerate(sorted(contest.rglob("*.json"))):
        image = next(contest.rglob(f"{path.stem}.png"))
        image.rename(folder / image.name)
        coco["images"].append({"id": number, "file_name": image.name, "width": 256, "height": 256})
        for annotation in json.loads(path.read_text())["annotations"]:
            flat = [value for point in annotation["points"] for value in point]
            category = NAMES.index(annotation["label"])
            coco["annotations"].append(
                {
                    "id": len(coco["annotations"]),
                    "image_id": number,
                    "category_id": category,
                    "segmentation": [flat],
                    "iscrowd": 0,
                }
            )
    (folder / "annotations.json").write_text(json.dumps(coco), encoding="utf-8")


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("--set", "data.path=dta"), "dta"),
        (("--set", "coarse.model.name=unetplusplu"), "did you mean 'unetplusplus'"),
        (("--set", "coarse.train.loss=dise"), "did you mean 'dice'"),
        (("--set", "coarse.weights=nowhere.safetensors"), "nowhere.safetensors"),
        (("--set", "coarse.trian.epochs=2"), "did you mean 'train'"),
    ],
)
def test_mistakes_are_refused_before_any_work(tmp_path, words, sentence):
    done = handbone("run", "tiny", *words, folder=tmp_path)
    assert done.returncode == 1
    assert sentence in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "runs").exists()


def test_images_without_labels_are_no_training_set(tmp_path):
    made = handbone("data", "draw", "--count", "2", "--seed", "3", "--size", "256", "-o", "set", folder=tmp_path)
    assert made.returncode == 0, made.stderr
    (tmp_path / "data").mkdir()
    for image in (tmp_path / "set").rglob("*.png"):
        image.rename(tmp_path / "data" / image.name)
    done = handbone("run", "tiny", "--set", "data.path=data", folder=tmp_path)
    assert done.returncode == 1
    assert "labels for training" in done.stderr
