"""Comparisons and intervals against pandas and loops over resampled patients."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from handbone.anatomy import GROUPS, NAMES
from handbone.core.errors import ShapeError
from handbone.evaluation.bootstrap import CONFIDENCE, PatientBootstrap
from handbone.evaluation.comparison import Score, compare_scores, made_worse, same_images
from handbone.evaluation.headlines import bone_headlines, grid, headlines, images_of, with_intervals
from handbone.evaluation.tables import POSES, metrics_of, summarise, summarise_patients

CARPALS = GROUPS["carpals"]


def table(seed, patients="aabcd", stages=("coarse", "merged"), missing=0.1):
    """A metrics table with gaps, rows in any order."""
    rng = np.random.default_rng(seed)
    lines = []
    for number, patient in enumerate(patients):
        pose = POSES[rng.integers(0, 3)]
        for stage in stages:
            for bone in NAMES:
                dice, empty = rng.uniform(0.5, 1), rng.random() < 0.05
                lines.append(
                    {
                        "image_name": f"{patient}{number}.png",
                        "patient_id": patient,
                        "bone": bone,
                        "stage": stage,
                        "dice": 1.0 if empty else dice,
                        "both_empty": empty,
                        "missed": rng.random() < 0.02,
                        "hd95_px": np.nan if rng.random() < missing else rng.uniform(1, 9),
                        "ground_truth_area": 100,
                        "pose": pose,
                    }
                )
    rows = pd.DataFrame(lines)
    shuffled = rows.sample(frac=1, random_state=seed)
    return shuffled.sort_values("stage", kind="stable", key=lambda s: s.map(stages.index))


@settings(max_examples=15)
@given(st.integers(0, 10**6), st.text("abcde", min_size=2, max_size=7))
def test_an_interval_is_numpy_s_percentiles_of_resampled_means(seed, patients):
    rng = np.random.default_rng(seed)
    values = np.where(rng.random((len(patients), 4)) < 0.2, np.nan, rng.uniform(0, 1, (len(patients), 4)))
    bootstrap = PatientBootstrap(list(patients), resamples=60, seed=seed)
    found, names = bootstrap.mean(values), sorted(set(patients))
    counts = np.random.default_rng(seed).multinomial(len(names), np.full(len(names), 1 / len(names)), 60)
    draws = []
    for count in counts:
        drawn = [
            n
            for name, times in zip(names, count, strict=True)
            for n in [i for i, p in enumerate(patients) if p == name] * times
        ]
        means = [np.nanmean(column) for column in values[drawn].T if not np.isnan(column).all()]
        draws.append(np.mean(means) if means else np.nan)
    if len(names) < 2:
        assert np.isnan(found.low) and "1 patient" in found.reason
        return
    known = np.array(draws)[~np.isnan(draws)]
    if not len(known):
        assert found.reason == "there are no metrics"
        return
    assert (found.low, found.high) == pytest.approx(np.percentile(known, [2.5, 97.5]))
    assert found.low <= found.high and CONFIDENCE == 0.95


def test_with_an_image_a_patient_it_is_scipy_s_percentile_bootstrap():
    rng = np.random.default_rng(0)
    values = rng.normal(0.9, 0.05, (40, 1))
    found = PatientBootstrap([str(n) for n in range(40)], resamples=20_000).mean(values)
    expected = stats.bootstrap((values[:, 0],), np.mean, n_resamples=20_000, method="percentile", rng=1)
    assert (found.low, found.high) == pytest.approx(tuple(expected.confidence_interval), abs=1e-3)


@given(st.integers(0, 10**6))
def test_a_difference_is_that_of_the_means_and_changes_its_sign_with_the_order(seed):
    rng = np.random.default_rng(seed)
    one, other = rng.uniform(0, 1, (2, 6, 3))
    bootstrap = PatientBootstrap(list("aabbcd"), resamples=50)
    found, back = bootstrap.difference(one, other), bootstrap.difference(other, one)
    assert found.mean == pytest.approx(bootstrap.mean(other).mean - bootstrap.mean(one).mean)
    assert (found.mean, found.low, found.high) == pytest.approx((-back.mean, -back.high, -back.low))
    assert bootstrap.difference(one, one) == type(found)(0.0, 0.0, 0.0)


@pytest.mark.parametrize("shape", [(3, 2), (5, 2), (4,), (4, 2, 1)])
def test_metrics_of_other_images_are_refused(shape):
    with pytest.raises(ShapeError, match=r"\(4, bones\)"):
        PatientBootstrap(list("aabb")).mean(np.zeros(shape))


@pytest.mark.parametrize("seed", range(3))
def test_summaries_are_pandas_means_over_images_and_then_bones(seed):
    rows = table(seed)
    found = summarise(rows).set_index(["kind", "name"])
    for stage in ("coarse", "merged"):
        for group, bones in GROUPS.items():
            part = rows[(rows["stage"] == stage) & rows["bone"].isin(bones)]
            by_bone = part.groupby("bone")
            line = found.loc[("group", group)]
            assert line[f"{stage}_dice"] == pytest.approx(by_bone["dice"].mean().mean())
            assert line[f"{stage}_hd95_px"] == pytest.approx(by_bone["hd95_px"].mean().mean())
            seen = part[~part["both_empty"]].groupby("bone")["dice"].mean().mean()
            assert line[f"{stage}_dice_seen"] == pytest.approx(seen)
            assert line[f"{stage}_both_empty"] == part["both_empty"].sum()
            assert line[f"{stage}_missed"] == part["missed"].sum() and line["images"] == part["image_name"].nunique()
    assert "coarse_invented" not in found, "the rows do not tell them"
    poses = {pose for pose in POSES if (rows["pose"] == pose).any()}
    assert {name for kind, name in found.index if kind == "pose"} == poses
    assert {n for kind, n in found.index if kind == "group and pose"} == {f"{g}, {p}" for g in GROUPS for p in poses}


def test_patients_have_the_means_of_their_own_images_in_order():
    rows = table(4, "dbbac")
    found = summarise_patients(rows)
    assert found["name"].tolist() == ["a", "b", "c", "d"] and set(found["kind"]) == {"patient"}
    for line in found.to_dict("records"):
        own = rows[rows["patient_id"] == line["name"]]
        assert line["images"] == own["image_name"].nunique()
        merged = own[own["stage"] == "merged"].groupby("bone")["dice"].mean().mean()
        assert line["merged_dice"] == pytest.approx(merged)


def test_facts_are_no_metrics_and_other_columns_are():
    rows = table(0).assign(iou=0.5, bend_degrees=3.0, gate_fold=1.0, split="test", side="L")
    assert metrics_of(rows) == ["dice", "hd95_px", "iou"]


def test_a_grid_has_a_row_for_each_name_and_nan_where_nothing_is_known():
    rows = table(1, "ab", ("coarse",))
    names, patients = images_of(rows)
    assert names == ["a0.png", "b1.png"] and patients == ["a", "b"]
    values = grid(rows[rows["bone"] != "Lunate"], "dice", ["b1.png", "nobody.png"], ["Ulna", "Lunate"])
    ulna = rows[(rows["bone"] == "Ulna") & (rows["image_name"] == "b1.png")]["dice"].item()
    assert values[0, 0] == ulna and np.isnan(values[[0, 1, 1], [1, 0, 1]]).all()


@pytest.mark.parametrize("seed", range(2))
def test_a_bone_s_headline_is_its_own_mean_with_its_own_change(seed):
    rows = table(seed)
    found = {headline.group: headline for headline in bone_headlines(rows)}
    assert list(found) == list(NAMES)
    for bone in ("Lunate", "finger-1"):
        own = rows[rows["bone"] == bone].groupby("stage")["dice"].mean()
        assert found[bone].stages["coarse"]["dice"].mean == pytest.approx(own["coarse"])
        assert found[bone].change["dice"].mean == pytest.approx(own["merged"] - own["coarse"])
        assert (found[bone].images, found[bone].patients, found[bone].pose) == (5, 4, None)
    summary = with_intervals(summarise(rows), [*headlines(rows), *found.values()]).set_index(["kind", "name"])
    line = summary.loc[("bone", "Lunate")]
    assert line["merged_dice_low"] <= line["merged_dice"] <= line["merged_dice_high"] and line["patients"] == 4


@pytest.mark.parametrize("seed", range(4))
def test_what_is_made_worse_is_counted_pair_by_pair(seed):
    rows = table(seed, "abc")
    by_pair = {
        (line["image_name"], line["bone"], line["stage"]): line["dice"]
        for line in rows.to_dict("records")
        if line["bone"] in CARPALS
    }
    pairs = sorted({key[:2] for key in by_pair})
    worse = sum(by_pair[(*pair, "merged")] - by_pair[(*pair, "coarse")] < -0.005 for pair in pairs)
    assert made_worse(rows) == pytest.approx(worse / len(pairs))


def score(rows):
    return Score(rows, seen=10, megapixels=2.0, minutes=3.0, seconds=0.5)


def test_seeds_with_gaps_are_averaged_where_they_are_known():
    one, two = table(5, "abc"), table(6, "abc")
    two["pose"], two["image_name"] = one["pose"].to_numpy(), two["image_name"]
    both = one["image_name"].map(dict(zip(one["image_name"], one["pose"], strict=True)))
    two = two.assign(pose=two["image_name"].map(dict(zip(one["image_name"], both, strict=True))))
    found = compare_scores({"first": [score(one)], "second": [score(one), score(two)]})
    for pose in found.poses:
        chosen = [t[(t["stage"] == "merged") & (t["pose"] == pose) & t["bone"].isin(CARPALS)] for t in (one, two)]
        wide = [t.pivot(index="image_name", columns="bone", values="hd95_px").sort_index() for t in chosen]
        mean = pd.concat(wide).groupby(level=0).mean()  # NaN left out, image by image
        cell = found.lines[1].cells[pose]["hd95_px"]
        assert cell.mean.mean == pytest.approx(mean.mean().mean())
        assert cell.seeds == pytest.approx([w.mean().mean() for w in wide])
        assert cell.spread == pytest.approx(np.std(cell.seeds, ddof=1))
        base = found.lines[0].cells[pose]["hd95_px"]
        assert base.change is None and cell.change.mean == pytest.approx(cell.mean.mean - base.mean.mean)
        assert np.isnan(base.spread)


def test_the_first_line_that_has_a_run_is_what_others_are_compared_with():
    rows = table(7)
    found = compare_scores({"failed": [], "base": [score(rows)], "next": [score(rows)]}, {"failed": ["lost", "too"]})
    assert [line.name for line in found.lines] == ["failed", "base", "next"]
    assert found.lines[0].errors == ("lost", "too") and not found.lines[0].cells and np.isnan(found.lines[0].minutes)
    pose = next(iter(found.poses))
    assert found.lines[1].cells[pose]["dice"].change is None
    assert found.lines[2].cells[pose]["dice"].change.mean == 0
    flat = found.table().set_index("recipe")
    assert flat.loc["failed", "error"] == "lost; too" and pd.isna(flat.loc["base", "error"])
    assert flat.loc["next", "images_seen"] == 10 and flat.loc["next", "made_worse"] == made_worse(rows)


@pytest.mark.parametrize("change", ["name", "area", "bone", "none"])
def test_other_images_or_other_true_bones_are_not_the_same(change):
    one, other = table(8), table(9)
    if change == "name":
        other["image_name"] = other["image_name"].replace("a0.png", "z.png")
    elif change == "area":
        other.loc[other["bone"] == "Lunate", "ground_truth_area"] = 101
    elif change == "bone":
        other = other[other["bone"] != "Lunate"]
    assert same_images(one, other) is (change == "none")
