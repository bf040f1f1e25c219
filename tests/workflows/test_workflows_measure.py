"""`handbone measure` through the real command: tables, images, regions, scales, failures."""

import csv
import json
from types import SimpleNamespace
from unittest import mock

import cv2
import numpy as np
import pytest
from cli_small import draw_image, main, save_seeing
from json_docs import undocumented
from plain_hands import PlainHand
from typer.testing import CliRunner

from handbone.anatomy import NAMES
from handbone.cli import app
from handbone.core.errors import HandboneError
from handbone.formats.contest_csv import PredictionsWriter
from handbone.formats.image_files import read_image
from handbone.measure import MEASURES
from handbone.measure.measuring import COLUMNS
from handbone.method.settings import METHOD, MethodSettings
from handbone.workflows import measure as workflow
from handbone.workflows import measure_sources
from handbone.workflows.masks.table import TableMasks
from handbone.workflows.measure import MeasuredImage


@pytest.fixture
def predictions(tmp_path):
    """A folder as `handbone predict` leaves it: a right hand, and a left one without DP5 whose Radius is flagged."""
    folder, images = tmp_path / "predicted", tmp_path / "images"
    images.mkdir()
    folder.mkdir()
    records = []
    with PredictionsWriter(folder / "predictions.csv") as table:
        for name, left in (("a.png", False), ("b.png", True)):
            hand = PlainHand(left=left, pixel_mm=(0.3, 0.3))
            masks = hand.masks(without=("DP5",) if left else ())
            table.write(name, masks)
            cv2.imwrite(str(images / name), np.round(255 * hand.image()).astype(np.uint8))
            record = {"name": name, "path": str(images / name), "size_hw": masks.size_hw, "flags": []}
            records.append(record)
    records[1]["flags"] = [{"rule": "unsure", "bones": ["Radius"], "message": "right with a chance of 0.40 only"}]
    (folder / "predictions.json").write_text(json.dumps({"images": records}))
    return folder


def call(*words):
    return CliRunner().invoke(app, ["measure", *map(str, words)])


def rows_of(folder):
    with open(folder / "measurements.csv", newline="") as file:
        return list(csv.DictReader(file))


def test_predictions_become_a_long_table_json_and_images(predictions, tmp_path):
    out = tmp_path / "out"
    result = call(predictions, "-o", out, "--mm-per-px", "0.3", "--json")
    assert result.exit_code == 0, result.output
    record = json.loads((out / "measurements.json").read_text())
    assert json.loads(result.stdout) == record and record["schema"] == "handbone.measurements/1"
    rows = rows_of(out)
    assert list(rows[0]) == ["image", *COLUMNS]
    assert len(rows) == 2 * sum(len(measure.targets) for measure in MEASURES.values())
    found = {(row["image"], row["measure"], row["bone_or_joint"]): row for row in rows}
    length = found["a.png", "length", "MC3"]
    assert float(length["value"]) == pytest.approx(64, abs=0.3)
    assert (length["unit"], length["scale_source"], length["side"]) == ("mm", "user", "right")
    variance = found["b.png", "ulnar_variance", "Ulna-Radius"]
    assert (variance["value"], variance["quality"], variance["side"]) == ("", "refused", "left")
    assert variance["reason"] == "Radius is doubtful: right with a chance of 0.40 only"
    assert float(found["a.png", "metacarpal_cortical_index", "MC2-4"]["value"]) > 0.3
    for name in ("a", "b"):
        drawn, plain = (
            cv2.imread(str(out / "lines" / f"{name}.png")),
            cv2.imread(str(tmp_path / "images" / f"{name}.png")),
        )
        assert drawn.shape[0] == min(1600, plain.shape[0]) and drawn.shape[1] > plain.shape[1]
        assert (np.ptp(drawn, axis=2) > 60).mean() > 0.01  # coloured lines


def test_the_table_for_people_shows_values_reasons_and_the_scale(predictions, tmp_path):
    result = call(predictions, "-o", tmp_path / "out")
    assert result.exit_code == 0, result.output
    text = " ".join(result.output.split())
    assert "a.png: right hand, scale: none" in text and "b.png: left hand" in text
    assert "carpal_height_ratio carpus 0.6" in text and "2 of 2 hands measured" in text
    lengths = [row for row in rows_of(tmp_path / "out") if row["measure"] in ("length", "carpal_height")]
    assert {row["unit"] for row in lengths} == {"px"}


def test_a_scale_is_what_was_recorded_where_the_radiograph_is_gone(predictions, tmp_path):
    record = json.loads((predictions / "predictions.json").read_text())
    record["images"][0] |= {"path": "gone.png", "spacing_mm": [0.3, 0.3], "spacing_source": "ImagerPixelSpacing"}
    (predictions / "predictions.json").write_text(json.dumps(record))
    assert call(predictions, "-o", tmp_path / "out").exit_code == 0
    found = {(r["measure"], r["bone_or_joint"]): r for r in rows_of(tmp_path / "out") if r["image"] == "a.png"}
    assert found["length", "PP2"]["scale_source"] == "imager_spacing" and found["length", "PP2"]["quality"] == "caution"
    assert "at the detector" in found["length", "PP2"]["reason"]
    assert found["cortical_thickness", "MC2"]["quality"] == "refused"


