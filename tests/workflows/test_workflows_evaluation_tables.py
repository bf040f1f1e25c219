"""Metrics of images survive a file between two processes, and errors of measurements are numpy's."""

import json
from dataclasses import replace
from functools import partial
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from evaluate_toys import HANDS, masks_of
from scipy import stats

from handbone.anatomy import INDEX, NAMES
from handbone.core.files import json_text
from handbone.data.pose import bend_degrees, pose
from handbone.evaluation.classes import scored_classes
from handbone.evaluation.scoring import Scoring
from handbone.measure import MEASURES, Measurement, Measurements, Scale
from handbone.workflows.evaluation.comparing import Compared, comparing
from handbone.workflows.evaluation.measured import (
    ERROR_COLUMNS,
    SUMMARY_COLUMNS,
    MeasuredPair,
    error_summary,
    error_table,
)
from handbone.workflows.evaluation.pairs import AGAINST, PREDICTION, Pairs
from handbone.workflows.evaluation.record import record_of
from handbone.workflows.evaluation.scores import Scores
from handbone.workflows.evaluation.truth import Labelled, LabelledImage

KEYS = list(HANDS)
WITHOUT = ("Pisiform", "finger-1")


class Shifted:
    """Masks of the toy hands, moved by so many pixels; the last hand lacks two bones."""

    path, recorded = "shifted", {}

    def __init__(self, shift):
        self.shift, self.names = shift, KEYS

    def masks(self, name, size_hw):
        return masks_of(name, shift=self.shift, without=WITHOUT if name == KEYS[3] else ())

    def check(self, sizes):
        """They are what they say."""


@pytest.fixture(scope="module")
def pairs():
    images = []
    for key in KEYS:
        patient, name = key.split("/")
        images.append(LabelledImage(name, key, patient, "L" if "_L" in key else None, None, partial(masks_of, key)))
    images[1] = replace(images[1], problems=lambda: ["has no Ulna"])
    sources = {AGAINST: Shifted((2, 0)), PREDICTION: Shifted((0, 1))}
    return Pairs.join(Labelled(tuple(images), "toys"), sources, scored_classes(wanted="carpals,forearm,finger-1"))


@pytest.fixture(scope="module")
def compared(pairs):
    scoring = Scoring.parse(["1px", "0.5mm"])
    compare = comparing(lambda: ("toys", pairs), scoring, mm_per_px=0.25, measures=True, invert="auto")
    return {image.name: compare(image.name) for image in pairs.images}


def test_a_row_for_each_stage_and_class_with_whose_hand_it_is(pairs, compared):
    for key in KEYS:
        name, rows = key.split("/")[1], compared[key.split("/")[1]].rows
        assert list(rows["stage"]) == [AGAINST] * 11 + [PREDICTION] * 11
        wanted = [NAMES[bone] for bone in range(29) if pairs.classes and NAMES[bone] in set(rows["bone"])]
        assert list(rows["bone"][:11]) == wanted == [each.first for each in pairs.classes]
        assert set(rows["patient_id"]) == {key.split("/")[0]} and set(rows["side"]) == {"L" if "_L" in key else ""}
        bend = bend_degrees(masks_of(key).centroids_xy())
        assert set(rows["pose"]) == {pose(bend)} and rows["bend_degrees"].to_numpy() == pytest.approx(bend)
        assert set(rows["image_name"]) == {name}


def test_bones_are_missed_where_labels_have_them_alone(compared):
    rows = compared["c_R.png"].rows
    missed = rows[rows["missed"]]
    assert set(missed["bone"]) == set(WITHOUT) and (missed["dice"] < 1e-3).all() and not rows["invented"].any()
    assert not compared["a_R.png"].rows["missed"].any()


def test_dice_of_moved_masks_is_that_of_the_arrays(compared):
    for key in KEYS:
        rows = compared[key.split("/")[1]].rows.set_index(["stage", "bone"])
        for stage, shift in ((AGAINST, (2, 0)), (PREDICTION, (0, 1))):
            truth, found = masks_of(key).dense(), masks_of(key, shift=shift).dense()
            for name in ("Lunate", "Radius"):
                a, b = truth[INDEX[name]], found[INDEX[name]]
                dice = 2 * (a & b).sum() / (a.sum() + b.sum())
                assert rows.loc[(stage, name), "dice"] == pytest.approx(dice, abs=1e-4)


def test_what_was_compared_comes_back_from_a_file_to_the_last_bit(compared):
    for found in compared.values():
        again = Compared.from_json(json.loads(json_text(found.to_json())))
        pd.testing.assert_frame_equal(again.rows, found.rows, check_exact=True)
        assert again.scale == found.scale and again.problems == found.problems
        assert json_text(again.measured.to_json()) == json_text(found.measured.to_json())
        pd.testing.assert_frame_equal(error_table([again.measured]), error_table([found.measured]), check_exact=True)
    assert compared["a_L.png"].problems == ["has no Ulna"] and compared["a_R.png"].problems == []


def test_without_measures_and_millimetres_no_scale_is_looked_for(pairs):
    class Blind(Pairs):
        def scale(self, *_):
            raise AssertionError("a radiograph would be read for nothing")

    blind = Blind(**vars(pairs))
    compare = comparing(lambda: ("toys", blind), Scoring.parse([]), mm_per_px=None, measures=False, invert="auto")
    found = compare("b_R.png")
    assert found.scale == Scale() and found.measured is None


