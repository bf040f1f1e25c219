"""`handbone evaluate` through the command line: the table, the folder, JSON as documented, and exit codes."""

import json

import pandas as pd
import pytest
from evaluate_toys import masks_of, shifted, write_hands, write_table
from json_docs import undocumented
from typer.testing import CliRunner

from handbone.cli import app


@pytest.fixture(scope="module")
def hands(tmp_path_factory):
    return write_hands(tmp_path_factory.mktemp("hands"))


@pytest.fixture
def table(tmp_path):
    return write_table(tmp_path / "theirs.csv", shifted((2, 1)))


def call(*words):
    return CliRunner().invoke(app, ["evaluate", *map(str, words)])


def test_the_table_comes_first_and_the_folder_has_everything(hands, table, tmp_path):
    done = call(table, "--truth", hands, "-o", tmp_path / "out")
    assert done.exit_code == 0, done.output
    lines = done.stdout.splitlines()
    assert lines[0].split()[:3] == ["Bones", "Images", "Dice"] and "Missed" not in lines[0]
    assert {"All bones", "carpals", "All bones, bent", "carpals, straight"} <= {line[:17].strip() for line in lines}
    assert sum(line.startswith("  ") for line in lines) == 29
    assert "4 images of 3 patients compared, 0 failed" in done.stdout
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert names == {".handbone.json", "metrics.csv", "summary.csv", "evaluation.json", "report.html"}
    again = call(table, "--truth", hands, "-o", tmp_path / "out")
    assert again.exit_code == 1 and "already contains an evaluation" in str(again.exception)
    assert call(table, "--truth", hands, "-o", tmp_path / "out", "--overwrite").exit_code == 0


def test_json_is_as_documented(hands, table, tmp_path):
    masks = shifted((0, 0)) | {"a_R.png": masks_of("ID001/a_R.png", without=("Pisiform",))}
    ours = write_table(tmp_path / "ours.csv", masks)
    words = ["--truth", hands, "--tolerance", "0.5mm", "--mm-per-px", "0.25", "-o", tmp_path / "out", "--json"]
    done = call(ours, *words, "--against", table, "--measures")
    record = json.loads(done.stdout)
    assert done.exit_code == 0 and undocumented(record) == []
    assert record == json.loads((tmp_path / "out/evaluation.json").read_text())
    assert record["images"][0]["stages"]["prediction"]["missed"] in ([], ["Pisiform"])
    assert {line["kind"] for line in record["summary"]} == {"group", "pose", "group and pose", "bone", "patient"}
    plain = json.loads(call(table, "--truth", hands, "-o", tmp_path / "out2", "--json").stdout)
    assert undocumented(plain) == [] and plain["measurements"] is None and plain["against"] is None


def test_the_other_predictions_and_their_worst_changes_are_shown(hands, table, tmp_path):
    masks = shifted((0, 0)) | {"c_R.png": masks_of("ID003/c_R.png", shift=(9, 0), without=("Lunate",))}
    done = call(
        write_table(tmp_path / "o.csv", masks),
        "--truth",
        hands,
        "--against",
        table,
        "-o",
        tmp_path / "out",
        "--measures",
    )
    assert done.exit_code == 0, done.output
    head = done.stdout.splitlines()[0]
    assert "Change" in head and "Missed" in head
    worst = done.stdout.split("Worst change")[1].splitlines()[1].split()
    assert worst[0] == "c_R.png" and worst[-1].startswith("-")
    errors = done.stdout.split("Worst change")[1].split("Measure ")[1].split("Each bone and joint")[0].splitlines()
    assert 20 < len(errors) < 60  # one line per measure, not per bone
    [length] = [line.split() for line in errors if line.startswith("length ")]
    table = pd.read_csv(tmp_path / "out/measurement_summary.csv").query("stage == 'prediction' and measure == 'length'")
    worst = table.loc[table["mean_absolute_error"].idxmax()]
    assert length[:4] == ["length", "px", str(table["images"].sum()), str(table["only_ground_truth"].sum())]
    assert length[-2:] == [f"{worst['bone_or_joint']}:", f"{worst['mean_absolute_error']:.3g}"]
    mean = (table["mean_absolute_error"] * table["images"]).sum() / table["images"].sum()
    assert float(length[5]) == pytest.approx(mean, rel=0.01, abs=1e-9)
    assert {"measurement_errors.csv", "measurement_summary.csv"} <= {p.name for p in (tmp_path / "out").iterdir()}
    summary = pd.read_csv(tmp_path / "out/summary.csv")
    assert {"dice_change_low", "prediction_missed", "against_dice"} <= set(summary)


def test_a_failed_image_is_told_and_the_exit_code_is_1(hands, tmp_path):
    masks = shifted((0, 0), keys=["ID001/a_R.png", "ID001/a_L.png"])
    masks |= {"b_R.png": masks_of("ID001/a_R.png"), "x.png": masks_of("ID001/a_R.png")}
    done = call(write_table(tmp_path / "t.csv", masks), "--truth", hands, "-o", tmp_path / "out")
    assert done.exit_code == 1
    assert "b_R.png: the file says 256 x 256, but the image has 240 x 240 pixels" in done.stdout
    assert "2 images of 1 patient compared, 1 failed" in done.stdout
    assert "Labelled images without masks in 'prediction', 1: c_R.png." in done.stdout
    assert "Images of 'prediction' without labels, 1: x.png." in done.stdout
    assert (tmp_path / "out/report.html").read_text().count("<td>") and "b_R.png" in (
        tmp_path / "out/report.html"
    ).read_text()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--truth", "nowhere"], "no such folder"),
        (["--truth", "{hands}", "--class-map", "ram"], "unknown class map 'ram'"),
        (["--truth", "{hands}", "--classes", "carpal"], "unknown bone or group 'carpal'"),
        (["--truth", "{hands}", "--layout", "coco"], "no image has labels to compare with"),
    ],
)
def test_what_cannot_work_is_refused_before_anything_is_written(hands, table, tmp_path, words, message):
    words = [word.format(hands=hands) for word in words]
    done = call(table, *words, "-o", tmp_path / "out")
    assert done.exit_code in (1, 2) and message in done.output + str(done.exception)
    assert not (tmp_path / "out").exists()