def test_regions_are_cropped_with_a_manifest(predictions, tmp_path):
    out = tmp_path / "out"
    assert call(predictions, "-o", out, "--rois", "svdh", "--rois", "rus", "--mm-per-px", "0.3").exit_code == 0
    manifest = json.loads((out / "rois_svdh" / "b" / "manifest.json").read_text())
    assert (manifest["side"], manifest["shown_as"], manifest["mirrored"]) == ("left", "right", True)
    assert len(manifest["regions"]) == 32
    refused = {r["name"]: r["reason"] for r in manifest["regions"] if not r["file"]}
    assert set(refused) == {"R", "SR"} and "doubtful" in refused["R"]
    for row in manifest["regions"]:
        if row["file"]:
            crop = cv2.imread(str(out / "rois_svdh" / "b" / row["file"]), cv2.IMREAD_UNCHANGED)
            assert crop.ndim == 2 and list(crop.shape) == row["frame"]["size_hw"]
            assert 0.01 < row["mm_per_px"] < 0.3
    assert len(list((out / "rois_rus" / "a").glob("epiphysis_*.png"))) == 13
    assert (out / "rois_rus" / "a" / "hand.png").is_file()


def test_regions_without_a_radiograph_are_an_error_of_that_hand(predictions, tmp_path):
    (tmp_path / "images" / "b.png").unlink()
    result = call(predictions, "-o", tmp_path / "out", "--rois", "rus")
    assert result.exit_code == 1
    assert "b.png: there is no radiograph to crop" in result.output and "1 of 2 hands measured" in result.output
    assert {row["image"] for row in rows_of(tmp_path / "out")} == {"a.png"}


def test_masks_that_do_not_fit_their_radiograph_are_an_error_of_that_hand(predictions, tmp_path):
    cv2.imwrite(str(tmp_path / "images" / "a.png"), np.zeros((50, 60), np.uint8))
    result = call(predictions, "-o", tmp_path / "out", "--json")
    assert result.exit_code == 1
    images = json.loads(result.stdout)["images"]
    assert "image of a hand" in images[0]["error"] and images[1]["error"] is None


def test_wrong_usage_is_refused_before_any_work(predictions, tmp_path):
    assert call("-o", tmp_path / "out").exit_code == 2
    for words in ((predictions, predictions), (tmp_path / "images", "--images", tmp_path)):
        with pytest.raises(HandboneError):
            CliRunner().invoke(app, ["measure", *map(str, words), "-o", str(tmp_path / "out")], catch_exceptions=False)
    with pytest.raises(HandboneError, match="svdh"):
        CliRunner().invoke(app, ["measure", str(predictions), "--rois", "svd"], catch_exceptions=False)
    assert not (tmp_path / "out").exists()


def test_earlier_measurements_are_replaced_only_when_asked(predictions, tmp_path):
    assert call(predictions, "-o", tmp_path / "out").exit_code == 0
    with pytest.raises(HandboneError, match="already contains measurements"):
        CliRunner().invoke(app, ["measure", str(predictions), "-o", str(tmp_path / "out")], catch_exceptions=False)
    assert call(predictions, "-o", tmp_path / "out", "--overwrite").exit_code == 0


def test_radiographs_are_outlined_first(predictions, tmp_path, monkeypatch):
    asked = []

    def outlined(paths, folder, *, weights, invert, crew):
        asked.append((paths, weights, invert))
        return TableMasks(predictions), [MeasuredImage("c.png", error="c.png: cut")]

    monkeypatch.setattr(measure_sources, "predicted_source", outlined)
    result = call(tmp_path / "images", "-o", tmp_path / "out", "-w", "mine", "--invert", "no")
    assert result.exit_code == 1 and "2 of 3 hands measured" in result.output and "c.png: cut" in result.output
    assert asked == [([tmp_path / "images"], "mine", "no")]


def test_the_list_names_every_measure_with_all_that_is_known_of_it():
    listed = call("--list")
    assert listed.exit_code == 0
    for name, measure in MEASURES.items():
        assert f"\n{name}  {measure.title}" in f"\n{listed.output}"
        for text in (measure.definition, measure.landmarks, measure.source, measure.normal, measure.repeatability):
            assert text in listed.output
    shown = json.loads(call("--list", "--json").stdout)["items"]
    assert [row["name"] for row in shown] == list(MEASURES) and len(NAMES) == 29


