"""`handbone predict` through the real command, with small untrained networks and files as users bring them."""

import csv
import json

import cv2
import numpy as np
import pytest
import torch
import typer
from typer.testing import CliRunner
from weights_small import MODEL

from handbone.anatomy import NAMES
from handbone.cli import predict
from handbone.core.bone_masks import BoneMasks
from handbone.formats.contest_csv import read_predictions
from handbone.formats.own_png import encode_png
from handbone.method.settings import METHOD, MethodSettings
from handbone.weights.network_file import WeightsCard, build_network, save_weights
from handbone.workflows.outputs import file_stems

app = typer.Typer()
app.command()(predict.command)


def save(path, stage, in_channels=1, bias=0.3, **extra):
    """An untrained network that sees bone in about half of all pixels; with a bias below zero in none."""
    torch.manual_seed(3)
    network = build_network(MODEL, in_channels)
    for values in network.parameters():
        if values.shape == (len(NAMES),):
            torch.nn.init.constant_(values, bias)
    card = WeightsCard(model=MODEL, in_channels=in_channels, size=64, stage=stage, extra=extra)
    return save_weights(path, network, card)


pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("one_thread")]


@pytest.fixture(scope="module")
def run_folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    settings = MethodSettings(refiner={"coarse_channels": True}).model_dump(mode="json")
    save(folder / "weights" / "coarse.safetensors", "coarse", **{METHOD: settings})
    save(folder / "weights" / "refiner.safetensors", "refiner", 30)
    return folder


@pytest.fixture
def images(tmp_path):
    folder = tmp_path / "images"
    (folder / "more").mkdir(parents=True)
    grey = cv2.GaussianBlur(np.random.default_rng(0).random((150, 110), np.float32), (0, 0), 9)
    grey = cv2.normalize(grey, None, 0, 1, cv2.NORM_MINMAX)
    cv2.imwrite(str(folder / "b_eight.jpg"), (255 * grey).astype(np.uint8))
    cv2.imwrite(str(folder / "more" / "a_sixteen.png"), (4095 * grey).astype(np.uint16))
    cv2.imwrite(str(folder / "colour.tif"), cv2.merge([(255 * grey[:90]).astype(np.uint8)] * 3))
    (folder / "notes.txt").write_text("not an image")
    return folder


def call(*arguments):
    return CliRunner().invoke(app, [str(a) for a in arguments])


def test_images_of_all_kinds_become_overlays_a_table_and_a_record(images, run_folder, tmp_path):
    out = tmp_path / "out"
    result = call(images, "-o", out, "--weights", run_folder)
    assert result.exit_code == 0, result.output
    names = ["b_eight.jpg", "colour.tif", "more/a_sixteen.png"]
    rows = list(read_predictions(out / "predictions.csv"))
    assert [name for name, _ in rows] == names
    record = json.loads((out / "predictions.json").read_text())
    assert [p["name"] for p in record["images"]] == names and record["second_stage"]
    for (name, rles), image in zip(rows, record["images"], strict=True):
        size_hw = tuple(image["size_hw"])
        masks = BoneMasks.from_rle(rles, size_hw)
        overlay = cv2.imread(str(out / "overlays" / f"{name.split('.')[0]}.png"))
        assert overlay.shape[:2] == size_hw
        assert set(image["confidence"]) == {NAMES[b] for b in np.flatnonzero(masks.present())}
        assert all(0.5 <= c <= 1 for c in image["confidence"].values())
        assert len(image["decisions"]) == 8 and image["frames"]["wrist"]["fallback"] in ("none", "wider", "whole")
        assert {"coarse", "refine", "merge"} <= set(image["seconds"])


def test_a_broken_image_is_named_skipped_and_listed(images, run_folder, tmp_path):
    broken = images / "cut.png"
    broken.write_bytes((images / "more" / "a_sixteen.png").read_bytes()[:300])
    out = tmp_path / "out"
    result = call(images, "-o", out, "--weights", run_folder)
    assert result.exit_code == 1
    assert "cut.png" in result.output and "3 of 4" in result.output
    record = json.loads((out / "predictions.json").read_text())
    assert [p["name"] for p in record["images"] if p["error"]] == ["cut.png"]
    assert list(map(json.loads, (out / "predictions.jsonl").open())) == record["images"]
    assert "cut.png" not in dict(read_predictions(out / "predictions.csv"))


def test_json_for_programs_and_one_stage_alone(images, run_folder, tmp_path):
    weights = run_folder / "weights" / "coarse.safetensors"
    options = ("--json", "--flip-tta", "--threshold", "0.3")
    result = call(images / "colour.tif", "-o", tmp_path / "out", "--weights", weights, *options)
    assert result.exit_code == 0
    record = json.loads(result.stdout)
    assert record == json.loads((tmp_path / "out" / "predictions.json").read_text())
    assert record["threshold"] == 0.3 and record["flip_tta"] and not record["second_stage"]
    assert record["images"][0]["frames"] == {} and record["images"][0]["decisions"] == []


@pytest.mark.parametrize(
    ("options", "views"),
    [
        ((), []),
        (("--tta",), ["turned"]),
        (("--views", "brightness"), ["brightness"]),
        (("--views", "brightness", "--tta"), ["brightness", "turned"]),
        (("--views", "none"), []),
    ],
)
def test_views_are_recorded(options, views, images, run_folder, tmp_path):
    weights = run_folder / "weights" / "coarse.safetensors"
    assert call(images / "colour.tif", "-o", tmp_path / "out", "--weights", weights, *options).exit_code == 0
    record = json.loads((tmp_path / "out" / "predictions.json").read_text())
    assert record["views"] == views and record["tta"] == ("turned" in views)


