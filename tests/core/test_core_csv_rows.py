"""Tables come back from a CSV reader as they were written: order, empty cells, digits and line ends."""

import csv
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from handbone.core.csv_rows import write_rows

TEXT = st.characters(codec="utf-8", exclude_characters="\r")


def read(path):
    with open(path, encoding="utf-8", newline="") as file:
        return list(csv.reader(file))


@pytest.mark.parametrize(
    ("value", "cell"),
    [
        ("a.png", "a.png"),
        ("", ""),
        (None, ""),
        (math.nan, ""),
        (np.float64("nan"), ""),
        (np.float32("nan"), "nan"),
        (0, "0"),
        (-7, "-7"),
        (True, "True"),
        (0.1, "0.1"),
        (-0.0, "-0.0"),
        (1e-300, "1e-300"),
        (math.inf, "inf"),
        (np.float64(1 / 3), repr(1 / 3)),
        (np.int64(3), "3"),
    ],
)
def test_a_cell_is_the_shortest_text_of_its_value(tmp_path, value, cell):
    write_rows(tmp_path / "t.csv", ["v"], [{"v": value}])
    assert (tmp_path / "t.csv").read_bytes() in (f"v\n{cell}\n".encode(), b'v\n""\n')
    assert read(tmp_path / "t.csv") == [["v"], [cell]]


@pytest.mark.parametrize(
    ("digits", "cell"), [(1, "3"), (2, "3.1"), (3, "3.14"), (6, "3.14159"), (16, "3.141592653589793")]
)
def test_digits_are_significant_ones(tmp_path, digits, cell):
    write_rows(tmp_path / "t.csv", ["v"], [{"v": math.pi}], digits=digits)
    assert read(tmp_path / "t.csv")[1] == [cell]


def test_few_digits_touch_no_whole_number_and_no_text(tmp_path):
    write_rows(tmp_path / "t.csv", ["n", "t"], [{"n": 123456, "t": "3.14159"}], digits=2)
    assert read(tmp_path / "t.csv")[1] == ["123456", "3.14159"]


def test_columns_are_those_that_were_given_in_their_order(tmp_path):
    write_rows(tmp_path / "t.csv", ["b", "a"], [{"a": 1, "b": 2, "c": 3}, {"a": 4}, {}])
    assert read(tmp_path / "t.csv") == [["b", "a"], ["2", "1"], ["", "4"], ["", ""]]


def test_no_row_is_a_head_alone(tmp_path):
    write_rows(tmp_path / "deep" / "t.csv", ["a", "b"], [])
    assert (tmp_path / "deep" / "t.csv").read_bytes() == b"a,b\n"


@pytest.mark.parametrize("text", ['a,b "c".png', "two\nlines", "환자 7", " spaced ", "Zoe\u0308.png", "'", ";"])
def test_texts_with_signs_of_csv_come_back(tmp_path, text):
    write_rows(tmp_path / "t.csv", ["v", "w"], [{"v": text, "w": 1}])
    assert read(tmp_path / "t.csv")[1] == [text, "1"]
    assert b"\r" not in (tmp_path / "t.csv").read_bytes()


def test_rows_that_fail_leave_the_old_table_alone(tmp_path):
    path = tmp_path / "t.csv"
    write_rows(path, ["a"], [{"a": 1}])

    def rows():
        yield {"a": 2}
        raise RuntimeError("no more")

    with pytest.raises(RuntimeError, match="no more"):
        write_rows(path, ["a"], rows())
    assert path.read_bytes() == b"a\n1\n" and [p.name for p in tmp_path.iterdir()] == ["t.csv"]


@settings(max_examples=30)
@given(st.lists(st.floats(allow_nan=False), min_size=1, max_size=20))
def test_every_float_comes_back_to_the_last_bit(tmp_path_factory, values):
    path = tmp_path_factory.getbasetemp() / "floats.csv"
    write_rows(path, ["v"], ({"v": value} for value in values))
    assert [float(cell) for (cell,) in read(path)[1:]] == values


@settings(max_examples=30)
@given(
    st.lists(st.dictionaries(st.sampled_from("abc"), st.text(st.characters(codec="utf-8", exclude_characters="\r"))))
)
def test_every_text_comes_back_where_it_was(tmp_path_factory, rows):
    path = tmp_path_factory.getbasetemp() / "texts.csv"
    write_rows(path, "abc", rows)
    assert read(path)[1:] == [[row.get(column, "") for column in "abc"] for row in rows]
