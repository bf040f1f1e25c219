"""`handbone data check`: every trap of real data is found, with file and remedy, and nothing is changed."""

import json
from pathlib import Path

import cv2
import numpy as np
import openpyxl
import pytest
from data_toys import annotation, draw, toy_hand, write_hand

from handbone.anatomy import INDEX
from handbone.core.errors import HandboneError
from handbone.core.polygons import polygon_areas
from handbone.data.audit.check import check_dataset
from handbone.data.dataset import open_dataset
from handbone.data.patients import read_patients
from handbone.data.plausible import REFERENCE_AREAS, doubts, hand_unit
from handbone.recipe.schema import Data

HAND = toy_hand()
POLYGONS = {INDEX[name]: [points] for name, points in HAND.items()}


def checked(root):
    return check_dataset(open_dataset(Data(path=str(root))))


def swap(hand: dict, *pairs) -> dict:
    names = {a: b for pair in pairs for a, b in (pair, pair[::-1])}
    return {names.get(name, name): points for name, points in hand.items()}


def write_workbook(path: Path, *rows) -> Path:
    book = openpyxl.Workbook()
    book.active.append(["ID", "나이", "성별", "키(신장)", "체중(몸무게)", "네일 여부"])
    for row in rows:
        book.active.append(row)
    book.save(path)
    return path


def test_a_sound_dataset_has_notes_only(contest):
    findings = checked(contest)
    assert {f.severity for f in findings} == {"note"}
    rules = {"metadata-size", "filename-extension", "unordered", "not-two-hands", "side-in-few-names"}
    assert {f.rule for f in findings} == rules
    assert sum(f.rule == "metadata-size" for f in findings) == 8


def test_all_traps_are_found_at_once_and_nothing_changes(contest):
    train, labels = contest / "train/DCM", contest / "train/outputs_json"
    (labels / "ID001/image_1661130828111_L.json").unlink()
    (train / "ID002/image_1661130828120.png").unlink()
    cut = train / "ID002/image_1661130828121.png"
    cut.write_bytes(cut.read_bytes()[:-300])
    broken = labels / "ID003/image_1661130828130.json"
    broken.write_text(broken.read_text()[:100])
    cv2.imwrite(str(train / "ID003/image_1661130828131.png"), 255 - draw(toy_hand(mirrored=True)))
    swapped = swap(HAND, ("finger-4", "finger-8"))
    swapped.pop("Pisiform")
    swapped["Trapezoyd"] = swapped.pop("Trapezoid")
    (labels / "ID004/image_1661130828140.json").write_text(
        json.dumps(annotation(list(swapped.items()), filename="image_1661130828140.jpg"))
    )
    write_hand(contest, "train", "ID005", "both_1")
    write_hand(contest, "train", "ID005", "both_2", bend=10)
    write_hand(contest, "train", "ID040", "again")
    write_hand(contest, "test", "ID041", "both_1", bend=10)
    sixteen = train / "ID006/deep_6_x.png"
    sixteen.parent.mkdir()
    cv2.imwrite(str(sixteen), draw(HAND).astype(np.uint16) * 257)
    write_workbook(contest / "meta_data.xlsx", [1, 30, "_x0008_여", 160, 50, None])
    before = {p: p.stat().st_mtime_ns for p in contest.rglob("*")}

    findings = checked(contest)

    assert before == {p: p.stat().st_mtime_ns for p in contest.rglob("*")}
    found = {(f.rule, Path(f.file).name) for f in findings}
    assert found >= {
        ("no-annotation", "image_1661130828111_L.png"),
        ("no-image", "image_1661130828120.json"),
        ("unreadable-image", "image_1661130828121.png"),
        ("unreadable-annotation", "image_1661130828130.json"),
        ("inverted", "image_1661130828131.png"),
        ("bits", "deep_6_x.png"),
        ("unknown-label", "image_1661130828140.json"),
        ("missing-bones", "image_1661130828140.json"),
        ("swapped-labels", "image_1661130828140.json"),
        ("same-side-twice", "ID005"),
        ("patient-in-both-splits", "ID040"),
        ("repeated-name", "both_1.png"),
        ("patients-cells", "meta_data.xlsx"),
        ("patients-missing", "meta_data.xlsx"),
    }
    assert all(f.remedy and f.message for f in findings)
    severities = [f.severity for f in findings]
    assert severities == sorted(severities, key=("error", "warning", "note").index)


def test_the_same_image_twice_is_found(tmp_path):
    write_hand(tmp_path, "train", "ID001", "one")
    write_hand(tmp_path, "train", "ID002", "two")
    [found] = [f for f in checked(tmp_path) if f.rule == "same-image"]
    assert found.file.endswith("two.png") and "one.png" in found.message


