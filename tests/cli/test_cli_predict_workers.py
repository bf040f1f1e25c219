"""`handbone predict` with several processes: the same bytes, whoever is killed, and no image twice."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import cv2
import numpy as np
import pytest
from test_cli_predict_again import call, content, make_weights

MOMENTS = 50 if os.environ.get("HANDBONE_LONG") else 3
IMAGES = 12

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc"),
    pytest.mark.usefixtures("one_thread"),
]


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """Weights, images, and what one process makes of them."""
    folder = tmp_path_factory.mktemp("home")
    make_weights(folder / "weights")
    (folder / "images").mkdir()
    for number in range(IMAGES):
        grey = cv2.GaussianBlur(np.random.default_rng(number).random((400, 300), np.float32), (0, 0), 9)
        grey = 200 * cv2.normalize(grey, None, 0, 1, cv2.NORM_MINMAX)
        cv2.imwrite(str(folder / "images" / f"{number}.png"), grey.astype(np.uint8))
    assert call(*command(folder, folder / "straight")).exit_code == 0
    return folder


def command(home, out):
    return (home / "images", "--weights", home / "weights", "-o", out)


def start(home, out, *more):
    words = [sys.executable, "-m", "handbone", "predict", *map(str, command(home, out)), *more]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)


def descendants(pid):
    """Every process that a process has started, and those that these have."""
    found = []
    for task in Path(f"/proc/{pid}/task").iterdir() if Path(f"/proc/{pid}/task").exists() else ():
        try:
            children = (task / "children").read_text().split()
        except OSError:
            continue
        for child in map(int, children):
            found += [child, *descendants(child)]
    return found


def is_worker(pid):
    try:
        return b"spawn_main" in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False


def is_alive(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def wait_until(condition, seconds=120):
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    return found


def kept(out):
    """When each result was written that is whole."""
    folder = out.with_name(f".{out.name}.part") / "records"
    return {path.name: path.stat().st_mtime_ns for path in folder.glob("[!.]*.json")} if folder.exists() else {}


def test_stopped_at_any_moment_it_ends_in_the_same_bytes_with_no_image_twice(home, tmp_path):
    moments = random.Random(0)
    for number in range(MOMENTS):
        out, left = tmp_path / str(number), moments.randrange(IMAGES)
        process = start(home, out, "--workers", "2")
        wait_until(lambda out=out, left=left: len(kept(out)) >= left)
        time.sleep(moments.random() * 0.2)
        workers = [pid for pid in descendants(process.pid) if is_worker(pid)]
        process.send_signal(signal.SIGINT if number % 3 == 1 else signal.SIGKILL)
        _, told = process.communicate()
        wait_until(lambda workers=workers: not any(map(is_alive, workers)), seconds=20)
        before = kept(out)
        if not out.exists():
            assert number % 3 != 1 or (process.returncode == 130 and "Run the same command to continue" in told)
            assert call(*command(home, out)).exit_code == 0
        after = {name: (out / "records" / name).stat().st_mtime_ns for name in before}
        assert after == before, "what was kept is not made again"
        assert content(out) == content(home / "straight")


def test_workers_that_are_killed_cost_nothing(home, tmp_path):
    process = start(home, tmp_path / "out", "--workers", "2")
    killed = set()
    for count in (1, 4):
        wait_until(lambda count=count: len(kept(tmp_path / "out")) >= count)
        found = wait_until(lambda: [p for p in descendants(process.pid) if is_worker(p) and p not in killed])
        os.kill(found[0], signal.SIGKILL)
        killed.add(found[0])
    output, told = process.communicate(timeout=240)
    assert process.returncode == 0, told
    assert f"{IMAGES} of {IMAGES} radiographs outlined" in output
    assert content(tmp_path / "out") == content(home / "straight")


def test_a_cluster_whose_workers_are_killed_loses_nothing(home, tmp_path):
    pytest.importorskip("distributed")
    process = start(home, tmp_path / "out", "--cluster", "local:2")
    wait_until(lambda: len(kept(tmp_path / "out")) >= 2)
    before = kept(tmp_path / "out")
    # A nanny starts a new worker in place of each.
    for pid in [pid for pid in descendants(process.pid) if is_worker(pid)][:2]:
        os.kill(pid, signal.SIGKILL)
    _, told = process.communicate(timeout=400)
    assert process.returncode == 0, told
    assert "Dashboard: http" in told
    out = tmp_path / "out"
    assert {name: (out / "records" / name).stat().st_mtime_ns for name in before} == before
    assert content(out) == content(home / "straight")


def test_what_is_no_cluster_is_refused(home, tmp_path):
    for words, said in [
        (("--cluster", "eight"), "'eight' is no cluster"),
        (("--cluster", "local:0"), "is no cluster"),
        (("--cluster", "local:2", "--workers", "2"), "a cluster has its own workers"),
    ]:
        assert said in str(call(*command(home, tmp_path / "out"), *words).exception)
    assert not os.listdir(tmp_path)
