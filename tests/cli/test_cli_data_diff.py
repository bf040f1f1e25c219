"""`handbone data diff` and `merge` in words: what changed, what is only on one side, what failed, and the exit code."""

import json

import cv2
import numpy as np
import pandas as pd
import pytest
from cli_small import draw_image, main

from handbone.anatomy import COUNT, INDEX
from handbone.core.bone_masks import BoneMasks
from handbone.formats.contest_csv import PredictionsWriter

SIZE = (150, 110)


def masks(moved=(), without=()):
    polygons = {
        bone: [
            cv2.ellipse2Poly((10 + 17 * (bone % 6) + 3 * (bone in moved), 15 + 28 * (bone // 6)), (6, 9), 0, 0, 360, 9)
        ]
        for bone in range(COUNT)
        if bone not in without
    }
    return BoneMasks.from_polygons(polygons, SIZE)


def table(path, rows):
    with PredictionsWriter(path) as writer:
        for name, of_image in rows.items():
            writer.write(name, of_image)
    return path


@pytest.fixture
def home(tmp_path):
    """Two radiographs, and masks of them before and after a correction; each side has one more image."""
    for number, name in enumerate(("a.png", "b.png", "old.png", "new.png")):
        draw_image(tmp_path / "images" / name, number, SIZE)
    both = {"a.png": masks(), "b.png": masks()}
    table(tmp_path / "old.csv", {**both, "old.png": masks()})
    corrected = {"a.png": masks([INDEX["Lunate"]], [INDEX["Pisiform"]]), "b.png": masks(), "new.png": masks()}
    table(tmp_path / "new.csv", corrected)
    return tmp_path


@pytest.fixture
def call(home, monkeypatch, capsys):
    monkeypatch.chdir(home)
    monkeypatch.setenv("COLUMNS", "300")

    def run(*words):
        code = main(monkeypatch, "data", *words)
        said = capsys.readouterr()
        return code, said.out, said.err

    return run


def test_what_changed_is_told_bone_by_bone(call):
    code, out, err = call("diff", "old.csv", "new.csv", "--images", "images")
    assert code == 0, err
    assert "2 bones changed in 1 of 2 radiographs" in out
    assert "1 only in OLD: old.png" in out and "1 only in NEW: new.png" in out
    rows = {line.split()[0]: line.split() for line in out.splitlines() if line.startswith(("Lunate", "Pisiform"))}
    assert set(rows) == {"Lunate", "Pisiform"} and rows["Lunate"][1] == "1"


def test_the_same_for_programs_and_as_a_table(call, home):
    code, out, _ = call("diff", "old.csv", "new.csv", "--images", "images", "-o", "changes.csv", "--json")
    value = json.loads(out)
    assert code == 0 and value["schema"] == "handbone.data.diff/1" and value["csv"] == "changes.csv"
    assert value["only_old"] == ["old.png"] and value["only_new"] == ["new.png"] and value["failed"] == {}
    assert {change["bone"] for change in value["changes"]} == {"Lunate", "Pisiform"}
    written = pd.read_csv(home / "changes.csv")
    assert sorted(written["bone"]) == ["Lunate", "Pisiform"] and set(written["image"]) == {"a.png"}


def test_nothing_changed_is_a_line_and_no_table(call):
    code, out, _ = call("diff", "old.csv", "old.csv", "--images", "images")
    assert (
        code == 0 and "0 bones changed in 0 of 3 radiographs" in out and "only in" not in out and "mean Dice" not in out
    )


def test_a_table_is_not_overwritten_unasked(call, home):
    (home / "changes.csv").write_text("mine")
    words = ("diff", "old.csv", "new.csv", "--images", "images", "-o", "changes.csv")
    code, out, err = call(*words)
    assert code == 1 and out == "" and "changes.csv: the file exists; choose another one" in err
    assert (home / "changes.csv").read_text() == "mine"
    assert call(*words, "--overwrite")[0] == 0 and (home / "changes.csv").read_text() != "mine"


def test_exchanged_masks_are_told_as_renamed(call, home):
    whole = masks()
    lunate, scaphoid = INDEX["Lunate"], INDEX["Scaphoid"]
    swapped = whole.replace({lunate: whole.mask(scaphoid), scaphoid: whole.mask(lunate)})
    table(home / "swapped.csv", {"a.png": swapped, "b.png": whole, "old.png": whole})
    code, out, _ = call("diff", "old.csv", "swapped.csv", "--images", "images")
    assert code == 0 and "a.png: Lunate has the mask that Scaphoid had" in out
    assert "a.png: Scaphoid has the mask that Lunate had" in out


@pytest.mark.parametrize("as_json", [False, True])
def test_a_radiograph_that_cannot_be_compared_is_told_and_the_exit_code_is_1(call, home, as_json):
    table(home / "odd.csv", {"a.png": BoneMasks.from_dense(np.ones((COUNT, 9, 7), bool)), "b.png": masks()})
    code, out, _ = call("diff", "old.csv", "odd.csv", *(["--json"] if as_json else []))
    assert code == 1
    if as_json:
        assert list(json.loads(out)["failed"]) == ["a.png"]
    else:
        assert "not compared" in out and "a.png" in out and "0 bones changed in 0 of 1 radiographs" in out


@pytest.mark.parametrize("which", ["missing.csv", "images"])
def test_a_side_that_is_nothing_is_one_sentence(call, which):
    code, out, err = call("diff", "old.csv", which)
    assert code == 1 and out == "" and which in err and "Traceback" not in err


def test_merged_labels_are_a_data_set_with_what_to_do_next(call, home):
    code, out, err = call("merge", "new.csv", "--over", "old.csv", "-o", "merged set", "--images", "images")
    assert code == 0, err
    assert "3 corrected and 1 predicted radiographs in merged set" in out
    assert "handbone run correct --set data.path='merged set'" in out
    code, out, _ = call("merge", "new.csv", "--over", "old.csv", "-o", "merged set", "--images", "images")
    assert code == 1 and out == ""
    code, out, _ = call(
        *("merge", "new.csv", "--over", "old.csv", "-o", "merged set", "--images", "images", "--overwrite", "--json")
    )
    value = json.loads(out)
    assert code == 0 and value["path"] == "merged set" and len(value["corrected"]) == 3 == len(value["predicted"]) + 2


def test_images_without_a_bone_are_counted(call, home):
    table(home / "empty.csv", {"a.png": masks(without=range(COUNT))})
    code, out, _ = call("merge", "empty.csv", "--over", "old.csv", "-o", "out", "--images", "images")
    assert code == 0 and "1 left out, as no bone is outlined: see merge.json" in out