@pytest.fixture(scope="module")
def scores(pairs, compared):
    return Scores(
        pd.concat([each.rows for each in compared.values()], ignore_index=True),
        pairs,
        Scoring.parse(["1px", "0.5mm"]),
        {"predictions": "ours.csv", "truth": "hands", "against": "theirs.csv"},
        failed={"x.png": "is cut"},
        scales={name: each.scale for name, each in compared.items()},
        measured=tuple(each.measured for each in compared.values()),
    )


def test_the_image_that_lost_most_comes_first(scores):
    images = scores.images()
    assert images["dice_change"].is_monotonic_increasing
    for _, line in images.iterrows():
        own = scores.rows[scores.rows["image_name"] == line["image_name"]].groupby("stage")["dice"].mean()
        assert line["dice_change"] == pytest.approx(own[PREDICTION] - own[AGAINST])
    worst = images[images["image_name"] == "c_R.png"].iloc[0]
    assert set(worst["prediction_missed"]) == set(WITHOUT) and worst["prediction_invented"] == []


def test_the_record_has_no_number_that_json_does_not_know(scores):
    record = record_of(scores)
    text = json.dumps(record, allow_nan=False)
    assert json.loads(text)["failed"] == {"x.png": "is cut"}
    every = next(line for line in record["summary"] if line["name"] == "all" and line["kind"] == "group")
    mean = scores.rows.groupby("stage")["dice"].mean()
    assert every["stages"][AGAINST]["metrics"]["dice"]["mean"] == pytest.approx(mean[AGAINST])
    assert every["change"]["dice"]["mean"] == pytest.approx(mean[PREDICTION] - mean[AGAINST])
    assert {line["scale_source"] for line in record["images"]} == {"user"}


LENGTH = MEASURES["length"]


def measured(name, truth, found, unit="mm"):
    """An image with one length of MC3, where None was refused."""

    def side(value):
        quality = "refused" if value is None else "ok"
        one = Measurement(LENGTH, "MC3", value, unit, "user", quality, "is cut" if value is None else "")
        return Measurements("right", Scale.user(0.1), (one,))

    return MeasuredPair(name, "p", side(truth), {PREDICTION: side(found)})


def test_errors_of_measurements_are_bland_and_altmans():
    rng = np.random.default_rng(5)
    truth = rng.normal(60, 5, 12)
    found = truth + rng.normal(0.4, 1.1, 12)
    table = error_table(measured(f"{n}", a, b) for n, (a, b) in enumerate(zip(truth, found, strict=True)))
    assert tuple(table.columns) == ERROR_COLUMNS and not table["reason"].any()
    line = error_summary(table).iloc[0]
    error = found - truth
    low, high = stats.norm.interval(0.95, loc=error.mean(), scale=stats.tstd(error))
    # 1.96 is what the authors round it to.
    assert (line["limit_low"], line["limit_high"]) == (pytest.approx(low, abs=1e-3), pytest.approx(high, abs=1e-3))
    assert line["bias"] == pytest.approx(error.mean())
    assert line["mean_absolute_error"] == pytest.approx(np.abs(error).mean())
    assert line["ground_truth_mean"] == pytest.approx(truth.mean()) and line["images"] == 12


def test_refusals_are_counted_by_side_and_weigh_nothing():
    given = [(50.0, 51.0), (60.0, None), (70.0, None), (None, 80.0), (None, None), (None, None), (None, None)]
    pairs = [measured(str(n), *values) for n, values in enumerate(given)]
    table = error_table(pairs)
    assert table["reason"].tolist() == [
        *("", "prediction: is cut", "prediction: is cut", "ground truth: is cut"),
        *["ground truth: is cut; prediction: is cut"] * 3,
    ]
    line = error_summary(table).iloc[0]
    assert (line["images"], line["only_ground_truth"], line["only_prediction"], line["neither"]) == (1, 2, 1, 3)
    # The mean of the truth is that of the images which the errors are of.
    assert (line["ground_truth_mean"], line["bias"]) == (50.0, 1.0)
    assert np.isnan(line["standard_deviation"]) and np.isnan(line["limit_low"]) and np.isnan(line["limit_high"])


def test_millimetres_and_pixels_are_never_averaged():
    table = error_table([measured("a", 50.0, 51.0), measured("b", 500.0, 490.0, "px"), measured("c", 52.0, 55.0)])
    summary = error_summary(table).set_index("unit")
    assert (summary.loc["mm", "bias"], summary.loc["px", "bias"]) == (2.0, -10.0)
    assert tuple(error_summary(error_table([])).columns) == SUMMARY_COLUMNS


def test_measures_come_in_their_own_order_and_merged_bones_on_neither_side(compared):
    summary = error_summary(error_table(each.measured for each in compared.values()))
    order = list(MEASURES)
    for _, part in summary.groupby("stage", sort=False):
        places = [order.index(name) for name in part["measure"]]
        assert places == sorted(places)
    assert set(summary["stage"]) == {AGAINST, PREDICTION}


def test_a_radiograph_of_another_size_than_its_labels_is_no_ground_for_grey_values(monkeypatch, pairs):
    from handbone.workflows.evaluation import measured as module

    seen = []
    monkeypatch.setattr(module, "measure", lambda hand: seen.append(hand.image))
    pair = pairs.read(pairs.images[0])
    pair = replace(pair, image=replace(pair.image, image="a_R.png"))
    for size, fits in ((pair.ground_truth.size_hw, True), ((9, 9), False)):
        seen.clear()
        read = SimpleNamespace(image=np.zeros(size, np.float32))
        monkeypatch.setattr(module, "read_image", lambda path, invert, read=read: read)
        module.measure_pair(pair, Scale(), pairs.classes, "auto")
        assert [image is not None for image in seen] == [fits] * 3
