"""The calibrated gate: harm stays rare on pictures that it has not seen, and gains stay."""

import numpy as np
import pytest

from handbone.anatomy import CARPALS, COUNT, INDEX
from handbone.method.calibration import gate, logistic
from handbone.method.calibration.gate import Gate, Trial, verdict
from handbone.method.evidence import Evidence
from handbone.recipe import schema

LUNATE, PISIFORM = INDEX["Lunate"], INDEX["Pisiform"]


def pictures(count, seed, *, worse=0.3):
    """Refined carpals that gain, but lose where they disagree with the coarse mask, the pisiform more often."""
    rng = np.random.default_rng(seed)
    outcomes = []
    for picture in range(count):
        for bone in CARPALS:
            bad = rng.random() < worse * (2 if bone == PISIFORM else 0.3)
            agreement = rng.beta(6, 4) if bad else rng.beta(60, 3)
            after = rng.beta(8, 4) if bad else rng.beta(60, 3)
            gain = rng.normal(-0.05, 0.02) if bad else rng.normal(0.02, 0.008)
            shift = rng.exponential(0.1 if bad else 0.02)
            outcomes.append(Trial(picture, bone, Evidence(agreement, 1.0, shift, 0.9, after), gain))
    return outcomes


def test_harm_is_rare_and_gain_stays_on_pictures_that_were_not_calibrated_on():
    fitted = Gate.fit(pictures(80, seed=0), 80)
    fresh = pictures(300, seed=1)
    used = [outcome for outcome in fresh if fitted.harm(outcome.bone, outcome.evidence) <= fitted.limit]
    harmed = sum(outcome.gain < -gate.HARM for outcome in used)
    assert harmed <= gate.RARE * 300 * COUNT
    best = sum(max(outcome.gain, 0) for outcome in fresh)
    assert sum(outcome.gain for outcome in used) > 0.8 * best
    everything = sum(outcome.gain < -gate.HARM for outcome in fresh)
    assert everything > 3 * max(harmed, 1)


def test_where_refining_always_harms_the_gate_stays_shut():
    outcomes = [Trial(o.picture, o.bone, o.evidence, -0.1) for o in pictures(30, seed=2)]
    fitted = Gate.fit(outcomes, 30)
    assert not any(fitted.harm(o.bone, o.evidence) <= fitted.limit for o in outcomes)


def test_where_refining_never_harms_it_stays_open():
    outcomes = [Trial(o.picture, o.bone, o.evidence, 0.02) for o in pictures(30, seed=3)]
    fitted = Gate.fit(outcomes, 30)
    assert all(fitted.harm(o.bone, o.evidence) <= fitted.limit + 1e-6 for o in outcomes)


def test_it_survives_json_and_says_the_chance():
    fitted = Gate.fit(pictures(40, seed=4), 40)
    assert Gate.model_validate_json(fitted.model_dump_json()) == fitted
    doubtful = Evidence(0.55, 1.1, 0.2, 0.9, 0.5)
    used, reason, harm = verdict(PISIFORM, doubtful, schema.Merge(), fitted, may_add=True)
    assert not used and harm > fitted.limit and "chance" in reason
    used, reason, harm = verdict(LUNATE, Evidence(0.97, 1.0, 0.01, 0.9, 0.97), schema.Merge(), fitted, may_add=True)
    assert used and reason == "credible" and harm <= fitted.limit


def test_fixed_limits_hold_beside_it():
    fitted = Gate.fit([Trial(o.picture, o.bone, o.evidence, 0.02) for o in pictures(30, seed=5)], 30)
    used, reason, _ = verdict(LUNATE, Evidence(0.9, 3.0, 0.0, 0.9, 0.95), schema.Merge(), fitted, may_add=True)
    assert not used and "area" in reason


def test_the_regression_finds_known_coefficients():
    rng = np.random.default_rng(0)
    table = rng.normal(0, 1, (20000, 2))
    happened = rng.random(20000) < 1 / (1 + np.exp(-(0.5 + 2 * table[:, 0] - table[:, 1])))
    assert logistic.fit(table, happened, 0.0) == pytest.approx((0.5, 2.0, -1.0), abs=0.08)
    assert logistic.chance((0.0, 1.0), np.array([[0.0], [2.0]])) == pytest.approx([0.5, 0.8808], abs=1e-4)
