"""The metrics table and its means, on hands of squares whose metrics are known."""

import numpy as np
import pandas as pd
import pytest

from handbone.anatomy import COUNT, GROUPS, INDEX, NAMES
from handbone.core.bone_masks import BoneMasks
from handbone.core.errors import HandboneError
from handbone.evaluation import score_images, summarise
from handbone.evaluation.headlines import headlines, with_intervals
from handbone.evaluation.metrics import iou

PLACES = {"Radius": (40, 90), "Capitate": (40, 60), "finger-11": (40, 30)}


def hand(*, bent: bool = False, shift: int = 0, without: tuple[str, ...] = ()) -> BoneMasks:
    """Squares of 10 x 10 pixels in an image of 100 x 100; bent by 45 degrees at the Capitate."""
    dense = np.zeros((COUNT, 100, 100), bool)
    for name in NAMES:
        x, y = PLACES.get(name, (60, 20))
        if bent and name == "finger-11":
            x, y = 70, 30
        if name not in without:
            dense[INDEX[name], y : y + 10, x + shift : x + shift + 10] = True
    return BoneMasks.from_dense(dense)


@pytest.fixture
def rows():
    return score_images(
        [
            ("a.png", hand(), {"coarse": hand(shift=5), "merged": hand()}),
            (
                "b.png",
                hand(bent=True),
                {"coarse": hand(bent=True, without=("Lunate",)), "merged": hand(bent=True, shift=5)},
            ),
        ],
        tolerances_px=(1.0, 2.5),
    )


def test_one_row_for_each_image_stage_and_bone(rows):
    assert list(rows.columns) == [
        *("image_name", "bone", "stage", "dice", "both_empty", "nsd_1px", "nsd_2.5px", "hd95_px", "boundary_iou"),
        *("ground_truth_area", "area", "bend_degrees", "pose"),
    ]
    assert len(rows) == 2 * 2 * COUNT
    assert not rows.duplicated(["image_name", "bone", "stage"]).any()
    at = rows.set_index(["image_name", "stage", "bone"])
    assert at.loc[("a.png", "coarse", "Ulna"), "dice"] == pytest.approx(0.5)
    assert at.loc[("a.png", "coarse", "Ulna"), "hd95_px"] == pytest.approx(5)
    assert at.loc[("b.png", "coarse", "Lunate"), "dice"] == pytest.approx(0, abs=1e-5)
    assert at.loc[("b.png", "coarse", "Lunate"), ["ground_truth_area", "area"]].tolist() == [100, 0]


def test_the_pose_is_the_true_hand_s(rows):
    bends = rows.groupby("image_name")["bend_degrees"].unique()
    assert bends["a.png"] == pytest.approx([0])
    assert bends["b.png"] == pytest.approx([45])
    assert rows.groupby("image_name")["pose"].first().to_dict() == {"a.png": "straight", "b.png": "bent"}
    without = score_images([("c.png", hand(without=("Radius",)), {"coarse": hand()})])
    assert set(without["pose"]) == {"unknown"}


def test_means_over_bones_groups_and_poses(rows):
    means = summarise(rows).set_index(["kind", "name"])
    assert means.loc[("bone", "Ulna"), "coarse_dice"] == pytest.approx(0.75)
    assert means.loc[("bone", "Lunate"), "coarse_dice"] == pytest.approx(0.25, abs=1e-5)
    assert means.loc[("group", "all"), "coarse_dice"] == pytest.approx((28 * 0.75 + 0.25) / 29, abs=1e-5)
    assert means.loc[("group", "carpals"), "coarse_dice"] == pytest.approx((7 * 0.75 + 0.25) / 8, abs=1e-5)
    assert means.loc[("pose", "straight"), "merged_dice"] == pytest.approx(1)
    assert means.loc[("pose", "bent"), "merged_dice"] == pytest.approx(0.5)
    assert means.loc[("pose", "bent"), "images"] == 1
    assert [name for kind, name in means.index if kind == "bone"] == list(NAMES)
    assert [name for kind, name in means.index if kind == "group"] == list(GROUPS)
    assert {"coarse_nsd_2.5px", "merged_hd95_px"} <= set(means.columns)


def test_bones_that_nobody_has_are_counted_openly():
    ground_truth, masks = hand(without=("Pisiform",)), hand(shift=5, without=("Pisiform",))
    means = summarise(score_images([("a.png", ground_truth, {"coarse": masks})])).set_index("name")
    # The contest gives the empty bone Dice 1; the mean of what is seen leaves it out.
    assert means.loc["carpals", "coarse_dice"] == pytest.approx((7 * 0.5 + 1) / 8, abs=1e-5)
    assert means.loc["carpals", "coarse_dice_seen"] == pytest.approx(0.5, abs=1e-5)
    assert means.loc["carpals", "coarse_both_empty"] == 1
    assert means.loc["fingers", "coarse_both_empty"] == 0
    assert np.isnan(means.loc["Pisiform", "coarse_nsd_1px"])


def test_the_contest_s_mean_over_images_then_classes(rows):
    coarse = rows[rows["stage"] == "coarse"]
    by_hand = np.mean([coarse[coarse["bone"] == name]["dice"].mean() for name in NAMES])
    assert summarise(rows).set_index("name").loc["all", "coarse_dice"] == pytest.approx(by_hand)


def test_an_image_scored_twice_is_refused():
    with pytest.raises(HandboneError, match=r"'a\.png' is scored twice"):
        score_images([("a.png", hand(), {"coarse": hand()})] * 2)


def test_no_images_give_empty_tables(rows):
    empty = score_images([], tolerances_px=(1.0, 2.5))
    assert list(empty.columns) == list(rows.columns)
    assert summarise(empty).empty


def test_the_table_survives_a_csv(rows, tmp_path):
    rows.to_csv(tmp_path / "metrics.csv", index=False)
    again = pd.read_csv(tmp_path / "metrics.csv")
    pd.testing.assert_frame_equal(summarise(again), summarise(rows))


def test_extra_metrics_are_columns_and_means_like_the_others(rows):
    images = [("a.png", hand(), {"coarse": hand(shift=5), "merged": hand()})]
    share = {"share": lambda ground_truth, masks: masks.areas() / np.maximum(ground_truth.areas(), 1), "iou": iou}
    more = score_images(images, metrics=share)
    assert list(more.columns)[:11] == [*list(score_images(images).columns)[:9], "share", "iou"]
    means = summarise(more).set_index("name")
    assert means.loc["all", ["coarse_iou", "merged_iou", "coarse_share"]].tolist() == pytest.approx([1 / 3, 1, 1])
    patients = summarise(more.assign(patient_id="p"))
    assert {"iou_change", "merged_iou_low"} <= set(with_intervals(patients, headlines(more.assign(patient_id="p"))))
    assert list(score_images([], metrics=share).columns) == list(more.columns)