@pytest.mark.parametrize(
    ("recorded", "options", "read"),
    [(True, (), "yes"), (False, (), "no"), (None, (), "auto"), (True, ("--invert", "no"), "no")],
)
def test_brightness_is_read_as_it_was_when_the_bones_were_outlined(predictions, tmp_path, recorded, options, read):
    path = predictions / "predictions.json"
    record = json.loads(path.read_text())
    for image in record["images"]:
        image |= {} if recorded is None else {"inverted": recorded}
    path.write_text(json.dumps(record))
    with mock.patch.object(workflow, "read_image", wraps=read_image) as reading:
        assert call(predictions, "-o", tmp_path / "out", *options).exit_code == 0
    assert [asked.kwargs for asked in reading.call_args_list] == [{"invert": read}] * 2


def test_radiographs_of_a_run_are_read_as_the_run_read_them(predictions, tmp_path, monkeypatch):
    (predictions / "predictions.json").unlink()
    samples = [SimpleNamespace(name=name, image=tmp_path / "images" / name) for name in ("a.png", "b.png")]
    run = SimpleNamespace(dataset=SimpleNamespace(samples=samples, invert="yes"))
    monkeypatch.setattr("handbone.runs.load_run.finished_run", lambda folder: run)
    with mock.patch.object(workflow, "read_image", wraps=read_image) as reading:
        assert call(predictions, "-o", tmp_path / "out").exit_code == 0
    assert [asked.kwargs for asked in reading.call_args_list] == [{"invert": "yes"}] * 2


def test_radiographs_are_read_as_the_weights_say(tmp_path):
    folder, images = tmp_path / "weights", tmp_path / "images"
    settings = MethodSettings(invert="yes").model_dump(mode="json")
    save_seeing(folder / "coarse.safetensors", bias=0.0, bones=[10], extra={METHOD: settings})
    draw_image(images / "a.png")
    out = tmp_path / "out"
    assert call(images, "-o", out, "-w", folder).exit_code == 0
    predicted = json.loads((out / "predictions" / "predictions.json").read_text())
    assert predicted["invert"] == "yes" and predicted["images"][0]["inverted"]
    assert call(images, "-o", out, "-w", folder, "--invert", "no", "--overwrite").exit_code == 0
    assert not json.loads((out / "predictions" / "predictions.json").read_text())["images"][0]["inverted"]


@pytest.fixture
def outlined_too(tmp_path):
    """What `predict --measure` is asked for, but for where to: two images, and weights."""
    weights = save_seeing(tmp_path / "coarse.safetensors", bias=0.0, bones=[9, 10, 27])
    for seed, name in enumerate(("a.png", "more/b.png")):
        draw_image(tmp_path / "images" / name, seed=seed)
    return "predict", tmp_path / "images", "-w", weights, "--measure"


def files_of(folder):
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_predict_measures_the_same_into_its_own_folder(outlined_too, tmp_path, monkeypatch):
    out, apart = tmp_path / "out", tmp_path / "apart"
    assert main(monkeypatch, *outlined_too, "--mm-per-px", 0.3, "-o", out) == 0
    assert main(monkeypatch, "measure", out, "--mm-per-px", 0.3, "-o", apart) == 0
    both, alone = files_of(out), files_of(apart)
    assert set(alone) == {
        ".handbone.json",
        "lines/a.png",
        "lines/more/b.png",
        "measurements.csv",
        "measurements.json",
    }
    for name in ("lines/a.png", "lines/more/b.png", "measurements.csv"):
        assert both[name] == alone[name]
    record, record_alone = (json.loads(files["measurements.json"]) for files in (both, alone))
    assert record["images"] == record_alone["images"] and record["source"] == ["images"]
    assert undocumented(record) == []
    assert {"measurements.csv", "lines/a.png"} <= set(json.loads(both[".handbone.json"])["files"])


def test_what_predict_cannot_measure_is_listed_and_tried_again(outlined_too, tmp_path, monkeypatch, capsys):
    out = tmp_path / "out"

    def fail(image, *_):
        raise HandboneError("too bent to measure", where=image.name)

    with monkeypatch.context() as patch:
        patch.setattr(workflow, "_measure", fail)
        assert main(monkeypatch, *outlined_too, "-o", out) == 1
    assert "not written as measurements: a.png: too bent to measure" in capsys.readouterr().out
    images = json.loads((out / "predictions.json").read_text())["images"]
    assert [image["unwritten"] for image in images] == [
        {"measurements": "a.png: too bent to measure"},
        {"measurements": "more/b.png: too bent to measure"},
    ]
    assert main(monkeypatch, *outlined_too, "-o", out) == 0
    assert {row["image"] for row in rows_of(out)} == {"a.png", "more/b.png"}


def test_predict_refuses_a_scale_without_measuring_and_a_users_own_measurements(outlined_too, tmp_path, monkeypatch):
    assert main(monkeypatch, *outlined_too[:-1], "--mm-per-px", 0.3, "-o", tmp_path / "out") == 2
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "measurements.csv").write_text("mine")
    assert main(monkeypatch, *outlined_too, "-o", tmp_path / "own") == 1
    assert [path.name for path in (tmp_path / "own").iterdir()] == ["measurements.csv"]
    # Before any work: nothing was kept beside it.
    assert [path.name for path in tmp_path.iterdir() if "own" in path.name] == ["own"]
