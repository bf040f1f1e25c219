"""`handbone predict` loses nothing: failures cost their own image alone, and what was interrupted goes on."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
import typer
from typer.testing import CliRunner
from weights_small import MODEL

from handbone.anatomy import NAMES
from handbone.cli import predict
from handbone.core import files
from handbone.core.written import WRITTEN_FILE
from handbone.formats.image_files import read_image
from handbone.method.two_stage import TwoStage
from handbone.weights.network_file import WeightsCard, build_network, save_weights
from handbone.workflows.predict import prediction_results

app = typer.Typer()
app.command()(predict.command)
HANDBONE = str(Path(sys.executable).with_name("handbone"))

pytestmark = pytest.mark.usefixtures("one_thread")


def make_weights(folder, seed=3):
    """Untrained networks that see bone in about half of all pixels."""
    for stage in ("coarse", "refiner"):
        torch.manual_seed(seed)
        network = build_network(MODEL, 1)
        for values in network.parameters():
            if values.shape == (len(NAMES),):
                torch.nn.init.constant_(values, 0.3)
        card = WeightsCard(model=MODEL, in_channels=1, size=64, stage=stage)
        save_weights(folder / f"{stage}.safetensors", network, card)
    return folder


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    return make_weights(tmp_path_factory.mktemp("weights"))


def draw(path, seed):
    grey = cv2.GaussianBlur(np.random.default_rng(seed).random((150, 110), np.float32), (0, 0), 9)
    cv2.imwrite(str(path), (200 * cv2.normalize(grey, None, 0, 1, cv2.NORM_MINMAX)).astype(np.uint8))


@pytest.fixture
def images(tmp_path):
    folder = tmp_path / "images"
    folder.mkdir()
    for seed, name in enumerate(("a.png", "b.png", "c.png")):
        draw(folder / name, seed)
    return folder


@pytest.fixture
def asked(monkeypatch):
    """The mean grey of every image that the networks were asked for, and what happens then."""

    class Asked(list):
        fails = None

    told, plain = Asked(), TwoStage.predict

    def predicted(self, image):
        told.append(float(image.mean()))
        if told.fails is not None:
            told.fails(image)
        return plain(self, image)

    monkeypatch.setattr(TwoStage, "predict", predicted)
    return told


def call(*arguments):
    return CliRunner().invoke(app, [str(a) for a in arguments])


def content(out):
    """Every file of a prediction folder, without the times that predictions took, and so without digests of them."""
    found = {}
    for path in out.rglob("*"):
        if path.name == WRITTEN_FILE:
            found[path.name] = sorted(json.loads(path.read_text())["files"])
        elif path.suffix == ".json":
            found[path.relative_to(out)] = without_seconds(json.loads(path.read_text()))
        elif path.suffix == ".jsonl":
            found[path.relative_to(out)] = [without_seconds(json.loads(line)) for line in path.open()]
        elif path.suffix == ".html":
            found[path.relative_to(out)] = re.sub("<time>.*?</time>", "", path.read_text("utf-8"))
        elif path.is_file():
            found[path.relative_to(out)] = path.read_bytes()
    return found


def without_seconds(value):
    if isinstance(value, dict):
        return {key: without_seconds(each) for key, each in value.items() if key != "seconds"}
    return [without_seconds(each) for each in value] if isinstance(value, list) else value


class Killed(BaseException):
    """Nothing that a program could catch and go on."""


def test_one_image_that_fails_costs_no_other_and_is_tried_again(images, weights, tmp_path, asked):
    second = read_image(images / "b.png").image.mean()

    def fail(image):
        if abs(image.mean() - second) < 1e-4:
            raise RuntimeError("the network is dizzy\nin many lines")

    asked.fails = fail
    command = (images, "-o", tmp_path / "out", "--weights", weights, "--write", "coco")
    result = call(*command)
    assert result.exit_code == 1 and "2 of 3 radiographs outlined" in result.output
    assert f"failed {images / 'b.png'}: RuntimeError: the network is dizzy; errors/b.txt" in result.output
    record = json.loads((tmp_path / "out" / "predictions.json").read_text())
    assert [bool(radiograph["error"]) for radiograph in record["images"]] == [False, True, False]
    assert "in many lines" in (tmp_path / "out" / "errors" / "b.txt").read_text()
    assert (tmp_path / "out" / "predictions.csv").read_text().count("\n") == 1 + 2 * len(NAMES)
    assert len(json.loads((tmp_path / "out" / "coco" / "annotations.json").read_text())["images"]) == 2

    asked.fails = None
    asked.clear()
    result = call(*command)
    assert result.exit_code == 0 and asked == [pytest.approx(second, abs=1e-4)], "only the one that failed"
    assert call(images, "-o", tmp_path / "straight", *command[3:]).exit_code == 0
    assert content(tmp_path / "out") == content(tmp_path / "straight")
    assert "already" in str(call(*command).exception), "what is done is not done again unasked"


def test_an_image_that_cannot_be_drawn_has_failed_and_a_full_disk_is_nobodys_fault(
    images, weights, tmp_path, monkeypatch
):
    from handbone.workflows import outline_task

    def too_wide(*_, **__):
        raise ValueError("too wide")

    monkeypatch.setattr(outline_task, "draw_overlay", too_wide)
    result = call(images, "-o", tmp_path / "out", "--weights", weights)
    assert result.exit_code == 1 and "0 of 3" in result.output and result.output.count("ValueError: too wide") == 3

    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(outline_task, "draw_overlay", full)
    result = call(images, "-o", tmp_path / "full", "--weights", weights)
    assert isinstance(result.exception, OSError) and not (tmp_path / "full").exists()


@pytest.mark.slow
def test_interrupted_at_any_file_it_goes_on_and_ends_in_the_same_bytes(images, weights, tmp_path, asked, monkeypatch):
    (images / "c.png").unlink()
    ask = ("--weights", weights, "--write", "coco")
    assert call(images, "-o", tmp_path / "straight", *ask).exit_code == 0
    straight = content(tmp_path / "straight")
    replace, left = os.replace, 0

    def interrupted(source, target):
        nonlocal left
        left -= 1
        if left < 0:
            raise Killed
        replace(source, target)

    for number in range(30):
        out, left = tmp_path / f"out-{number}", number
        with monkeypatch.context() as patched:
            patched.setattr(files.os, "replace", interrupted)
            try:
                call(images, "-o", out, *ask)
                break
            except Killed:
                assert not out.exists()
        asked.clear()
        assert call(images, "-o", out, *ask).exit_code == 0
        assert content(out) == straight and not out.with_name(f".{out.name}.part").exists()
        assert len(asked) <= max(0, 2 - number // 3), "what was kept is not made again"
    assert 8 < number < 29


@pytest.mark.slow
def test_killed_it_goes_on_and_ends_in_the_same_bytes(images, weights, tmp_path):
    for seed in range(3, 14):
        draw(images / f"{seed}.png", seed)
    ask = (str(images), "--weights", str(weights), "-o")
    process = subprocess.Popen([HANDBONE, "predict", *ask, "killed"], cwd=tmp_path, stderr=subprocess.DEVNULL)
    kept, deadline = tmp_path / ".killed.part" / "records", time.monotonic() + 120
    while len(list(kept.glob("[!.]*.json")) if kept.exists() else ()) < 3:
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not (tmp_path / "killed").exists()
    done = subprocess.run([HANDBONE, "predict", *ask, "killed"], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "of 14 radiographs were outlined before" in done.stderr
    assert subprocess.run([HANDBONE, "predict", *ask, "straight"], cwd=tmp_path, capture_output=True).returncode == 0
    assert content(tmp_path / "killed") == content(tmp_path / "straight")


@pytest.fixture
def interrupted(images, weights, tmp_path, asked):
    """Two images of three are kept, for `out`; gives the weights, which may be changed."""
    mine = Path(shutil.copytree(weights, tmp_path / "mine"))

    def stop(image):
        if len(asked) == 3:
            raise KeyboardInterrupt

    asked.fails = stop
    stopped = call(images, "-o", tmp_path / "out", "--weights", mine)
    assert stopped.exit_code == 130 and "Run the same command to continue" in stopped.output
    asked.fails = None
    asked.clear()
    assert len(list((tmp_path / ".out.part" / "records").glob("*.json"))) == 2
    return mine


@pytest.mark.parametrize(
    ("options", "reused"),
    [
        ((), 2),
        (("--threshold", "0.5"), 2),
        (("--write", "coco"), 2),
        (("--threshold", "0.4"), 0),
        (("--flip-tta",), 0),
        (("--tta",), 0),
        (("--invert", "yes"), 0),
    ],
)
def test_other_settings_use_nothing_of_what_was_kept(images, tmp_path, interrupted, asked, options, reused):
    assert call(images, "-o", tmp_path / "out", "--weights", interrupted, *options).exit_code == 0
    assert len(asked) == 3 - reused
    assert call(images, "-o", tmp_path / "straight", "--weights", interrupted, *options).exit_code == 0
    assert content(tmp_path / "out") == content(tmp_path / "straight")


@pytest.mark.slow
def test_other_weights_in_the_same_file_use_nothing_of_what_was_kept(images, tmp_path, interrupted, asked):
    other = make_weights(tmp_path / "other", seed=4)
    shutil.copy(other / "refiner.safetensors", interrupted / "refiner.safetensors")
    assert call(images, "-o", tmp_path / "out", "--weights", interrupted).exit_code == 0 and len(asked) == 3
    renamed = shutil.copytree(interrupted, tmp_path / "renamed")
    assert call(images, "-o", tmp_path / "straight", "--weights", renamed).exit_code == 0
    one, other = content(tmp_path / "out"), content(tmp_path / "straight")
    assert one.pop(Path("predictions.json"))["weights"] != other.pop(Path("predictions.json"))["weights"]
    assert one.pop(Path("index.html")) != other.pop(Path("index.html"))  # so does the page
    assert one == other


def test_an_image_that_was_changed_in_place_is_outlined_again(images, tmp_path, interrupted, asked):
    path = images / "a.png"
    before = path.stat()
    grey = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
    cv2.imwrite(str(path), grey[::-1])
    data = path.read_bytes()
    path.write_bytes(data + bytes(max(0, before.st_size - len(data))))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert call(images, "-o", tmp_path / "out", "--weights", interrupted).exit_code == 0
    assert len(asked) == 2, "the changed one and the one that was left"


def test_an_overlay_of_another_command_is_drawn_again(images, tmp_path, interrupted, asked):
    shutil.copy(tmp_path / ".out.part" / "overlays" / "b.png", tmp_path / ".out.part" / "overlays" / "a.png")
    assert call(images, "-o", tmp_path / "out", "--weights", interrupted).exit_code == 0
    assert call(images, "-o", tmp_path / "straight", "--weights", interrupted).exit_code == 0
    assert content(tmp_path / "out") == content(tmp_path / "straight")


def test_fewer_images_leave_nothing_of_the_others(images, tmp_path, interrupted):
    assert call(images / "c.png", "-o", tmp_path / "out", "--weights", interrupted).exit_code == 0
    assert {path.stem for path in (tmp_path / "out").rglob("*") if path.is_file()} == {
        "c",
        "c.png",
        "index",
        "predictions",
        ".handbone",
    }


def test_results_stay_until_those_that_replace_them_are_whole(images, weights, tmp_path, asked):
    command = (images, "-o", tmp_path / "out", "--weights", weights)
    assert call(*command).exit_code == 0
    before = content(tmp_path / "out")

    def stop(image):
        if len(asked) == 2:
            raise KeyboardInterrupt

    asked.clear()
    asked.fails = stop
    call(*command, "--overwrite", "--threshold", "0.3")
    assert content(tmp_path / "out") == before
    asked.fails = None
    assert call(*command, "--overwrite", "--threshold", "0.3").exit_code == 0
    assert len(asked) == 2 + 2
    asked.clear()
    assert call(*command, "--overwrite").exit_code == 0 and len(asked) == 3, "all are replaced"


def test_two_commands_do_not_fill_one_folder(images, weights, tmp_path):
    with prediction_results(tmp_path / "out").place.locked():
        result = call(images, "-o", tmp_path / "out", "--weights", weights)
    assert "another handbone process" in str(result.exception)