def test_unknown_views_are_named(images, run_folder, tmp_path):
    result = call(images, "-o", tmp_path / "out", "--weights", run_folder, "--views", "gama")
    assert result.exit_code == 1 and "'gama'" in str(result.exception) and not (tmp_path / "out").exists()


def test_results_are_not_overwritten_unasked_nor_other_things_ever(images, run_folder, tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    ask = (images / "colour.tif", "-o", out, "--weights", run_folder)
    assert call(*ask).exit_code == 0
    assert "already" in str(call(*ask).exception)
    assert call(*ask, "--overwrite").exit_code == 0
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "chapter.txt").write_text("years of work")
    result = call(images / "colour.tif", "-o", tmp_path / "thesis", "--weights", run_folder, "--overwrite")
    assert result.exit_code == 0
    assert (tmp_path / "thesis" / "chapter.txt").read_text() == "years of work"


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda folder: folder / "nowhere", "no such file"),
        (lambda folder: folder / "empty", "no radiograph in this folder"),
        (lambda folder: folder / "empty" / "own.png", "this image was drawn by handbone"),
    ],
)
def test_wrong_paths_are_explained_before_any_work(make, words, images, run_folder, tmp_path):
    (images / "empty").mkdir()
    (images / "empty" / "own.png").write_bytes(encode_png(np.zeros((9, 9), np.uint8), compression=1))
    result = call(make(images), "-o", tmp_path / "out", "--weights", run_folder)
    assert result.exit_code == 1 and words in str(result.exception)
    assert not (tmp_path / "out").exists()


def test_overlays_of_images_that_differ_in_their_extension_only():
    names = file_stems(["x/a.jpg", "x/a.tif", "y/a.tif", "b.c.tif", "d.jpg", "d.jpg.png"])
    assert names == {
        "x/a.jpg": "x/a.jpg",
        "x/a.tif": "x/a.tif",
        "y/a.tif": "y/a",
        "b.c.tif": "b.c",
        "d.jpg": "d",
        "d.jpg.png": "d.jpg.png",
    }


def test_a_refiners_weights_alone_are_refused(images, run_folder, tmp_path):
    weights = run_folder / "weights" / "refiner.safetensors"
    result = call(images, "-o", tmp_path / "out", "--weights", weights)
    assert "stage 'refiner'" in str(result.exception)


def test_the_table_has_a_confidence_a_bone_and_the_record_what_to_look_at_again(images, run_folder, tmp_path):
    folder = tmp_path / "calibrated"
    presence = {"coefficients": [0.0, 1.0, 0.0, -1.0, -1.0]}
    settings = MethodSettings(find_hand=64, postprocess=True, presence=presence).model_dump(mode="json")
    save(folder / "coarse.safetensors", "coarse", bias=-9, **{METHOD: settings})
    out = tmp_path / "out"
    result = call(images / "b_eight.jpg", "-o", out, "--weights", folder, "--tta")
    assert result.exit_code == 1 and "0 of 1 radiographs outlined, 1 without a hand" in result.output
    record = json.loads((out / "predictions.json").read_text())
    image = record["images"][0]
    assert image["outcome"] == "no_hand" and image["error"] is None
    with open(out / "predictions.csv", encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["class"] for row in rows] == list(NAMES)
    for row in rows:
        assert bool(row["rle"]) == (row["class"] in image["confidence"])
        assert float(row["confidence"]) == image["confidence"].get(row["class"], 0.0)
    assert record["tta"] and record["not_a_medical_device"]
    # An untrained network sees no hand: that is said, with every look that was tried.
    assert image["location"]["passes"] == 8 and not image["location"]["found"]
    assert {"no-hand"} <= {flag["rule"] for flag in image["flags"]}
    assert all(probability >= 0.5 for probability in image["confidence"].values())


@pytest.fixture
def light_box(tmp_path):
    """A radiograph between borders that fade into white, which looks as if it were inverted; and a sound one."""
    grey = cv2.GaussianBlur(np.random.default_rng(0).random((150, 110), np.float32), (0, 0), 9)
    grey = (100 * cv2.normalize(grey, None, 0, 1, cv2.NORM_MINMAX)).astype(np.uint8)
    (tmp_path / "boxes").mkdir()
    cv2.imwrite(str(tmp_path / "boxes" / "sound.png"), grey)
    fading = np.clip(500 * np.abs(np.linspace(-1, 1, 110)) - 250, 0, 255).astype(np.uint8)
    cv2.imwrite(str(tmp_path / "boxes" / "box.png"), np.maximum(grey, fading[None]))
    return tmp_path / "boxes"


def test_a_patient_may_know_better_whether_images_are_inverted(light_box, tmp_path):
    weights = save(tmp_path / "blind.safetensors", "coarse", bias=-9)

    def predicted(invert):
        result = call(light_box, "-o", tmp_path / invert, "--weights", weights, "--invert", invert)
        assert result.exit_code == 1, result.output
        record = json.loads((tmp_path / invert / "predictions.json").read_text())
        assert record["invert"] == invert
        overlay = cv2.imread(str(tmp_path / invert / "overlays" / "box.png"))
        return result.output, {p["name"]: p["inverted"] for p in record["images"]}, overlay[75, 5].mean()

    said, inverted, border = predicted("auto")
    assert inverted == {"box.png": True, "sound.png": False} and border < 100
    assert "inverted box.png" in said and "--invert no" in said and "inverted sound.png" not in said
    said, inverted, border = predicted("no")
    assert inverted == {"box.png": False, "sound.png": False} and border > 150
    assert "turned round" not in said
    said, inverted, _ = predicted("yes")
    assert inverted == {"box.png": True, "sound.png": True} and "turned round" not in said
