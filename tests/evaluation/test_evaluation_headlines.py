"""Headline metrics with intervals: the same means as the summary's, and the columns that they add to it."""

import numpy as np
import pandas as pd
import pytest

from handbone.anatomy import GROUPS, NAMES
from handbone.evaluation import summarise
from handbone.evaluation.bootstrap import PatientBootstrap
from handbone.evaluation.headlines import headlines, with_intervals

PATIENTS = {"a1.png": "a", "a2.png": "a", "b1.png": "b", "c1.png": "c", "d1.png": "d"}
BENT = ("b1.png", "d1.png")


@pytest.fixture
def rows() -> pd.DataFrame:
    rng = np.random.default_rng(4)
    lines = [
        {
            "image_name": image,
            "patient_id": patient_id,
            "bone": bone,
            "stage": stage,
            "dice": rng.uniform(0.8, 0.9) + 0.05 * (stage == "merged"),
            "both_empty": False,
            "nsd_1px": rng.random() if bone != "Pisiform" else np.nan,
            "hd95_px": rng.uniform(1, 9),
            "boundary_iou": rng.random(),
            "pose": "bent" if image in BENT else "straight",
        }
        for image, patient_id in PATIENTS.items()
        for stage in ("coarse", "merged")
        for bone in NAMES
    ]
    return pd.DataFrame(lines).sample(frac=1, random_state=0).sort_values("stage", kind="stable")


def test_headlines_have_the_means_of_the_summary(rows):
    summary = summarise(rows).set_index(["kind", "name"])
    found = headlines(rows)
    assert [(h.group, h.pose, h.images, h.patients) for h in found] == [
        *(("all", None, 5, 4), ("all", "straight", 3, 2), ("all", "bent", 2, 2)),
        *(("carpals", None, 5, 4), ("carpals", "straight", 3, 2), ("carpals", "bent", 2, 2)),
    ]
    for headline in found:
        where = ("group", headline.group)
        if headline.pose:
            where = ("group and pose", f"{headline.group}, {headline.pose}")
        for stage, metrics in headline.stages.items():
            assert list(metrics) == ["dice", "nsd_1px", "hd95_px", "boundary_iou"]
            for metric, interval in metrics.items():
                assert interval.mean == pytest.approx(summary.loc[where, f"{stage}_{metric}"])
                assert interval.low <= interval.mean <= interval.high
    assert found[0].change["dice"].mean == pytest.approx(
        summary.loc[("group", "all"), "merged_dice"] - summary.loc[("group", "all"), "coarse_dice"]
    )


def test_the_summary_gets_columns_that_only_headlines_fill(rows):
    summary = with_intervals(summarise(rows), headlines(rows)).set_index(["kind", "name"])
    assert len(summary) == len(summarise(rows))
    bent = rows[(rows["pose"] == "bent") & (rows["stage"] == "merged") & rows["bone"].isin(GROUPS["carpals"])]
    values = bent.pivot(index="image_name", columns="bone", values="hd95_px").to_numpy()
    expected = PatientBootstrap(["b", "d"]).mean(values)
    line = summary.loc[("group and pose", "carpals, bent")]
    assert line["merged_hd95_px_low"] == pytest.approx(expected.low)
    assert line["merged_hd95_px_high"] == pytest.approx(expected.high)
    assert line["dice_change_low"] <= line["dice_change"] <= line["dice_change_high"]
    assert line["patients"] == 2
    assert summary.loc[("bone", "Ulna"), "merged_dice_low":].isna().all()


def test_one_stage_has_no_change_and_one_patient_no_interval(rows):
    one = rows[(rows["stage"] == "coarse") & (rows["patient_id"] == "a")]
    found = headlines(one)
    assert {h.pose for h in found} == {None, "straight"}
    assert all(not h.change for h in found)
    assert "1 patient" in found[0].stages["coarse"]["dice"].reason
    assert with_intervals(summarise(one), found)["coarse_dice_low"].isna().all()


def test_no_images_have_no_headlines(rows):
    empty = rows.iloc[:0]
    assert headlines(empty) == []
    assert with_intervals(summarise(empty), []).empty
