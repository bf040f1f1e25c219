"""Workbooks of patients as people keep them: headers of any words, ids of any spelling, cells of any content."""

import openpyxl
import pandas as pd
import pytest

from handbone.core.errors import HandboneError
from handbone.data.patients import NAME, find_patients, read_patients


def workbook(path, header, *rows):
    book = openpyxl.Workbook()
    for row in (header, *rows):
        book.active.append(row)
    book.save(path)
    return path


@pytest.mark.parametrize(
    ("header", "columns"),
    [
        (
            ["ID", "나이", "성별", "키(신장)", "체중(몸무게)", "네일 여부"],
            ["patient_id", "age", "sex", "height_cm", "weight_kg", "nails"],
        ),
        (["아이디", "연령", "성별"], ["patient_id", "age", "sex"]),
        (["PatientID", "Age (years)", "Gender"], ["patient_id", "age", "sex"]),
        (
            ["patient_id", "age", "sex", "height_cm", "weight_kg"],
            ["patient_id", "age", "sex", "height_cm", "weight_kg"],
        ),
        (["No", "ID", "Weight", "Height"], ["patient_id", "height_cm", "weight_kg"]),
        # Words that hold others are not these.
        (["Side", "Width", "ID", "Image", "Average", "Age"], ["patient_id", "age"]),
        (["Residence", "Id", "Percentage"], ["patient_id"]),
        (["IDs", "Nails"], ["patient_id", "nails"]),
        (["_x0008_ID", " age "], ["patient_id", "age"]),
    ],
)
def test_columns_are_known_by_whole_words_of_their_headers(tmp_path, header, columns):
    path = workbook(tmp_path / NAME, header, [f"of {title}".replace("_x0008_", "").strip() for title in header])
    table, _ = read_patients(path)
    assert list(table.columns) == columns
    # Ids are the cells of their own column and no other's.
    title = table["patient_id"][0].removeprefix("of ").lower()
    assert title in ("id", "ids", "아이디", "patientid", "patient_id")


@pytest.mark.parametrize(
    ("cell", "patient"),
    [
        (1, "ID001"),
        (1.0, "ID001"),
        ("1", "ID001"),
        ("1.0", "ID001"),
        (" 7 ", "ID007"),
        ("007", "ID007"),
        (1234, "ID1234"),
        ("ID001", "ID001"),
        ("_x0008_ID001", "ID001"),
        ("Zoë 1", "Zoë 1"),
        ("1.5", "1.5"),
        ("-1", "-1"),
        ("1" * 16, "1" * 16),
    ],
)
def test_ids_are_those_of_the_folders(tmp_path, cell, patient):
    table, _ = read_patients(workbook(tmp_path / NAME, ["ID"], [cell]))
    assert table["patient_id"].tolist() == [patient]


@pytest.mark.parametrize(
    ("cell", "sex"),
    [
        *((cell, "M") for cell in ("남", "남성", "M", "male", "Male")),
        *((cell, "F") for cell in ("여", "여자", "f", "FEMALE", "_x0008_여")),
        *((cell, None) for cell in ("x", None, 1)),
    ],
)
def test_sexes_in_both_languages(tmp_path, cell, sex):
    table, findings = read_patients(workbook(tmp_path / NAME, ["ID", "성별"], [1, cell], [2, "남"]))
    read = table["sex"][0]
    assert read == sex if sex else pd.isna(read)
    gaps = [finding.message for finding in findings if finding.rule == "patients-gaps"]
    assert gaps == ([] if sex else ["sex is not readable for ID001"])


@pytest.mark.parametrize(
    ("cell", "value"),
    [(31, 31.0), ("31", 31.0), ("31.5", 31.5), ("_x0008_31", 31.0), ("?", None), ("31세", None), (None, None)],
)
def test_numbers_are_read_where_they_are_numbers(tmp_path, cell, value):
    table, findings = read_patients(workbook(tmp_path / NAME, ["ID", "age"], [1, cell]))
    assert pd.isna(table["age"][0]) if value is None else table["age"][0] == value
    assert ("patients-gaps" in {finding.rule for finding in findings}) is (value is None)


def test_rows_of_nobody_are_left_out_and_said(tmp_path):
    rows = [1, 30], [None, None], [None, 31], ["  ", 32], ["_x0008_", 33], [2, None]
    table, findings = read_patients(workbook(tmp_path / NAME, ["ID", "age"], *rows))
    assert table["patient_id"].tolist() == ["ID001", "ID002"]
    assert {f.rule: f.message for f in findings if f.rule != "patients-cells"} == {
        "patients-unnamed": "3 rows have no id",
        "patients-gaps": "age is not readable for ID002",
    }


def test_gaps_and_repeated_patients_are_named_but_not_without_end(tmp_path):
    rows = [[number, "?"] for number in range(1, 9)] + [[1, 30], ["ID002", 31]]
    table, findings = read_patients(workbook(tmp_path / NAME, ["ID", "age"], *rows))
    told = {finding.rule: finding for finding in findings}
    assert told["patients-gaps"].message == "age is not readable for ID001, ID002, ID003, ID004, ID005 and others"
    assert told["patients-repeated"].message == "more than one row for ID001, ID002"
    assert told["patients-repeated"].severity == "warning" and len(table) == 10


@pytest.mark.parametrize("header", [[], ["name", "age"], ["Side", "Width"], [None, None]])
def test_without_ids_it_is_no_table_of_patients(tmp_path, header):
    with pytest.raises(HandboneError, match=r"no column of ids among the headers .*; call one column ID"):
        read_patients(workbook(tmp_path / NAME, header, [1, 2]))


@pytest.mark.parametrize("place", ["", "train", "test"])
def test_it_lies_beside_the_parts_or_in_one(tmp_path, place):
    assert find_patients(tmp_path) is None
    (tmp_path / place).mkdir(exist_ok=True)
    path = workbook(tmp_path / place / NAME, ["ID"], [1])
    assert find_patients(tmp_path) == path
    workbook(tmp_path / NAME, ["ID"], [1])
    assert find_patients(tmp_path) == tmp_path / NAME


def test_a_table_without_rows_is_empty(tmp_path):
    table, findings = read_patients(workbook(tmp_path / NAME, ["ID", "age"]))
    assert table.empty and list(table.columns) == ["patient_id", "age"] and findings == []
