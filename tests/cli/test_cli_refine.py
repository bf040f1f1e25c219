"""`handbone refine` through the real command: foreign files, a run, mistakes."""

import csv
import json

import cv2
import numpy as np
import pytest
import torch
import typer
from typer.testing import CliRunner
from weights_small import MODEL

from handbone.anatomy import NAMES, select
from handbone.cli import refine
from handbone.formats.contest_csv import PredictionsWriter, read_predictions
from handbone.method.settings import METHOD, MethodSettings
from handbone.method.two_stage import TwoStage
from handbone.synthetic import draw_hand
from handbone.weights.network_file import WeightsCard, build_network, save_weights

app = typer.Typer()
app.command()(refine.command)


pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("one_thread")]


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    """Untrained networks whose refiner is always taken."""
    folder = tmp_path_factory.mktemp("weights")
    open_gate = {"min_agreement": 0.0, "area_ratio": [0.0, 1e9], "max_shift": 1e9}
    settings = MethodSettings(refiner={"random_rois": True, "merge": open_gate}).model_dump(mode="json")
    for stage, extra in (("coarse", {METHOD: settings}), ("refiner", {})):
        card = WeightsCard(model=MODEL, in_channels=1, size=64, stage=stage, extra=extra)
        torch.manual_seed(3)
        network = build_network(MODEL, 1)
        # An untrained network says 0 everywhere: with this it sees bone in about half of its pixels.
        for values in network.parameters():
            if values.shape == (len(NAMES),):
                torch.nn.init.constant_(values, 0.3)
        save_weights(folder / f"{stage}.safetensors", network, card)
    return folder


@pytest.fixture(scope="module")
def foreign(tmp_path_factory):
    """Another team's predictions of three images, in two folders."""
    folder = tmp_path_factory.mktemp("foreign")
    (folder / "images" / "more").mkdir(parents=True)
    with PredictionsWriter(folder / "theirs.csv") as table:
        for seed, name in enumerate(("a.png", "more/b.png", "c.png")):
            hand = draw_hand(seed, size=256, bent=bool(seed))
            cv2.imwrite(str(folder / "images" / name), hand.image)
            table.write(name.rsplit("/")[-1], hand.masks)
    return folder


def call(*arguments):
    return CliRunner().invoke(app, [str(a) for a in arguments])


@pytest.mark.parametrize("classes", ["wrist", "Capitate,Trapezoid", "fingers", "forearm,thumb"])
def test_anyones_predictions_come_back_with_only_those_bones_changed(foreign, weights, tmp_path, classes):
    out = tmp_path / "out"
    given = ("--coarse", foreign / "theirs.csv", "--images", foreign / "images", "-w", weights)
    result = call(*given, "--classes", classes, "-o", out)
    assert result.exit_code == 0, result.output
    before, after = dict(read_predictions(foreign / "theirs.csv")), dict(read_predictions(out / "predictions.csv"))
    assert list(before) == list(after) == ["a.png", "b.png", "c.png"]
    chosen = {NAMES[b] for b in select(classes)}
    with open(out / "decisions.csv", newline="") as file:
        decisions = list(csv.DictReader(file))
    assert len(decisions) == 3 * len(chosen) and {d["bone"] for d in decisions} == chosen
    used = {(d["image_name"], d["bone"]) for d in decisions if d["used"] == "True"}
    assert used
    for name in before:
        for bone, old, new in zip(NAMES, before[name], after[name], strict=True):
            assert (name, bone) in used or old == new
    for name in ("a", "b", "c"):
        overlay = cv2.imread(str(out / "overlays" / f"{name}.png"))
        assert overlay.shape[1] > 1.8 * overlay.shape[0]
    assert json.loads((out / "refinement.json").read_text())["classes"] == classes


