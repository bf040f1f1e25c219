"""Numbers of reports: digits by unit, signs, ranges, dashes for what has no value, and which way is up."""

import math
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handbone.evaluation.bootstrap import Interval
from handbone.report import numbers

NAN = math.nan
SHARES, DISTANCES = ("dice", "nsd_2px", "nsd_0.5mm", "boundary_iou"), ("hd95_px", "hd95_mm", "assd_px", "assd_mm")


@pytest.mark.parametrize(
    ("metric", "title"),
    [
        ("dice", "Dice"),
        ("boundary_iou", "Boundary IoU"),
        ("nsd_2px", "NSD 2 px"),
        ("nsd_0.5mm", "NSD 0.5 mm"),
        ("nsd_10px", "NSD 10 px"),
        ("hd95_px", "HD95 px"),
        ("hd95_mm", "HD95 mm"),
        ("assd_px", "ASSD px"),
        ("assd_mm", "ASSD mm"),
        ("my_metric", "my_metric"),
        ("", ""),
    ],
)
def test_a_metric_has_a_title_for_users(metric, title):
    assert numbers.title_of(metric) == title


@pytest.mark.parametrize(
    ("metric", "value", "text"),
    [
        ("dice", 0.9123, "0.912"),
        ("dice", 1.0, "1.000"),
        ("dice", 0.0, "0.000"),
        ("dice", 0.9996, "1.000"),
        ("hd95_px", 12.346, "12.35"),
        ("hd95_px", 0.004, "0.00"),
        ("assd_mm", 0.556, "0.56"),
        ("extra", 2 / 3, "0.667"),
        *[(metric, NAN, "–") for metric in (*SHARES, *DISTANCES)],
    ],
)
def test_a_value_has_the_digits_of_its_unit(metric, value, text):
    assert numbers.value_text(metric, value) == text


@pytest.mark.parametrize("metric", SHARES)
def test_shares_have_three_digits_unless_they_end_like_a_distance(metric):
    assert numbers.digits_of(metric) == 3


@pytest.mark.parametrize("metric", DISTANCES)
def test_distances_have_two_digits(metric):
    assert numbers.digits_of(metric) == 2


@pytest.mark.parametrize(
    ("metric", "value", "text"),
    [
        ("dice", 0.012, "+0.012"),
        ("dice", -0.0034, "−0.003"),
        ("dice", 0.00051, "+0.001"),
        ("dice", 0.00049, "0"),
        ("dice", -0.00049, "0"),
        ("dice", 0.0, "0"),
        ("dice", -0.0, "0"),
        ("dice", NAN, "–"),
        ("hd95_px", -1.234, "−1.23"),
        ("hd95_px", 0.0049, "0"),
        ("hd95_px", 0.0051, "+0.01"),
    ],
)
def test_a_change_has_its_sign_and_what_rounds_to_nothing_is_0(metric, value, text):
    told = numbers.change_text(metric, value)
    assert told == text
    assert "-" not in told


@given(st.floats(-1, 1), st.sampled_from((*SHARES, *DISTANCES)))
def test_a_change_read_back_is_the_value_to_half_a_digit(value, metric):
    told = numbers.change_text(metric, value)
    assert re.fullmatch(r"0|[+−]\d+\.\d+", told)
    assert abs(float(told.replace("−", "-")) - value) <= 0.51 * 10 ** -numbers.digits_of(metric)


@pytest.mark.parametrize(
    ("low", "high", "values", "changes"),
    [
        (0.901, 0.923, "0.901 to 0.923", "+0.901 to +0.923"),
        (-0.004, 0.016, "-0.004 to 0.016", "−0.004 to +0.016"),
        (0.5, 0.5, "0.500 to 0.500", "+0.500 to +0.500"),
        (NAN, NAN, "", ""),
    ],
)
def test_a_range_has_both_ends_and_without_one_there_is_no_text(low, high, values, changes):
    interval = Interval(0.5, low, high)
    assert numbers.range_text("dice", interval) == values
    assert numbers.change_range_text("dice", interval) == changes


@pytest.mark.parametrize(
    ("low", "high", "higher", "lower"),
    [
        (0.001, 0.002, "up", "down"),
        (-0.002, -0.001, "down", "up"),
        (-0.001, 0.001, "", ""),
        (0.0, 0.001, "", ""),
        (-0.001, 0.0, "", ""),
        (NAN, NAN, "", ""),
    ],
)
def test_a_change_goes_up_or_down_only_if_its_whole_interval_does(low, high, higher, lower):
    change = Interval(0.5 * (low + high), low, high)
    assert numbers.direction(change, lower_is_better=False) == higher
    assert numbers.direction(change, lower_is_better=True) == lower


@pytest.mark.parametrize("metric", [*SHARES, *DISTANCES])
def test_of_the_metrics_of_every_run_the_distance_is_better_when_lower(metric):
    assert numbers.lower_is_better(metric) is (metric == "hd95_px")
