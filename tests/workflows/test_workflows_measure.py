"""`handbone measure` through the real command: tables, images, regions, scales, failures."""

import csv
import json

import cv2
import numpy as np
import pytest
from plain_hands import PlainHand
from typer.testing import CliRunner

from handbone.anatomy import NAMES
from handbone.cli import app
from handbone.core.errors import HandboneError
from handbone.formats.contest_csv import PredictionsWriter
from handbone.measure import MEASURES
from handbone.measure.measuring import COLUMNS
from handbone.workflows import measure_sources
from handbone.workflows.export import ExportSource
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
    (folder / "predictions.json").write_text(json.dumps({"images": records, "pictures": records}))
    return folder


def call(*words):
    return CliRunner().invoke(app, ["measure", *map(str, words)])


def rows_of(folder):
    with open(folder / "measurements.csv", newline="") as file:
        return list(csv.DictReader(file))


def test_predictions_become_a_tidy_table_json_and_images(predictions, tmp_path):
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
    for images in (record["images"], record["pictures"]):
        images[0] |= {"path": "gone.png", "spacing_mm": [0.3, 0.3], "spacing_source": "ImagerPixelSpacing"}
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
    with pytest.raises(HandboneError, match="measurements already"):
        CliRunner().invoke(app, ["measure", str(predictions), "-o", str(tmp_path / "out")], catch_exceptions=False)
    assert call(predictions, "-o", tmp_path / "out", "--overwrite").exit_code == 0


def test_radiographs_are_outlined_first(predictions, tmp_path, monkeypatch):
    asked = []

    def outlined(paths, folder, *, weights, invert):
        asked.append((paths, weights, invert))
        return ExportSource(predictions), [MeasuredImage("c.png", error="c.png: cut")]

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
