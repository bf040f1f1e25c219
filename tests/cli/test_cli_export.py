"""`handbone export` and `handbone predict --write` through the real commands."""

import json
import subprocess
import sys
import types

import cv2
import numpy as np
import pytest
import torch
import typer
from typer.testing import CliRunner
from weights_small import MODEL

import handbone.workflows.writers
from handbone.anatomy import NAMES
from handbone.cli import export, predict
from handbone.core.bone_masks import BoneMasks
from handbone.core.errors import HandboneError
from handbone.formats.contest_csv import PredictionsWriter, read_predictions
from handbone.plugins import PluginManager, WriterSpec, hookimpl
from handbone.weights.network_file import WeightsCard, build_network, save_weights

pytestmark = pytest.mark.slow

exporting, predicting = typer.Typer(), typer.Typer()
exporting.command()(export.command)
predicting.command()(predict.command)


def masks(seed, size):
    random, polygons = np.random.default_rng(seed), {}
    for bone in range(0, 29, 3):
        centre, axes = random.uniform(0.3, 0.7, 2) * size, random.uniform(0.05, 0.2, 2) * size
        polygons[bone] = [cv2.ellipse2Poly(centre.astype(int).tolist(), axes.astype(int).tolist(), 30, 0, 360, 9)]
    return BoneMasks.from_polygons(polygons, (size, size))


@pytest.fixture
def table(tmp_path):
    with PredictionsWriter(tmp_path / "mine.csv") as writer:
        for number, name in enumerate(("a.png", "b.png", "b.tif")):
            writer.write(name, masks(number, 90))
    for name in ("a.png", "b.png", "b.tif"):
        (tmp_path / "images").mkdir(exist_ok=True)
        cv2.imwrite(str(tmp_path / "images" / name), np.zeros((90, 90), np.uint8))
    return tmp_path / "mine.csv"


def call(*arguments, app=exporting):
    return CliRunner().invoke(app, [str(a) for a in arguments])


def read_png(folder):
    planes = [cv2.imread(str(folder / f"{name}.png"), cv2.IMREAD_UNCHANGED) > 0 for name in NAMES]
    return BoneMasks.from_dense(np.stack(planes))


def test_a_contest_csv_becomes_pngs(table, tmp_path):
    out = tmp_path / "out"
    result = call(table, "--format", "png", "-o", out, "--images", tmp_path / "images", "--json")
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout) == json.loads((out / "export.json").read_text())
    assert json.loads(result.stdout)["images"] == 3
    # Two images that differ in their extension only keep it.
    for number, folder in enumerate(("a", "b.png", "b.tif")):
        assert read_png(out / folder) == masks(number, 90)


def test_images_without_a_known_size_are_in_the_contests_frame(tmp_path):
    with PredictionsWriter(tmp_path / "mine.csv") as writer:
        writer.write("a.png", masks(0, 2048))
    assert call(tmp_path / "mine.csv", "-f", "contest_csv", "-o", tmp_path / "out").exit_code == 0
    [(_, cells)] = read_predictions(tmp_path / "out" / "predictions.csv")
    assert BoneMasks.from_rle(cells, (2048, 2048)) == masks(0, 2048)


def test_an_export_is_replaced_only_when_told_to_and_other_things_never(table, tmp_path):
    ask = (table, "-f", "coco", "-o", tmp_path / "out", "--images", tmp_path / "images")
    assert call(*ask).exit_code == 0
    assert "the folder already contains exported masks" in str(call(*ask).exception)
    assert call(*ask, "--overwrite", "--set", "segmentation=polygon").exit_code == 0
    content = json.loads((tmp_path / "out" / "annotations.json").read_text())
    assert isinstance(content["annotations"][0]["segmentation"], list)
    assert call(table, "-f", "coco", "-o", tmp_path / "images", "--overwrite", *ask[5:]).exit_code == 0
    assert {path.name for path in (tmp_path / "images").iterdir()} > {"a.png", "b.png", "b.tif", "annotations.json"}


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (["-f", "cocoo"], "unknown writer 'cocoo'; did you mean 'coco'"),
        (["-f", "coco", "--set", "segmentatio=rle"], "did you mean 'segmentation'"),
        (["-f", "coco", "--set", "segmentation"], "not a setting"),
    ],
)
def test_mistakes_are_answered_before_anything_is_written(table, tmp_path, more, words):
    result = call(table, "-o", tmp_path / "out", "--images", tmp_path / "images", *more)
    assert result.exit_code == 1 and words in str(result.exception)
    assert not (tmp_path / "out").exists()


def test_masks_that_do_not_fit_cost_their_image_alone(table, tmp_path):
    cv2.imwrite(str(tmp_path / "images" / "b.tif"), np.zeros((30, 30), np.uint8))
    out = tmp_path / "out"
    result = call(table, "-f", "png", "-o", out, "--images", tmp_path / "images")
    assert result.exit_code == 1
    [(name, told)] = json.loads((out / "export.json").read_text())["failed"].items()
    assert name == "b.tif" and "the file says 90 x 90, but the image has 30 x 30 pixels" in told
    assert sorted(path.name for path in out.iterdir()) == [".handbone.json", "a", "b.png", "export.json"]
    assert "there are no predictions" in str(call(tmp_path / "nowhere", "-f", "png", "-o", tmp_path / "x").exception)


