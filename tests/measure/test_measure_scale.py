"""Where millimetres come from, and what every measure says of its unit, its scale and its precision."""

import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from plain_hands import PlainHand

from handbone.anatomy import INDEX, NAMES, SHORT_NAMES
from handbone.core.errors import HandboneError, UnknownNameError
from handbone.core.radiograph import Radiograph
from handbone.measure import Hand, Refused, Scale, flagged_bones, measure_hand
from handbone.measure.measuring import COLUMNS
from handbone.measure.precision import Precision, missed_aim
from handbone.measure.registry import MEASURES, find_measure
from handbone.measure.spec import Aim, Measure, Reading, measure


@pytest.mark.parametrize(
    ("words", "source"),
    [
        ("PixelSpacing", "pixel_spacing"),
        ("PixelSpacing (GEOMETRY)", "pixel_spacing"),
        ("ImagerPixelSpacing / EstimatedRadiographicMagnificationFactor", "imager_spacing_demagnified"),
        ("ImagerPixelSpacing /x", "imager_spacing_demagnified"),
        ("ImagerPixelSpacing", "imager_spacing"),
        ("NominalScannedPixelSpacing", "imager_spacing"),
        ("XResolution", "imager_spacing"),
        ("", "imager_spacing"),
        # Not where it only stands somewhere in the words.
        ("no PixelSpacing", "imager_spacing"),
    ],
)
def test_what_a_file_says_of_its_spacing_says_how_far_it_is_trusted(words, source):
    scale = Scale.recorded((0.2, 0.1), words)
    assert scale.source == source and scale.unit == "mm" and scale.pixel_xy.tolist() == [0.1, 0.2]
    assert bool(scale.caution) is (source == "imager_spacing")
    assert Scale.of(Radiograph(np.zeros((1, 1), np.float32), False, 8, (0.2, 0.1), words)) == scale


def test_a_user_s_word_goes_before_the_file_s():
    radiograph = Radiograph(np.zeros((1, 1), np.float32), False, 8, (0.2, 0.1), "PixelSpacing")
    assert Scale.chosen(0.5, radiograph) == Scale.user(0.5) == Scale("user", (0.5, 0.5))
    assert Scale.chosen(None, radiograph).source == "pixel_spacing"
    assert not Scale.user(0.5).caution


def test_without_a_spacing_there_is_no_scale_whatever_its_source_is_called():
    assert Scale.recorded(None, "PixelSpacing") == Scale() and Scale().pixel_xy.tolist() == [1.0, 1.0]
    assert Scale().unit == "px" and not Scale().caution


@pytest.mark.parametrize("spacing", [(0.0, 1.0), (1.0, -1.0), (np.nan, 1.0), (1.0, np.inf), (np.nan, np.nan)])
@pytest.mark.parametrize("source", ["user", "pixel_spacing"])
def test_a_spacing_is_two_positive_lengths(source, spacing):
    with pytest.raises(HandboneError, match="is not a valid spacing; give two positive lengths in millimetres"):
        Scale(source, spacing)


@pytest.mark.parametrize(("source", "spacing"), [("none", (1.0, 1.0)), ("user", None), ("pixel_spacing", None)])
def test_a_source_has_a_spacing_and_none_has_none(source, spacing):
    with pytest.raises(HandboneError, match="cannot have the spacing"):
        Scale(source, spacing)


@pytest.mark.parametrize("mm_per_px", [0.0, -0.1, float("nan"), float("inf")])
def test_a_user_s_scale_that_is_none_is_refused(mm_per_px):
    with pytest.raises(HandboneError, match="not a valid spacing"):
        Scale.user(mm_per_px)


@pytest.fixture(scope="module")
def in_pixels():
    return measure_hand(PlainHand().masks())


@pytest.fixture(scope="module")
def in_mm():
    return measure_hand(PlainHand().masks(), scale=Scale("imager_spacing", (0.25, 0.25)))


