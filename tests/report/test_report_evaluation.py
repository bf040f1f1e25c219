"""The tables that `evaluate` prints hold the numbers of its summary, and no column that says nothing."""

import math

import numpy as np
import pandas as pd
import pytest

from handbone.anatomy import GROUPS, NAMES
from handbone.evaluation.tables import summarise
from handbone.report.evaluation import measurement_table, summary_table

COUNTS = ("both_empty", "missed", "invented")


def table(stages=("prediction",), poses=("straight", "bent"), nsd=("nsd_2px", "nsd_5px"), **more):
    """A metrics table of two images a pose with known Dice: .9 everywhere, .8 in the first stage of two."""
    lines = []
    for pose in poses:
        for number in range(2):
            for bone in NAMES:
                for stage in stages:
                    line = {"image_name": f"{pose}{number}.png", "bone": bone, "stage": stage, "pose": pose}
                    line |= {"dice": 0.8 if stage != stages[-1] else 0.9 - 0.1 * (bone == "Pisiform")}
                    line |= dict.fromkeys(nsd, 0.5) | {"hd95_px": 12.346, "boundary_iou": 0.25}
                    line |= dict.fromkeys(COUNTS, False) | {"bend_degrees": 3.0} | more
                    lines.append(line)
    return pd.DataFrame(lines)


def lines_of(rows, stages=("prediction",), summary=None):
    heads, lines = summary_table(summarise(rows) if summary is None else summary, rows, stages)
    assert {len(line) for line in lines} == {len(heads)}
    return heads, {line[0]: dict(zip(heads, line, strict=True)) for line in lines}


def test_groups_come_first_and_then_every_bone():
    heads, lines = lines_of(table(poses=("straight",)))
    names = list(lines)
    shown = ["all", "carpals", "metacarpals", "phalanges", "forearm"]
    assert names[:5] == ["All bones", *[name for name in GROUPS if name in shown[1:]]]
    assert names[5:] == [f"  {name}" for name in NAMES]
    assert heads == ["Bones", "Images", "Dice", "95 %", "NSD 5 px", "HD95 px", "Boundary IoU"]


@pytest.mark.parametrize("poses", [("straight",), ("straight", "bent")])
def test_poses_are_told_apart_where_there_are_several(poses):
    _, lines = lines_of(table(poses=poses))
    several = [name for name in lines if "," in name]
    assert (
        several
        == (["All bones, straight", "All bones, bent", "carpals, straight", "carpals, bent"][: 4 * (len(poses) - 1)])
    )
    assert lines["All bones"]["Images"] == str(2 * len(poses))


def test_values_have_their_digits_and_an_interval_only_where_there_is_one():
    rows = table(poses=("straight",))
    heads, lines = lines_of(rows)
    assert "Missed" not in heads
    one = lines["  Radius"]
    assert (one["Dice"], one["NSD 5 px"], one["HD95 px"], one["95 %"]) == ("0.900", "0.500", "12.35", "")
    assert lines["  Pisiform"]["Dice"] == "0.800"
    wide = summarise(rows).assign(prediction_dice_low=0.85, prediction_dice_high=0.95)
    assert lines_of(rows, summary=wide)[1]["  Radius"]["95 %"] == "0.850 to 0.950"


def test_the_widest_tolerance_in_each_unit_is_shown():
    heads, _ = lines_of(table(nsd=("nsd_1px", "nsd_2px", "nsd_0.5mm", "nsd_2mm")))
    assert [head for head in heads if head.startswith("NSD")] == ["NSD 2 px", "NSD 2 mm"]


def test_a_second_stage_brings_its_change():
    rows = table(("against", "prediction"), ("straight",))
    summary = summarise(rows).assign(dice_change=0.1, dice_change_low=0.05, dice_change_high=0.15)
    heads, lines = lines_of(rows, ("against", "prediction"), summary)
    assert heads[2:6] == ["Dice", "95 %", "Change", "95 %"]
    last = summary_table(summary, rows, ("against", "prediction"))[1][-1]
    assert last[2:6] == ["0.900", "", "+0.100", "+0.050 to +0.150"] and "  Ulna" in lines


@pytest.mark.parametrize("count", COUNTS)
def test_bones_that_are_missed_or_invented_get_their_columns(count):
    heads, lines = lines_of(table(poses=("straight",), **{count: True}))
    assert heads[4:7] == ["Dice seen", "Missed", "Invented"]
    told = {name: lines["  Ulna"][name] for name in ("Missed", "Invented")}
    assert told == {"Missed": "2" if count == "missed" else "0", "Invented": "2" if count == "invented" else "0"}


def errors(**columns):
    base = {"measure": "length", "unit": "mm", "bone_or_joint": ["MC3", "MC2"], "images": [3, 1]}
    base |= {"only_ground_truth": 0, "only_prediction": 0, "bias": [0.1, 0.5], "mean_absolute_error": [0.2, 0.6]}
    return pd.DataFrame(base | columns)


def test_errors_are_means_over_all_that_were_compared_and_name_the_worst():
    heads, lines = measurement_table(errors())
    assert lines == [["length", "mm", "4", "", "+0.2", "0.3", "MC2: 0.6"]] and len(heads) == 7


@pytest.mark.parametrize(("truth", "prediction", "alone"), [(0, 0, ""), (2, 0, "4"), (1, 2, "6")])
def test_what_only_one_side_has_is_counted(truth, prediction, alone):
    assert measurement_table(errors(only_ground_truth=truth, only_prediction=prediction))[1][0][3] == alone


def test_nothing_compared_is_a_dash_and_not_a_number():
    (line,) = measurement_table(errors(images=0, bias=math.nan, mean_absolute_error=math.nan, only_prediction=2))[1]
    assert line == ["length", "mm", "0", "4", "–", "–", ""]


def test_bones_without_a_comparison_do_not_weigh_and_are_not_the_worst():
    (line,) = measurement_table(errors(images=[3, 0], bias=[0.1, np.nan], mean_absolute_error=[0.2, np.nan]))[1]
    assert line[4:] == ["+0.1", "0.2", "MC3: 0.2"]


def test_each_measure_and_unit_has_a_line_in_the_order_of_the_errors():
    both = pd.concat([errors(measure="width"), errors(unit="px"), errors()], ignore_index=True)
    assert [line[:2] for line in measurement_table(both)[1]] == [["width", "mm"], ["length", "px"], ["length", "mm"]]


def test_a_measure_of_one_place_names_no_worst():
    assert measurement_table(errors().head(1))[1][0][6] == ""


def test_every_group_that_is_shown_exists():
    shown = {name for name in lines_of(table(poses=("straight",)))[1] if not name.startswith("  ") and "," not in name}
    assert shown - {"All bones"} <= set(GROUPS)
