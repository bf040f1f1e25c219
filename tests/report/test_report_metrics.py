"""What the report says of metrics: means, changes, the weakest bones and poses, in words and in tables."""

import numpy as np
import pandas as pd
import pytest

from handbone.anatomy import CARPALS, NAMES
from handbone.evaluation.bootstrap import Interval
from handbone.report import charts
from handbone.report.page_metrics import PageMetrics


def table(change=0.05, stages=("coarse", "merged"), images=("a.png", "b.png"), bones=NAMES, **more):
    lines = []
    for number, image in enumerate(images):
        for index, bone in enumerate(bones):
            for stage in stages:
                gain = change.get(bone, 0.0) if isinstance(change, dict) else change
                dice = 0.8 - 0.1 * number - 0.001 * index + (gain if stage == stages[-1] else 0)
                lines.append({"image_name": image, "bone": bone, "stage": stage, "dice": dice} | more)
    return pd.DataFrame(lines)


def words(*arguments, **more):
    return " ".join(PageMetrics(table(*arguments, **more)).words())


@pytest.mark.parametrize("column", ["image_name", "bone", "stage", "dice"])
def test_a_table_without_what_it_needs_is_refused_with_the_column(column):
    with pytest.raises(ValueError, match=f"the metrics have no column '{column}'"):
        PageMetrics(table().drop(columns=column))


@pytest.mark.parametrize(("images", "said"), [(("a.png",), "On 1 image "), (("a.png", "b.png"), "On 2 images ")])
def test_images_are_counted_in_words(images, said):
    assert words(images=images).startswith(said)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (0.0, "No bone changes by as much as 0.001."),
        (0.0004, "No bone changes by as much as 0.001."),
        ({"Radius": 0.05}, "1 bone gains, Radius (+0.050)."),
        ({"Radius": -0.05}, "1 bone loses, Radius (-0.050)."),
        ({"Radius": 0.05, "Ulna": 0.02}, "2 bones gain, Radius most (+0.050)."),
        (
            {"Radius": 0.05, "Lunate": -0.01, "Ulna": -0.02},
            "1 bone gains, Radius (+0.050); 2 bones lose, Ulna",
        ),
        ({"finger-11": 0.05}, "1 bone gains, MC3 (+0.050)."),
    ],
)
def test_gains_and_losses_are_told_with_the_largest(change, said):
    assert said in words(change)


def test_one_stage_claims_no_change():
    text = words(stages=("coarse",))
    assert "the coarse masks reach a mean Dice of" in text and "gain" not in text and "from" not in text


def test_the_weakest_bone_is_named_as_radiologists_do():
    assert "The weakest bone is Ulna at" in words()
    assert "The weakest bone is MC5 at" in words(bones=NAMES[:19])


def test_poses_are_told_only_where_there_are_two():
    assert "By pose" not in words(pose="straight")
    both = pd.concat([table(images=("a.png",), pose="straight"), table(images=("b.png", "c.png"), pose="bent")])
    metrics = PageMetrics(both)
    assert [(pose, count) for pose, count, *_ in metrics.poses()] == [("straight", 1), ("bent", 2)]
    assert "By pose (images): straight" in " ".join(metrics.words())


def test_a_table_has_groups_then_bones_with_their_change():
    groups, bones = PageMetrics(table(0.05)).table()
    assert [row.name for row in groups] == ["All bones", "Carpals", "Metacarpals", "Phalanges", "Forearm"]
    assert [row.title for row in bones] == list(NAMES)
    assert all(row.change == pytest.approx(0.05) for row in (*groups, *bones))
    assert all(np.isnan(row.nsd) and np.isnan(row.hd95) for row in bones)


def test_groups_without_a_bone_have_no_line():
    groups, bones = PageMetrics(table(bones=[NAMES[bone] for bone in CARPALS])).table()
    assert [row.name for row in groups] == ["All bones", "Carpals"] and len(bones) == 8


def test_the_widest_tolerance_in_pixels_is_the_table_s():
    metrics = PageMetrics(table(nsd_1px=0.1, nsd_3px=0.3, nsd_1mm=0.9, hd95_px=7.0))
    assert metrics.nsd_column == "nsd_3px"
    row = metrics.table()[1][0]
    assert (row.nsd, row.hd95) == (0.3, 7.0)


@pytest.mark.parametrize(
    ("low", "floor"), [(0.95, 0.9), (0.75, 0.7), (0.70, 0.6), (0.649, 0.5), (0.04, 0.0), (0.0, 0.0)]
)
def test_bars_start_a_tenth_below_the_lowest_mean(low, floor):
    rows = table(0.0, images=("a.png",)).assign(dice=low)
    assert PageMetrics(rows).floor() == pytest.approx(floor, abs=0.1000001)
    assert PageMetrics(rows).floor() < low or low == 0


def test_a_case_names_its_three_weakest_bones():
    case = PageMetrics(table(pose="bent")).case("a.png")
    assert [name for name, _ in case["weakest"]] == ["Ulna", "Radius", "Pisiform"]
    assert case["pose"] == "bent" and set(case["bones"]) == {"coarse", "merged"}
    assert case["all"]["merged"] == pytest.approx(case["all"]["coarse"] + 0.05)
    assert PageMetrics(table()).case("unknown.png") is None


def test_images_are_ordered_by_their_last_stage_and_ties_by_name():
    metrics = PageMetrics(table(images=("b.png", "a.png")))
    assert metrics.order(["z.png", "b.png", "y.png", "a.png"]) == ["a.png", "b.png", "y.png", "z.png"]
    same = table(0.0, images=("a.png",)).assign(dice=0.5)
    both = pd.concat([same.assign(image_name=name) for name in ("q.png", "p.png")])
    assert PageMetrics(both).order(["q.png", "p.png"]) == ["p.png", "q.png"]


@pytest.mark.parametrize(("metric", "way"), [("dice", "up"), ("hd95_px", "down"), ("mine", "down")])
def test_distances_and_what_a_metric_says_of_itself_are_better_when_lower(metric, way):
    assert PageMetrics(table(), {"mine"}).direction(metric, Interval(0.2, 0.1, 0.3)) == way


def test_headlines_need_patients_and_poses():
    assert PageMetrics(table(pose="bent")).headlines() == []
    assert PageMetrics(table(pose="bent", patient_id="p1", ground_truth_area=5, both_empty=False)).headlines()


@pytest.mark.parametrize(
    ("columns", "drawn"),
    [
        ({"epoch": [1], "train_loss": [0.1]}, True),
        ({"epoch": [1], "val_dice": [0.1]}, True),
        ({"epoch": [1], "score": [0.1]}, True),
        ({"epoch": [1], "seconds": [0.1]}, False),
        ({"train_loss": [0.1]}, False),
        ({"epoch": [], "train_loss": []}, False),
    ],
)
def test_a_history_is_drawn_where_it_has_a_curve(columns, drawn):
    assert charts.drawable(pd.DataFrame(columns)) is drawn


def test_charts_take_their_colours_from_the_page_and_their_titles_are_no_markup():
    history = pd.DataFrame({"epoch": [1, 2], "train_loss": [1.0, 0.5], "val_loss": [1.0, np.nan], "val_dice": [0, 1]})
    text = charts.learning_chart('"><script>', history)
    assert text.startswith('<svg class="chart" role="img"') and "<script>" not in text and "xmlns" not in text
    assert "var(--first)" in text and "var(--last)" in text and "#0708" not in text
    spread = charts.spread_chart(table().assign(dice=np.nan), ["coarse", "merged"])
    assert "Dice of every image, by bone" in spread
