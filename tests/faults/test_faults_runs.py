"""A run that is killed, refused its folder, or robbed of its disk comes to the same bytes once it can go on."""

import hashlib
import json
import os
import random
import shutil
import time
from pathlib import Path

import pytest
from faults_server import POINTS, STEPS, said

pytestmark = [pytest.mark.slow, pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")]

LONG = bool(os.environ.get("HANDBONE_LONG"))
# They hold times, or are of no use once a step is done.
_TIMED = {"manifest.json", "report.html", "step.json", "last.ckpt", ".lock"}


def results(folder: Path) -> dict[str, bytes]:
    """Every file of a run, without the time that things took."""
    run, found = folder / "runs" / "mine", {}
    for path in sorted(run.rglob("*")):
        if not path.is_file() or path.name in _TIMED:
            continue
        content = path.read_bytes()
        if path.name == "history.csv":
            rows = [line.split(",") for line in content.decode().splitlines()]
            column = rows[0].index("seconds")
            content = repr([row[:column] + row[column + 1 :] for row in rows]).encode()
        elif path.suffix == ".json" and path.parent.match("predictions/images"):
            content = repr({**json.loads(content), "seconds": None}).encode()
        found[path.relative_to(run).as_posix()] = content
    return found


def assert_same(folder: Path, straight: Path) -> None:
    one, other = results(folder), results(straight)
    assert one.keys() == other.keys()
    assert [name for name in one if one[name] != other[name]] == []
    marks = [
        {name: step["fingerprint"] for name, step in json.loads(text)["steps"].items()}
        for text in ((f / "runs/mine/manifest.json").read_text() for f in (folder, straight))
    ]
    assert marks[0] == marks[1] and tuple(marks[0]) == STEPS


def assert_refused(folder: Path, code: int, *words: str) -> None:
    assert code == 1 and "Traceback" not in said(folder), said(folder)
    last = said(folder).strip().splitlines()[-1]
    assert last.startswith("Error:") and all(word in last for word in words), last


def test_an_undisturbed_run_has_every_step_and_says_something(straight):
    found = results(straight)
    assert len(found) > 40 and {"predictions.csv", "metrics.csv", "weights/prompter.safetensors"} <= found.keys()
    assert not list((straight / "runs").rglob(".*.part"))


def test_a_run_that_is_killed_at_every_boundary_comes_to_the_same_bytes(runs, straight):
    folder = runs.folder("boundaries")
    for point in POINTS:
        assert runs.run(folder, kill=point) == -9, (point, said(folder))
        assert not (folder / "runs/mine/manifest.json").exists(), point
    assert runs.run(folder) == 0, said(folder)
    assert_same(folder, straight)


@pytest.mark.skipif(not LONG, reason="set HANDBONE_LONG=1; the test above kills one run at all of them")
@pytest.mark.parametrize("point", POINTS, ids="-".join)
def test_each_boundary_alone(runs, straight, point):
    folder = runs.folder("-".join(("alone", *point)))
    assert runs.run(folder, kill=point) == -9 and runs.run(folder) == 0
    assert_same(folder, straight)


@pytest.mark.parametrize("seed", range(10 if LONG else 2))
def test_a_run_that_is_killed_at_random_moments_comes_to_the_same_bytes(runs, straight, seed):
    folder, rng = runs.folder(f"random{seed}"), random.Random(seed)
    seconds = json.loads((straight / "runs/mine/manifest.json").read_text())["seconds"]
    for _ in range(2 if LONG else 3):
        pid = runs.start_run(folder)
        time.sleep(rng.uniform(0, sum(seconds.values())))
        assert runs.end(pid) in (-9, 0)
    assert runs.run(folder) == 0, said(folder)
    assert_same(folder, straight)


def test_of_two_runs_in_one_folder_the_second_is_told_who_has_it(runs, straight):
    folder = runs.folder("twice")
    first = runs.start_run(folder, kill=("waiting", "images"))
    deadline = time.monotonic() + 60
    while not (folder / "runs/mine/steps/synthetic").exists():
        assert time.monotonic() < deadline
        time.sleep(0.02)
    shutil.copyfile(folder / "stderr.txt", folder / "first.txt")
    assert_refused(folder, runs.run(folder), "runs/mine", f"another handbone process ({first} on ", "--output")
    (folder / "go").touch()
    assert runs.wait(first) == 0
    assert_same(folder, straight)


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="looks for processes in Linux's /proc")
def test_workers_end_with_a_training_that_is_killed(runs):
    folder = runs.folder("workers")
    pid = runs.start_run(folder, "--set", "coarse.train.workers=2", kill=("epoch", "coarse"))
    most = 0
    deadline = time.monotonic() + 60
    while not (folder / "runs/mine/steps/.coarse.part/history.csv").exists():
        assert time.monotonic() < deadline
        most = max(most, len(in_session(pid)))
        time.sleep(0.01)
    assert runs.wait(pid) == -9
    deadline = time.monotonic() + 3
    while in_session(pid):
        assert time.monotonic() < deadline, "workers outlive their parent"
        time.sleep(0.02)
    assert most >= 3, "there were workers"
    # The lock went with them.
    assert runs.run(folder, "--dry-run", "--json") == 0
    states = {step["name"]: step["state"] for step in json.loads(said(folder, "stdout"))["steps"]}
    assert states["coarse"] == "continued"


