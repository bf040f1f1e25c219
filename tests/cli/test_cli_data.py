"""`handbone data check` and `summary` as a user calls them."""

import json

import cv2
import pandas as pd
import pytest
from data_toys import draw, toy_hand, write_hand
from typer.testing import CliRunner

from handbone.cli.data import app
from handbone.data.dataset import open_dataset
from handbone.data.summary import summarise
from handbone.recipe.schema import Data


@pytest.fixture(autouse=True)
def _own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("HANDBONE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("COLUMNS", "200")


def run(*arguments):
    return CliRunner().invoke(app, [str(a) for a in arguments])


def test_check_exits_with_0_for_notes_and_with_1_for_errors(contest):
    result = run("check", contest)
    assert result.exit_code == 0 and "0 errors, 0 warnings" in result.stdout
    assert "the file says 3060 x 3060" in result.stdout and "and 3 more" in result.stdout
    (contest / "train/outputs_json/ID002/image_1661130828120.json").write_text("{")
    result = run("check", contest)
    assert result.exit_code == 1 and "not valid JSON" in result.stdout


def test_check_as_json_names_every_file(contest):
    content = json.loads(run("check", contest, "--json").stdout)
    assert content["images"] == 9 and content["layout"] == "contest"
    sizes = [f for f in content["findings"] if f["rule"] == "metadata-size"]
    assert len({f["file"] for f in sizes}) == 8 and set(sizes[0]) == {"severity", "rule", "file", "message", "remedy"}


@pytest.mark.parametrize("options", [["--map", "Scaphoid"], ["--map", "a=Scafoid"], ["--layout", "dicom"], ["--what"]])
def test_wrong_usage_exits_with_2(contest, options):
    assert run("check", contest, *options).exit_code == 2


def test_summary_writes_a_page_that_needs_no_other_file(contest, tmp_path):
    hand = toy_hand()
    centre = hand["Lunate"].mean(0)
    hand["Lunate"] = (hand["Lunate"] - centre) * 0.45 + centre
    write_hand(contest, "train", "ID007", "odd", list(hand.items()))
    result = run("summary", contest, "-o", tmp_path / "out")
    assert result.exit_code == 0, result.output
    page = (tmp_path / "out/summary.html").read_text()
    assert "Both hands of a patient" in page and "odd.png: Lunate z" in page
    assert "http" not in page and 'src="data:image/' in page
    assert len(pd.read_csv(tmp_path / "out/bones.csv")) == 29
    for name in ("areas.png", "pose.png", "overlaps.png", "outlier-odd.jpg", "hand-image_1661130828130.jpg"):
        assert cv2.imread(str(tmp_path / "out" / name)) is not None, name
    again = run("summary", contest, "-o", tmp_path / "out")
    assert "already exists" in str(again.exception)


def test_summary_as_json_has_all_tables(contest):
    content = json.loads(run("summary", contest, "--json").stdout)
    assert len(content["bones"]) == 29 and len(content["images"]) == 9 and len(content["patients"]) == 5
    patient_id = next(p for p in content["patients"] if p["patient_id"] == "ID003")
    assert patient_id["thumbs"] == "left, right" and patient_id["bend_first"] > 25
    assert next(o for o in content["overlaps"] if o["bone"] == "Triquetrum" and o["other"] == "Pisiform")["hands"] == 1


def test_a_broken_file_is_named_left_out_and_told_by_the_exit_code(contest):
    (contest / "train/outputs_json/ID002/image_1661130828120.json").write_text("{")
    result = run("summary", contest)
    assert result.exit_code == 1 and "image_1661130828120.json" in result.output


def test_images_alone_can_be_summarised(tmp_path):
    folder = tmp_path / "plain"
    folder.mkdir()
    cv2.imwrite(str(folder / "a.png"), draw(toy_hand()))
    result = run("summary", folder, "-o", tmp_path / "out")
    assert result.exit_code == 0 and "no labels" in result.stdout


def test_overlaps_and_areas_agree_with_brute_force(contest):
    dataset = open_dataset(Data(path=str(contest)))
    summary = summarise(dataset)
    shares = []
    for sample in dataset.labelled():
        masks = dataset.labels(sample).masks().dense()
        a, b = masks[25], masks[26]
        shares.append((a & b).sum() / min(a.sum(), b.sum()))
        row = summary.areas.query("image_name == @sample.name and bone == 'Triquetrum'")
        assert row["area"].item() == a.sum()
    pair = summary.overlaps.query("bone == 'Triquetrum' and other == 'Pisiform'")
    assert pair["overlap"].item() == pytest.approx(sum(shares) / len(shares))


@pytest.mark.slow
def test_synthetic_draws_a_set_that_check_finds_sound(tmp_path):
    result = run("draw", "--count", 2, "--test", 2, "--seed", 1, "--size", 128, "-o", tmp_path / "ph", "--json")
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["train"] == 2
    assert run("check", tmp_path / "ph").exit_code == 0


@pytest.mark.slow
def test_a_patient_may_know_better_whether_images_are_inverted(contest, tmp_path):
    def inverted(*options):
        findings = json.loads(run("check", contest, "--json", *options).stdout)["findings"]
        return sum(finding["rule"] == "inverted" for finding in findings)

    assert inverted() == inverted("--invert", "no") == 0 and inverted("--invert", "yes") == 9
    for path in contest.rglob("*.png"):
        cv2.imwrite(str(path), 255 - cv2.imread(str(path)))
    assert inverted() == 9 and inverted("--invert", "no") == 0
    brightness = {}
    for invert in ("auto", "no"):
        assert run("summary", contest, "-o", tmp_path / invert, "--invert", invert).exit_code == 0
        drawn = cv2.imread(str(tmp_path / invert / "hand-image_1661130828130.jpg"))
        brightness[invert] = drawn.mean()
    assert brightness["auto"] < brightness["no"] - 50