def test_where_no_masks_fit_nothing_is_left(table, tmp_path):
    for name in ("a.png", "b.png", "b.tif"):
        cv2.imwrite(str(tmp_path / "images" / name), np.zeros((30, 30), np.uint8))
    result = call(table, "-f", "png", "-o", tmp_path / "out", "--images", tmp_path / "images")
    assert "there are no masks" in str(result.exception)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["images", "mine.csv"]


class Fussy:
    """A plugin whose writer refuses some images, and breaks on others."""

    @hookimpl
    def handbone_writers(self):
        return [WriterSpec(name="fussy", summary="refuses b", build=lambda settings, *, folder: self.writer(folder))]

    def writer(self, folder):
        def write(image):
            if image.name.startswith("b"):
                raise HandboneError("I take no b", where=image.name)
            if image.name.startswith("c"):
                raise ZeroDivisionError("oh")
            (folder / image.stem).write_text(f"{image.path.name} {sorted(image.confidence)[:1]}")

        return types.SimpleNamespace(write=write, close=lambda: None)


@pytest.fixture
def plugins(monkeypatch):
    manager = PluginManager(entry_points=False)
    manager.register(Fussy(), package="handbone-fussy", version="3.1")
    monkeypatch.setattr(handbone.workflows.writers, "registry", lambda: manager)


def test_an_image_that_a_format_refuses_stops_an_export(table, plugins, tmp_path):
    result = call(table, "-f", "fussy", "-o", tmp_path / "out", "--images", tmp_path / "images")
    assert "b.png: I take no b" in str(result.exception) and not (tmp_path / "out").exists()


@pytest.fixture(scope="module")
def weights(tmp_path_factory, one_thread):
    """An untrained network that sees bone in about half of all pixels."""
    torch.manual_seed(3)
    network = build_network(MODEL, 1)
    for values in network.parameters():
        if values.shape == (len(NAMES),):
            torch.nn.init.constant_(values, 0.3)
    card = WeightsCard(model=MODEL, in_channels=1, size=64, stage="coarse")
    return save_weights(tmp_path_factory.mktemp("weights") / "coarse.safetensors", network, card)


@pytest.fixture
def images(tmp_path):
    folder = tmp_path / "images"
    folder.mkdir()
    grey = cv2.GaussianBlur(np.random.default_rng(0).random((100, 80), np.float32), (0, 0), 9)
    grey = cv2.normalize(grey, None, 0, 255, cv2.NORM_MINMAX).astype(np.uint8)
    for name in ("a.png", "b.png", "c.png"):
        cv2.imwrite(str(folder / name), grey)
    return folder


def test_predict_writes_further_formats_beside_the_table(images, weights, tmp_path):
    out = tmp_path / "out"
    more = ("--write", "coco", "--write", "png", "--set", "coco.segmentation=polygon")
    result = call(images, "-o", out, "-w", weights, *more, app=predicting)
    assert result.exit_code == 0, result.output
    for name, cells in read_predictions(out / "predictions.csv"):
        assert read_png(out / "png" / name.removesuffix(".png")) == BoneMasks.from_rle(cells, (100, 80))
    content = json.loads((out / "coco" / "annotations.json").read_text())
    assert [image["file_name"] for image in content["images"]] == ["a.png", "b.png", "c.png"]
    # Sizes, places and confidences of predictions are known to an export.
    assert call(out, "-f", "coco", "-o", tmp_path / "again", "--set", "segmentation=polygon").exit_code == 0
    assert json.loads((tmp_path / "again" / "annotations.json").read_text()) == content


def test_what_a_format_cannot_take_is_listed_and_the_rest_goes_on(images, weights, plugins, tmp_path):
    out = tmp_path / "out"
    result = call(images, "-o", out, "-w", weights, "--write", "fussy", app=predicting)
    assert result.exit_code == 1 and "3 of 3 radiographs outlined" in result.output
    assert "not written as fussy: b.png: I take no b" in " ".join(result.output.split())
    record = json.loads((out / "predictions.json").read_text())
    reasons = {p["name"]: p["unwritten"].get("fussy") for p in record["images"]}
    assert reasons["a.png"] is None and reasons["b.png"] == "b.png: I take no b"
    assert "the writer 'fussy' of handbone-fussy 3.1 cannot write c.png (ZeroDivisionError: oh)" in reasons["c.png"]
    assert [path.name for path in (out / "fussy").iterdir()] == ["a"]
    assert len(list(read_predictions(out / "predictions.csv"))) == 3


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (["--write", "pgn"], "unknown writer 'pgn'; did you mean 'png'"),
        (["--write", "coco", "--set", "png.x=1"], "unknown writer 'png'"),
        (["--write", "coco", "--set", "coco=1"], "write coco.KEY=VALUE"),
    ],
)
def test_predict_refuses_unknown_formats_before_any_work(images, weights, tmp_path, more, words):
    result = call(images, "-o", tmp_path / "out", "-w", weights, *more, app=predicting)
    assert words in str(result.exception) and not (tmp_path / "out").exists()


def test_an_export_waits_for_no_torch(table, tmp_path):
    code = (
        "import sys; from handbone.cli import main\n"
        "try: main()\n"
        "except SystemExit as end: sys.exit(end.code or 'torch' in sys.modules)"
    )
    words = ("export", table, "-f", "png", "-o", tmp_path / "out", "--images", tmp_path / "images")
    subprocess.run([sys.executable, "-c", code, *map(str, words)], check=True, timeout=120)
    assert (tmp_path / "out" / "export.json").is_file()