def test_only_lengths_know_the_scale(in_pixels, in_mm):
    """Of one hand: lengths a quarter as many, everything else the same to the last digits."""
    for px, mm in zip(in_pixels, in_mm, strict=True):
        kind = px.measure.kind
        if px.value is None:
            assert mm.value is None
        elif kind == "length":
            assert (px.unit, mm.unit) == ("px", "mm") and mm.value == pytest.approx(px.value / 4, rel=1e-6)
        elif kind != "mm^0.34":
            assert px.unit == mm.unit and mm.value == pytest.approx(px.value, rel=1e-4, abs=1e-4)


def test_only_lengths_at_the_detector_carry_the_caution_of_the_detector(in_mm):
    for measurement in in_mm:
        told = "the spacing is that at the detector" in measurement.reason
        if measurement.value is not None:
            assert told is (measurement.measure.kind in ("length", "mm^0.34")), measurement
            assert (measurement.quality == "caution") is bool(measurement.reason)
            assert measurement.lines_px, "a value is shown on the page"


def test_a_table_has_a_row_for_each_measure_and_place(in_mm):
    table = in_mm.to_dataframe()
    assert tuple(table.columns) == COLUMNS and len(table) == len(in_mm) == sum(
        len(m.targets) for m in MEASURES.values()
    )
    assert not table.duplicated(["measure", "bone_or_joint"]).any() and table["value"].dtype == float
    refused = table["quality"] == "refused"
    assert (table["value"].isna() == refused).all() and (table.loc[refused, "reason"] != "").all()
    assert set(table["scale_source"]) == {"imager_spacing"} and set(table["side"]) == {in_mm.side}
    rows = json.loads(json.dumps(in_mm.rows()))
    pd.testing.assert_frame_equal(pd.DataFrame(rows, columns=COLUMNS).astype({"value": float}), table)


@pytest.mark.parametrize("measure_name", list(MEASURES))
def test_each_measurement_is_found_by_its_name_and_place(in_mm, measure_name):
    targets = find_measure(measure_name).targets
    assert [in_mm[measure_name, target].target for target in targets] == list(targets)
    if len(targets) == 1:
        assert in_mm[measure_name] is in_mm[measure_name, targets[0]]
    else:
        with pytest.raises(UnknownNameError, match="bone or joint of"):
            in_mm[measure_name]


@pytest.mark.parametrize(
    ("rule", "bones", "found"),
    [
        ("unsure", ["Radius"], {"Radius"}),
        ("same-place", ["Lunate", "Capitate"], {"Lunate", "Capitate"}),
        ("missing", ["Radius"], set()),
        ("expected", ["Radius"], set()),
        ("no-hand", [], set(NAMES)),
        ("roi", [], set()),
    ],
)
def test_flagged_bones_are_not_measured_and_missing_ones_are_missing(rule, bones, found):
    flagged = flagged_bones([{"rule": rule, "bones": bones, "message": "why"}])
    assert flagged == {INDEX[name]: "why" for name in found}


def test_the_first_reason_counts():
    flags = [{"rule": "unsure", "bones": ["Ulna"], "message": m} for m in ("first", "second")]
    assert flagged_bones(flags) == {INDEX["Ulna"]: "first"}
    flags.append({"rule": "no-hand", "bones": [], "message": "third"})
    assert flagged_bones(flags)[INDEX["Ulna"]] == "first" and flagged_bones(flags)[INDEX["Radius"]] == "third"


@pytest.mark.parametrize("bone", ["MC3", "Lunate", "Radius"])
def test_a_refusal_is_the_same_each_time(bone):
    hand = Hand(PlainHand().masks(without=(bone,)))
    for _ in range(2):
        with pytest.raises(Refused, match=f"{bone} is missing"):
            hand.outline(bone)
    assert hand.outline("Capitate") is hand.outline("Capitate")


