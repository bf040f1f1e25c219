"""Lines of a comparison from metrics tables whose metrics are known."""

import numpy as np
import pandas as pd
import pytest

from handbone.anatomy import GROUPS, NAMES
from handbone.evaluation.comparison import Score, compare_scores, made_worse, same_images
from handbone.report.comparison import to_markdown, write_comparison

PATIENTS = {"a1.png": "a", "a2.png": "a", "b1.png": "b", "c1.png": "c", "d1.png": "d"}
BENT = ("b1.png", "d1.png")


def rows(gain: float = 0.0, *, stages=("coarse", "merged"), noise: int = 0) -> pd.DataFrame:
    """A table whose last stage has Dice 0.8 by image and bone, and `gain` more."""
    rng, other = np.random.default_rng(0), np.random.default_rng(noise)
    lines = []
    for number, (image, patient_id) in enumerate(PATIENTS.items()):
        for bone in NAMES:
            base = 0.8 + 0.02 * number + rng.normal(0, 0.01)
            for stage in stages:
                dice = base + (gain if stage == stages[-1] else 0) + (other.normal(0, 0.001) if noise else 0)
                pose = "bent" if image in BENT else "straight"
                lines.append((image, patient_id, bone, stage, dice, 10 * (1 - dice), 100, pose))
    return pd.DataFrame(
        lines, columns=["image_name", "patient_id", "bone", "stage", "dice", "hd95_px", "ground_truth_area", "pose"]
    )


def score(*arguments, **more) -> Score:
    return Score(rows(*arguments, **more), seen=120, megapixels=31.5, minutes=15.0, seconds=1.5)


def carpals(table: pd.DataFrame, pose: str) -> float:
    last = table[(table["stage"] == table["stage"].iloc[-1]) & (table["pose"] == pose)]
    return last[last["bone"].isin(GROUPS["carpals"])]["dice"].mean()


def test_metrics_are_those_of_the_last_stage_and_changes_are_paired():
    found = compare_scores({"one": [score(stages=("coarse",))], "two": [score(0.01)]})
    assert found.metrics == ("dice", "hd95_px")
    assert found.poses == {"straight": (3, 2), "bent": (2, 2)}
    one, two = found.lines
    assert one.cells["bent"]["dice"].mean.mean == pytest.approx(carpals(rows(), "bent"))
    assert one.cells["bent"]["dice"].change is None
    change = two.cells["straight"]["dice"].change
    # The same gain in every image: nothing is left for patients to differ in.
    assert (change.low, change.mean, change.high) == pytest.approx((0.01, 0.01, 0.01))
    assert two.cells["straight"]["dice"].mean.low < two.cells["straight"]["dice"].mean.high
    assert (two.seen, two.megapixels, two.minutes, two.seconds) == (120, 31.5, 15.0, 1.5)


def test_seeds_are_one_line_with_their_mean_and_spread():
    seeds = [score(0.01, noise=1), score(0.02, noise=2), score(0.03, noise=3)]
    found = compare_scores({"one": [score()], "two": seeds})
    cell = found.lines[1].cells["bent"]["dice"]
    assert cell.seeds == pytest.approx([carpals(seed.rows, "bent") for seed in seeds])
    assert cell.mean.mean == pytest.approx(np.mean(cell.seeds))
    assert cell.spread == pytest.approx(np.std(cell.seeds, ddof=1))
    assert cell.change.mean == pytest.approx(cell.mean.mean - carpals(rows(), "bent"))
    assert np.isnan(found.lines[0].cells["bent"]["dice"].spread)


def test_what_a_second_stage_made_worse_is_counted_by_image_and_bone():
    table = rows()
    assert made_worse(table) == 0
    merged, lost = table["stage"] == "merged", table["bone"].isin(("Lunate", "Ulna"))
    table.loc[merged & lost & (table["image_name"] == "a1.png"), "dice"] -= 0.006
    table.loc[merged & (table["bone"] == "Hamate"), "dice"] -= 0.004
    assert made_worse(table) == pytest.approx(1 / (8 * 5)), "the Ulna is no carpal, and 0.004 is little"
    assert np.isnan(made_worse(rows(stages=("coarse",))))


def test_images_are_the_same_where_names_and_true_bones_are():
    other = rows(0.2, stages=("coarse",)).sample(frac=1, random_state=1)
    assert same_images(rows(), other)
    other.loc[other.index[3], "ground_truth_area"] = 99
    assert not same_images(rows(), other)
    assert not same_images(rows(), rows()[rows()["image_name"] != "a1.png"])


def test_the_files_tell_every_line_and_why_one_failed(tmp_path):
    scores = {"broken": [], "one": [score()], "two": [score(0.01), score(0.02, noise=2)]}
    found = compare_scores(scores, {"broken": ["no such file | at all"], "two": ["two_seed3: lost"]})
    write_comparison(found, tmp_path)
    table = pd.read_csv(tmp_path / "compare.csv").set_index("recipe")
    assert list(table.index) == ["broken", "one", "two"]
    assert table.loc["broken", "error"] == "no such file | at all" and np.isnan(table.loc["broken", "bent_dice"])
    assert table.loc["two", "bent_dice_seeds"] == 2
    assert table.loc["two", "straight_hd95_px_change"] == pytest.approx(-0.15, abs=0.01)
    text = to_markdown(found)
    assert (tmp_path / "compare.md").read_text() == text
    metrics, costs = (part.splitlines() for part in text.split("\n\n")[:2])
    assert (len(metrics), len(costs)) == (2 + 1 + 2 + 2, 2 + 3)
    assert all(len({line.count("|") for line in table}) == 1 for table in (metrics, costs))
    assert f"{carpals(rows(), 'bent'):.3f}<br>" in text and "<br>+0.015<br>" in text and "±" in text
    assert "broken failed: no such file" in text and "two failed: two_seed3: lost" in text
    assert (tmp_path / "compare.png").read_bytes()[:4] == b"\x89PNG"


def test_nothing_but_failures_is_a_table_too(tmp_path):
    found = compare_scores({"one": []}, {"one": ["lost"]})
    write_comparison(found, tmp_path)
    assert pd.read_csv(tmp_path / "compare.csv")["error"].tolist() == ["lost"]
    assert "one failed: lost" in (tmp_path / "compare.md").read_text()
    assert not (tmp_path / "compare.png").exists()


def test_only_metrics_that_all_recipes_have_are_compared():
    more = score()
    more.rows["iou"] = more.rows["dice"] / (2 - more.rows["dice"])
    assert compare_scores({"one": [more], "two": [score()]}).metrics == ("dice", "hd95_px")
    assert compare_scores({"one": [more], "two": [more]}).metrics == ("dice", "hd95_px", "iou")
