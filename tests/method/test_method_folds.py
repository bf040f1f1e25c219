"""Folds by patient, and the regression against scipy's minimum of the same sum."""

import collections

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize
from scipy.special import expit

from handbone.method.calibration import logistic
from handbone.method.calibration.folds import FOLDS, cross_fit, patient_folds

NAMES = st.lists(st.sampled_from([*"abcdefghij", "Zoë", "환자 1", "", " "]), max_size=30)


@given(NAMES)
def test_every_row_is_left_out_once_and_no_patient_is_on_both_sides(patients):
    folds = patient_folds(patients)
    different = len(set(patients))
    assert len(folds) == (min(FOLDS, different) if different > 1 else different)
    left_out = [row for _, out in folds for row in out.tolist()]
    assert sorted(left_out) == list(range(len(patients)))
    for training, out in folds:
        if different > 1:
            assert not {patients[n] for n in training} & {patients[n] for n in out}
            assert len(training) and len(out) and sorted([*training, *out]) == list(range(len(patients)))
        else:
            assert training.tolist() == out.tolist(), "a single patient is judged on itself"


@given(st.integers(2, 40), st.integers(1, 4))
def test_folds_hold_about_as_many_rows(patients, each):
    sizes = [len(out) for _, out in patient_folds([n for n in range(patients) for _ in range(each)])]
    assert max(sizes) - min(sizes) <= each


@given(NAMES.filter(lambda names: len(names) > 0))
def test_a_fit_without_a_patient_saw_none_of_its_images(patients):
    seen = cross_fit(patients, lambda numbers: collections.Counter(patients[n] for n in numbers))
    assert seen.final == collections.Counter(patients)
    for patient in set(patients):
        fit = seen.without(patient)
        if len(set(patients)) > 1:
            assert patient not in fit and fit
        assert fit is seen.of(seen.fold_of[patient])
    assert seen.of(None) is seen.final


def test_a_patient_that_nobody_knows_has_no_fold():
    with pytest.raises(KeyError):
        cross_fit(["a", "b"], len).without("c")


def test_whose_an_image_is_may_be_a_number():
    fits = cross_fit([3, 1, 3, 2], lambda numbers: tuple(numbers))
    assert set(fits.fold_of) == {1, 2, 3}
    assert all(not {0, 2} & set(fits.without(3)) for _ in "x")


@given(st.lists(st.floats(-3, 3), min_size=1, max_size=5), st.integers(0, 10**6))
def test_a_probability_is_scipy_s_expit_of_the_sum(coefficients, seed):
    table = np.random.default_rng(seed).normal(0, 2, (7, len(coefficients) - 1))
    expected = expit(coefficients[0] + table @ np.array(coefficients[1:]))
    assert logistic.probability(coefficients, table) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("value", [-1e6, -31.0, 31.0, 1e6])
def test_far_values_neither_overflow_nor_become_certain(value):
    with np.errstate(all="raise"):
        (found,) = logistic.probability((value,), np.zeros((1, 0)))
    assert 0 < found < 1 and (found > 0.5) == (value > 0)


def loss(coefficients, table, happened, ridge):
    """Cross entropy with Platt's targets (1999, page 5), and the slopes' penalty; the intercept is free."""
    positive, negative = happened.sum(), (~happened).sum()
    target = np.where(happened, (positive + 1) / (positive + 2), 1 / (negative + 2))
    value = coefficients[0] + table @ coefficients[1:]
    entropy = np.logaddexp(0, value) - target * value
    return entropy.sum() + 0.5 * (np.broadcast_to(ridge, table.shape[1]) * coefficients[1:] ** 2).sum()


@settings(max_examples=25)
@given(st.integers(0, 10**6), st.integers(1, 4), st.sampled_from([0.0, 0.1, 0.5, 1.0]), st.booleans())
def test_a_fit_is_the_minimum_that_scipy_finds(seed, columns, often, several):
    numbers = np.random.default_rng(seed)
    table = numbers.normal(0, 1, (numbers.integers(2, 40), columns))
    happened = numbers.random(len(table)) < often
    ridge = numbers.uniform(0.2, 5, columns) if several else float(numbers.uniform(0.2, 5))
    found = np.array(logistic.fit(table, happened, ridge))
    best = minimize(loss, np.zeros(columns + 1), (table, happened, ridge), method="BFGS", options={"gtol": 1e-8})
    assert found == pytest.approx(best.x, abs=2e-4)
    assert loss(found, table, happened, ridge) <= best.fun + 1e-6


def test_a_heavier_ridge_draws_its_own_slope_alone_to_zero():
    numbers = np.random.default_rng(1)
    table = numbers.normal(0, 1, (400, 2))
    happened = numbers.random(400) < expit(2 * table[:, 0] + 2 * table[:, 1])
    even, uneven = logistic.fit(table, happened, 1.0), logistic.fit(table, happened, np.array([1.0, 1000.0]))
    assert abs(uneven[2]) < 0.2 < 1 < abs(even[2]) and uneven[1] > 1