AIMS = [Aim(0.5, "%"), Aim(0.2, "mm"), Aim(1.0, "degrees"), Aim(0.005, "of the ratio"), Aim(2.0, "points")]


@pytest.mark.parametrize(("aim", "text"), zip(AIMS, ["0.5 %", "0.2 mm", "1 degrees", "0.005", "2 points"], strict=True))
def test_an_aim_is_told_in_its_unit(aim, text):
    assert aim.text == text and aim.relative is (aim.unit == "%")


@given(st.floats(1, 100), st.floats(1, 100), st.sampled_from(AIMS))
def test_an_error_is_a_share_or_an_amount(value, truth, aim):
    expected = (value / truth - 1) * 100 if aim.unit == "%" else value - truth
    assert aim.error(value, truth) == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize(
    ("exact", "predicted", "repeat", "words"),
    [
        (0.5, 0.5, 0.5, ""),
        (0.6, 0.5, 0.5, "misses its aim of 0.5 %: 0.6 % with exact masks"),
        (0.5, 0.61, 0.5, "misses its aim of 0.5 %: 0.61 % with masks of the shipped weights"),
        (0.5, 0.5, 0.777, "misses its aim of 0.5 %: 0.78 % from repeat to repeat"),
        (
            1.0,
            2.0,
            3.0,
            "misses its aim of 0.5 %: 1 % with exact masks, 2 % with masks of the shipped weights, 3 % from repeat to "
            "repeat",
        ),
    ],
)
def test_what_misses_its_aim_says_by_how_much_and_where(monkeypatch, exact, predicted, repeat, words):
    monkeypatch.setattr(
        "handbone.measure.precision.precisions", lambda: {"length": Precision(exact, predicted, repeat)}
    )
    assert missed_aim(find_measure("length")) == words
    assert missed_aim(find_measure("width")) == "", "not validated"


def reading(hand, target):
    return Reading(1.0)


def described(text):
    def function(hand, target):
        return Reading(1.0)

    function.__doc__ = text
    return function


WHOLE = "A title\nof two lines.\n\nDefinition: a\n   b\n\nLandmarks: c\n\nSource: d: e\n\nNormal: f\n\nRepeatability: g"


def test_a_measure_is_read_off_its_docstring():
    made = measure("length", ["MC3"])(described(WHOLE))
    assert isinstance(made, Measure) and made.title == "A title of two lines" and made.name == "function"
    told = made.definition, made.landmarks, made.source, made.normal, made.repeatability
    assert told == ("a b", "c", "d: e", "f", "g") and made.aim is None and made.targets == ("MC3",)


@pytest.mark.parametrize("field", ["Definition", "Landmarks", "Source", "Normal", "Repeatability"])
def test_a_measure_whose_docstring_leaves_anything_out_is_none(field):
    for text in (WHOLE.replace(f"{field}: ", f"{field} "), WHOLE.replace(f"\n\n{field}: ", f"\n\n{field}:\n\nOther: ")):
        with pytest.raises(ValueError, match=f"the docstring of the measure function lacks .*{field}"):
            measure("ratio", ["MC3"])(described(text))
    with pytest.raises(ValueError, match="lacks Definition, Landmarks, Source, Normal, Repeatability"):
        measure("ratio", ["MC3"])(reading)


@pytest.mark.parametrize(
    ("kind", "unit"),
    [("length", "px"), ("ratio", ""), ("degrees", "degrees"), ("percent", "%"), ("mm^0.34", "mm^0.34")],
)
def test_each_kind_has_its_unit(kind, unit):
    assert measure(kind, ["MC3"])(described(WHOLE)).unit("px") == unit


def test_every_measure_is_taken_of_bones_that_there_are():
    joints = {part for m in MEASURES.values() for target in m.targets for part in target.replace(":", " ").split()}
    bones = {part for part in joints if part in SHORT_NAMES}
    assert {"MC1", "MC2", "MC3", "MC4", "MC5"} <= bones
