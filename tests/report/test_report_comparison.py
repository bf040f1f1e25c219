"""The tables of a comparison: cells, costs, failures and what explains them, as texts that can be checked by eye."""

import math

import pandas as pd
import pytest

from handbone.evaluation.bootstrap import Interval
from handbone.evaluation.comparison import Cell, Comparison, Line
from handbone.report.comparison import (
    CHART_FILE,
    COST_COLUMNS,
    MARKDOWN_FILE,
    TABLE_FILE,
    cell_texts,
    cost_row,
    explanation,
    metric_columns,
    metric_rows,
    to_markdown,
    write_comparison,
)

NONE = Interval(0.9, math.nan, math.nan)
FIRST = Cell(Interval(0.912, 0.901, 0.923), (0.912,))
SECOND = Cell(Interval(0.922, 0.91, 0.93), (0.92, 0.924), Interval(0.010, 0.004, 0.016))


def line(name="b", cell=SECOND, **more):
    facts = {"seen": 120.0, "megapixels": 31.5, "minutes": 15.04, "seconds": 1.505, "worse": 0.125}
    return Line(name, cells={"straight": {"dice": cell}, "bent": {"dice": cell}}, **(facts | more))


def comparison(*lines, poses=None):
    return Comparison(lines or (line("a", FIRST), line()), poses or {"straight": (3, 2), "bent": (1, 1)}, ("dice",))


@pytest.mark.parametrize(
    ("cell", "texts"),
    [
        (FIRST, ["0.912", "0.901 to 0.923"]),
        (SECOND, ["0.922 ±0.003", "0.910 to 0.930", "+0.010", "+0.004 to +0.016"]),
        (Cell(NONE, (0.9,)), ["0.900"]),
        (Cell(NONE, (0.9,), Interval(-0.1, math.nan, math.nan)), ["0.900", "−0.100"]),
        (Cell(Interval(math.nan, math.nan, math.nan), (math.nan,)), ["–"]),
        (Cell(NONE, (0.9, 0.9)), ["0.900 ±0.000"]),
    ],
)
def test_a_cell_says_mean_spread_interval_and_change_as_far_as_there_are_any(cell, texts):
    assert cell_texts("dice", cell) == texts


def test_a_distance_has_its_own_digits():
    cell = Cell(Interval(12.3456, 11.0, 13.0), (12.0, 13.0), Interval(-1.5, -2.0, -1.0))
    assert cell_texts("hd95_px", cell) == ["12.35 ±0.71", "11.00 to 13.00", "−1.50", "−2.00 to −1.00"]


def test_a_recipe_has_a_row_a_pose_and_its_name_in_the_first():
    rows = metric_rows(comparison(), line())
    assert [row[:2] for row in rows] == [[["b"], ["straight"]], [[""], ["bent"]]]
    assert metric_columns(comparison()) == ["recipe", "hands", "Dice"]
    assert {len(row) for row in rows} == {3}


def test_a_recipe_that_failed_has_a_row_of_dashes():
    failed = Line("c", errors=("seed 1: out of memory", "seed 2: killed"))
    both = comparison(line("a", FIRST), failed)
    assert metric_rows(both, failed) == [[["c"], ["failed"], ["–"]]]
    assert cost_row(failed) == ["c", *["–"] * (len(COST_COLUMNS) - 1)]
    text = to_markdown(both)
    assert "c failed: seed 1: out of memory\n\nc failed: seed 2: killed\n" in text
    assert "| c | failed | – |" in text and "| c | – | – | – | – | – |" in text


@pytest.mark.parametrize(("worse", "text"), [(0.125, "12.5 %"), (0.0, "0.0 %"), (1.0, "100.0 %"), (math.nan, "–")])
def test_costs_have_their_units(worse, text):
    assert cost_row(line(worse=worse)) == ["b", "120", "32", "15.0 min", "1.50 s", text]


@pytest.mark.parametrize(
    ("poses", "words"),
    [
        ({"straight": (1, 1)}, "(straight: 1 image of 1 patient)"),
        ({"straight": (2, 1)}, "(straight: 2 images of 1 patient)"),
        ({"straight": (3, 2), "bent": (5, 4)}, "(straight: 3 images of 2 patients; bent: 5 images of 4 patients)"),
    ],
)
def test_images_and_patients_are_counted_in_words(poses, words):
    assert words in explanation(comparison(poses=poses))


def test_the_sign_of_a_spread_is_explained_where_there_is_one():
    assert "±" in explanation(comparison())
    assert "±" not in explanation(comparison(line("a", FIRST)))
    assert "0.005 Dice" in explanation(comparison())


def test_markdown_is_two_tables_with_numbers_to_the_right():
    text = to_markdown(comparison())
    first, second, words = text.rstrip("\n").split("\n\n")
    assert first.splitlines()[:2] == ["| recipe | hands | Dice |", "|---|---|--:|"]
    assert "| b | straight | 0.922 ±0.003<br>0.910 to 0.930<br>+0.010<br>+0.004 to +0.016 |" in first
    assert second.splitlines()[1] == "|---|--:|--:|--:|--:|--:|"
    assert words == explanation(comparison())


def test_where_every_recipe_failed_there_is_neither_a_table_of_costs_nor_a_chart(tmp_path):
    (tmp_path / CHART_FILE).write_bytes(b"of an earlier comparison")
    failed = Comparison((Line("a", errors=("no images",)),), {}, ())
    write_comparison(failed, tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == [TABLE_FILE, MARKDOWN_FILE]
    assert (tmp_path / MARKDOWN_FILE).read_text("utf-8") == (
        "| recipe | hands |\n|---|---|\n| a | failed |\n\na failed: no images\n"
    )


def test_the_files_hold_every_number_and_the_chart_is_an_image(tmp_path):
    write_comparison(comparison(line("a", FIRST), line(), Line("c", errors=("one", "two"))), tmp_path)
    table = pd.read_csv(tmp_path / TABLE_FILE)
    assert list(table["recipe"]) == ["a", "b", "c"] and table.loc[2, "error"] == "one; two"
    assert table.loc[1, "bent_dice_change_low"] == 0.004 and pd.isna(table.loc[0, "bent_dice_change_low"])
    assert list(table["bent_dice_seeds"].dropna()) == [1, 2] and table.loc[1, "made_worse"] == 0.125
    assert (tmp_path / CHART_FILE).read_bytes().startswith(b"\x89PNG")