def test_a_shift_in_pose_between_the_parts_is_found(tmp_path):
    for patient_id in range(3):
        write_hand(tmp_path, "train", f"ID00{patient_id}", f"a{patient_id}", bend=patient_id)
        write_hand(tmp_path, "test", f"ID01{patient_id}", f"b{patient_id}", bend=40 + patient_id)
    [found] = [f for f in checked(tmp_path) if f.rule == "pose-shift"]
    assert "0% of the training hands, but 100% of the test hands" in found.message


@pytest.mark.parametrize(
    "pair",
    [
        ("finger-4", "finger-5"),
        ("finger-4", "finger-8"),
        ("finger-1", "finger-16"),
        ("finger-11", "Capitate"),
        ("finger-7", "finger-11"),
        ("Trapezium", "Hamate"),
        ("Scaphoid", "Triquetrum"),
        ("Radius", "Ulna"),
    ],
)
def test_swapped_labels_are_named(pair):
    polygons = {INDEX[name]: [points] for name, points in swap(HAND, pair).items()}
    [found] = [d for d in doubts(polygons) if d.rule == "swapped-labels"]
    assert found.bones == tuple(sorted(INDEX[name] for name in pair))
    assert all(name in found.message for name in pair)


def test_whole_fingers_in_each_others_place_are_one_finding():
    pairs = [(f"finger-{i}", f"finger-{i + 8}") for i in range(4, 8)]
    polygons = {INDEX[name]: [points] for name, points in swap(HAND, *pairs).items()}
    [found] = [d for d in doubts(polygons) if d.rule == "swapped-labels"]
    assert len(found.bones) == 8


@pytest.mark.parametrize("bend", [-40, 0, 40])
@pytest.mark.parametrize("mirrored", [False, True])
def test_right_labels_raise_no_doubt(bend, mirrored):
    assert doubts({INDEX[n]: [p] for n, p in toy_hand(bend=bend, mirrored=mirrored).items()}) == []
    fingers = {INDEX[n]: [p] for n, p in HAND.items() if n.startswith("finger")}
    assert doubts(fingers) == []


def test_two_bones_under_one_label_are_found_and_the_missing_one_is_named():
    polygons = dict(POLYGONS)
    polygons[INDEX["finger-4"]] = polygons[INDEX["finger-4"]] + polygons.pop(INDEX["finger-12"])
    found = [d for d in doubts(polygons) if d.rule == "far-apart"]
    assert len(found) == 1 and "one may be finger-12, which is missing" in found[0].message


def test_an_outline_of_quite_another_size_is_found():
    big = POLYGONS[INDEX["Lunate"]][0]
    polygons = POLYGONS | {INDEX["Lunate"]: [(big - big.mean(0)) * 0.4 + big.mean(0)]}
    assert [d.bones for d in doubts(polygons) if d.rule == "odd-area"] == [(INDEX["Lunate"],)]


def test_the_workbook_is_read_under_korean_headers(tmp_path):
    rows = [1, 31, "_x0008_남", 175, 70.5, None], ["ID002", 28, "여_x0008_", "162", None, "O"]
    table, findings = read_patients(write_workbook(tmp_path / "meta_data.xlsx", *rows))
    assert list(table.columns) == ["patient_id", "age", "sex", "height_cm", "weight_kg", "nails"]
    assert table["patient_id"].tolist() == ["ID001", "ID002"] and table["sex"].tolist() == ["M", "F"]
    assert table["height_cm"].tolist() == [175, 162] and table["nails"][1] == "O"
    assert {f.rule for f in findings} == {"patients-cells", "patients-gaps"}


def test_a_workbook_that_is_none_is_refused_by_name(tmp_path):
    (tmp_path / "meta_data.xlsx").write_text("no")
    with pytest.raises(HandboneError, match=r"meta_data\.xlsx: is not a workbook"):
        read_patients(tmp_path / "meta_data.xlsx")


def test_a_hand_s_unit_is_its_third_metacarpal():
    """By areas alone, and whatever a few wrong labels say."""
    areas = REFERENCE_AREAS * 150.0**2
    assert hand_unit(areas) == pytest.approx(150.0)
    areas[[3, 8, 20]] *= (9.0, 0.1, 0.0)
    assert hand_unit(areas) == pytest.approx(150.0, rel=0.01)
    assert np.isnan(hand_unit(np.zeros(29)))


@pytest.mark.parametrize(("gap", "found"), [(0.27, False), (0.33, True)])
def test_parts_of_a_bone_may_lie_three_tenths_of_a_metacarpal_apart(gap, found):
    polygons = {INDEX[name]: [points] for name, points in toy_hand().items()}
    unit = hand_unit(polygon_areas(polygons))
    bone = INDEX["finger-4"]
    part = polygons[bone][0]
    away = part - [0, np.ptp(part[:, 1]) + gap * unit]
    polygons[bone] = [part, away]
    unit = hand_unit(polygon_areas(polygons))
    assert ("far-apart" in {doubt.rule for doubt in doubts(polygons)}) is found