def test_an_image_that_is_missing_broken_or_of_another_size_keeps_its_rows_and_is_named(foreign, weights, tmp_path):
    images = tmp_path / "images"
    images.mkdir()
    (images / "a.png").write_bytes((foreign / "images" / "a.png").read_bytes())
    small = cv2.imread(str(foreign / "images" / "more" / "b.png"))[:100]
    cv2.imwrite(str(images / "b.png"), small)
    out = tmp_path / "out"
    result = call("--coarse", foreign / "theirs.csv", "--images", images, "-w", weights, "-o", out, "--json")
    assert result.exit_code == 1
    errors = {p["name"]: p["error"] for p in json.loads(result.stdout)["images"]}
    assert errors["a.png"] is None and "256 x 100" in errors["b.png"] and "no image of this name" in errors["c.png"]
    before, after = dict(read_predictions(foreign / "theirs.csv")), dict(read_predictions(out / "predictions.csv"))
    assert before["b.png"] == after["b.png"] and before["c.png"] == after["c.png"]


def test_nothing_is_overwritten_unasked(foreign, weights, tmp_path):
    given = ("--coarse", foreign / "theirs.csv", "--images", foreign / "images", "-w", weights, "-o", tmp_path / "out")
    assert call(*given).exit_code == 0
    assert "already" in str(call(*given).exception)
    assert call(*given, "--overwrite").exit_code == 0


def test_mistakes_are_answered_in_a_sentence(foreign, weights, tmp_path, monkeypatch):
    monkeypatch.setenv("HANDBONE_RUNS", str(tmp_path / "runs"))
    out = ("-o", tmp_path / "out")
    assert "there is no finished run" in str(call(*out).exception)
    assert "there is no finished run" in str(call("--run", tmp_path, *out).exception)
    assert call("--coarse", foreign / "theirs.csv", *out).exit_code == 2
    (tmp_path / "other").mkdir()
    cv2.imwrite(str(tmp_path / "other" / "z.png"), np.zeros((64, 64), np.uint8))
    given = ("--coarse", foreign / "theirs.csv", "--images", tmp_path / "other", *out)
    assert "none of the 3 images" in str(call(*given).exception)
    assert "Capitat" in str(call("--classes", "Capitat", *given).exception)
    assert not (tmp_path / "out").exists()


def test_a_patient_may_know_better_whether_images_are_inverted(foreign, weights, tmp_path):
    given = ("--coarse", foreign / "theirs.csv", "--images", foreign / "images", "-w", weights)
    for invert, turned in (("auto", False), ("yes", True), ("no", False)):
        result = call(*given, "-o", tmp_path / invert, "--invert", invert)
        assert result.exit_code == 0, result.output
        record = json.loads((tmp_path / invert / "refinement.json").read_text())
        assert record["invert"] == invert and {p["inverted"] for p in record["images"]} == {turned}
    results = [(tmp_path / invert / "predictions.csv").read_bytes() for invert in ("auto", "yes", "no")]
    assert results[0] == results[2] != results[1]
    dark = tmp_path / "dark"
    dark.mkdir()
    for path in (foreign / "images").rglob("*.png"):
        cv2.imwrite(str(dark / path.name), 255 - cv2.imread(str(path)))
    result = call(*given[:3], dark, *given[4:], "-o", tmp_path / "turned")
    assert result.exit_code == 0 and result.output.count("turned round") == 3


def test_a_run_has_read_its_images_already(tmp_path):
    result = call("--run", tmp_path, "--invert", "no")
    assert result.exit_code == 2 and "data.invert" in result.output


def test_an_image_that_fails_keeps_its_rows_and_costs_no_other(foreign, weights, tmp_path, monkeypatch):
    plain, asked = TwoStage.refine, []

    def refine_but_one(self, *arguments):
        asked.append(arguments)
        if len(asked) == 2:
            raise RuntimeError("the network is dizzy\nin many lines")
        return plain(self, *arguments)

    monkeypatch.setattr(TwoStage, "refine", refine_but_one)
    given = ("--coarse", foreign / "theirs.csv", "--images", foreign / "images", "-w", weights)
    result = call(*given, "-o", tmp_path / "out", "--json")
    assert result.exit_code == 1
    errors = [image["error"] for image in json.loads(result.stdout)["images"]]
    assert errors == [None, "b.png: RuntimeError: the network is dizzy; errors/b.txt has the whole message", None]
    assert "in many lines" in (tmp_path / "out/errors/b.txt").read_text()
    before, after = (dict(read_predictions(p)) for p in (foreign / "theirs.csv", tmp_path / "out/predictions.csv"))
    assert before["b.png"] == after["b.png"] and before["a.png"] != after["a.png"]