def in_session(leader: int) -> list[int]:
    """Processes of a session that still run."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, _, _, session = stat.read_text().rpartition(")")[2].split()[:4]
        except OSError:
            continue
        if int(session) == leader and state != "Z":
            found.append(int(stat.parent.name))
    return found


DAMAGE = {
    "synthetic/set/train/outputs_json": "cut",
    "images/splits.json": "empty",
    "coarse/weights.safetensors": "cut",
    "frames/errors.json": "flip",
    "refiner/history.csv": "gone",
    "prompter/weights.safetensors": "flip",
    "calibration/step.json": "cut",
    "predictions/images": "flip",
    "evaluation/headlines.json": "empty",
    "report/report.html": "cut",
}


def test_damaged_steps_are_made_again_and_come_to_the_same_bytes(runs, straight):
    folder = runs.folder("damaged")
    shutil.copytree(straight / "runs", folder / "runs")
    for place, degradation in DAMAGE.items():
        victim = folder / "runs/mine/steps" / place
        if victim.is_dir():
            victim = sorted(path for path in victim.rglob("*") if path.is_file())[-1]
        content = bytearray(victim.read_bytes())
        content[len(content) // 2] ^= 1
        if degradation == "gone":
            victim.unlink()
        else:
            victim.write_bytes({"cut": content[: len(content) // 2], "empty": b"", "flip": content}[degradation])
    assert runs.run(folder) == 0, said(folder)
    assert said(folder).count("is damaged: the step runs again") == len(DAMAGE) == len(STEPS)
    assert_same(folder, straight)
    assert runs.run(folder) == 0 and said(folder).count(": reused") == len(STEPS)


@pytest.mark.parametrize(("file", "content"), [("last.ckpt", b""), ("fit.json", b"{")])
def test_a_half_trained_network_whose_state_is_damaged_begins_anew(runs, straight, file, content):
    folder = runs.folder(f"damaged-{file}")
    shutil.copytree(straight / "runs", folder / "runs")
    shutil.rmtree(folder / "runs/mine/steps/coarse")
    assert runs.run(folder, kill=("epoch", "coarse")) == -9
    # The second epoch has a checkpoint to go on from.
    assert runs.run(folder, kill=("epoch", "coarse")) == -9
    (folder / "runs/mine/steps/.coarse.part" / file).write_bytes(content)
    assert runs.run(folder) == 0, said(folder)
    assert "Traceback" not in said(folder) and f"{file} is damaged" in said(folder)
    assert_same(folder, straight)


@pytest.mark.parametrize(("step", "named"), [("coarse", "Coarse network"), ("prompter", "Mask decoder")])
def test_a_training_that_is_killed_goes_on_after_its_last_epoch(runs, straight, step, named):
    folder = runs.folder(f"killed-{step}")
    shutil.copytree(straight / "runs", folder / "runs")
    shutil.rmtree(folder / "runs/mine/steps" / step)
    assert runs.run(folder, kill=("second epoch", step)) == -9
    assert runs.run(folder) == 0, said(folder)
    assert f"{named}: continuing after epoch 1" in said(folder)
    assert_same(folder, straight)


def test_a_prediction_that_was_cut_is_made_again_when_a_step_goes_on(runs, straight):
    folder = runs.folder("cut")
    shutil.copytree(straight / "runs", folder / "runs")
    shutil.rmtree(folder / "runs/mine/steps/predictions")
    assert runs.run(folder, kill=("made", "predictions")) == -9
    victims = sorted((folder / "runs/mine/steps/.predictions.part/images").glob("*.npz"))
    assert len(victims) == 6
    victims[0].write_bytes(victims[0].read_bytes()[:100])
    victims[3].unlink()
    assert runs.run(folder) == 0, said(folder)
    assert_same(folder, straight)


def test_a_full_disk_is_a_sentence_and_the_run_goes_on_when_there_is_room(runs, straight, disk):
    folder = runs.folder("full")
    with disk("size=400k") as (place, remount):
        (folder / "runs").symlink_to(place)
        assert_refused(folder, runs.run(folder), "No space left on device")
        assert not (folder / "runs/mine/manifest.json").exists()
        remount("size=100m")
        assert runs.run(folder) == 0, said(folder)
        assert_same(folder, straight)


def test_a_read_only_folder_is_a_sentence_and_can_be_looked_at(runs, straight, disk):
    folder = runs.folder("readonly")
    with disk("size=100m") as (place, remount):
        shutil.copytree(straight / "runs/mine", place / "mine")
        (folder / "runs").symlink_to(place)
        remount("ro")
        assert_refused(folder, runs.run(folder), "Read-only file system", "/mine")
        assert_refused(folder, runs.run(folder, "-o", "runs/other"), "Read-only file system")
        assert runs.run(folder, "--dry-run", "--json") == 0
        assert {step["state"] for step in json.loads(said(folder, "stdout"))["steps"]} == {"reused"}
        assert_same(folder, straight)


def test_what_a_run_and_its_plan_say_as_json_has_its_types(runs, straight, read_json):
    folder = runs.folder("json")
    shutil.copytree(straight / "runs", folder / "runs")
    assert runs.run(folder, "--json") == 0
    result = read_json(said(folder, "stdout"))
    assert {name: type(value) for name, value in result.items()} == {
        "schema": str, "folder": str, "metrics": dict, "seconds": dict, "peak_memory_gb": float, "problems": list,
    }  # fmt: skip
    assert set(result["seconds"]) == set(STEPS) and {type(value) for value in result["seconds"].values()} == {float}
    assert {type(dice) for group in result["metrics"].values() for dice in group.values()} <= {float, type(None)}
    assert runs.run(folder, "--json", "--dry-run", "--set", "merge.feather=0.2") == 0
    plan = read_json(said(folder, "stdout"))
    assert {name: type(value) for name, value in plan.items()} == {
        "schema": str, "run": str, "synthetic": bool, "steps": list, "memory_gb": dict,
    }  # fmt: skip
    assert plan["synthetic"] is True and [step["name"] for step in plan["steps"]] == list(STEPS)
    assert all(set(step) == {"name", "state", "sizes"} for step in plan["steps"])
    assert {type(value) for step in plan["steps"] for value in step.values()} == {str}
    assert {type(value) for value in plan["memory_gb"].values()} == {float}
    states = {step["name"]: step["state"] for step in plan["steps"]}
    assert states["refiner"] == "reused" and states["predictions"] == "redone"


def test_a_file_that_changes_under_its_old_times_is_noticed_at_the_latest_by_verify(runs, straight):
    folder = runs.folder("verify")
    shutil.copytree(straight / "runs", folder / "runs")
    # As on a system whose times tell nothing: the index says of a changed file what it was before.
    stat, before = (folder / "small.pth").stat(), hashlib.sha256(b"another content").hexdigest()
    seen = [stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns]
    index = {f"{stat.st_dev}:{stat.st_ino}": [*seen, before]}
    text = json.dumps(index)
    (folder / "cache").mkdir()
    (folder / "cache/digests.txt").write_text(f"{hashlib.sha256(text.encode()).hexdigest()}\n{text}")
    assert runs.run(folder, "--dry-run", "--json") == 0
    assert {s["name"]: s["state"] for s in json.loads(said(folder, "stdout"))["steps"]}["prompter"] == "redone"
    assert runs.run(folder, "--dry-run", "--json", "--verify") == 0
    assert {s["state"] for s in json.loads(said(folder, "stdout"))["steps"]} == {"reused"}
