"""The calibrated gate: degradation stays rare on images that it has not seen, and gains stay."""

import numpy as np
import pytest
from gate_trials import constant_gate, nested
from sklearn.model_selection import GroupKFold

from handbone.anatomy import CARPALS, COUNT, INDEX
from handbone.method.acceptance import judged
from handbone.method.calibration import gate, logistic
from handbone.method.calibration.folds import cross_fit, patient_folds
from handbone.method.calibration.gate import CalibrationSample, Gate
from handbone.method.evidence import MergeEvidence
from handbone.method.merge import Decision
from handbone.recipe import schema

LUNATE, PISIFORM = INDEX["Lunate"], INDEX["Pisiform"]


def images(count, seed, *, worse=0.3):
    """Refined carpals that gain, but lose where they disagree with the coarse mask, the pisiform more often."""
    rng = np.random.default_rng(seed)
    outcomes = []
    for image in range(count):
        for bone in CARPALS:
            bad = rng.random() < worse * (2 if bone == PISIFORM else 0.3)
            agreement = rng.beta(6, 4) if bad else rng.beta(60, 3)
            after = rng.beta(8, 4) if bad else rng.beta(60, 3)
            gain = rng.normal(-0.05, 0.02) if bad else rng.normal(0.02, 0.008)
            shift = rng.exponential(0.1 if bad else 0.02)
            outcomes.append(CalibrationSample(image, bone, MergeEvidence(agreement, 1.0, shift, 0.9, after), gain))
    return outcomes


def test_degradation_is_rare_and_gain_stays_on_images_that_were_not_calibrated_on():
    fitted = Gate.fit(images(80, seed=0), 80)
    fresh = images(300, seed=1)
    used = [outcome for outcome in fresh if fitted.degradation(outcome.bone, outcome.evidence) <= fitted.threshold]
    degraded = sum(outcome.gain < -gate.DEGRADATION for outcome in used)
    assert degraded <= gate.RARE * 300 * COUNT
    best = sum(max(outcome.gain, 0) for outcome in fresh)
    assert sum(outcome.gain for outcome in used) > 0.8 * best
    everything = sum(outcome.gain < -gate.DEGRADATION for outcome in fresh)
    assert everything > 3 * max(degraded, 1)


def test_where_refining_always_degrades_the_gate_stays_shut():
    outcomes = [CalibrationSample(o.patient, o.bone, o.evidence, -0.1) for o in images(30, seed=2)]
    fitted = Gate.fit(outcomes, 30)
    assert not any(fitted.degradation(o.bone, o.evidence) <= fitted.threshold for o in outcomes)


def test_where_refining_never_degrades_it_stays_open():
    outcomes = [CalibrationSample(o.patient, o.bone, o.evidence, 0.02) for o in images(30, seed=3)]
    fitted = Gate.fit(outcomes, 30)
    assert all(fitted.degradation(o.bone, o.evidence) <= fitted.threshold + 1e-6 for o in outcomes)


def test_it_survives_json_and_says_the_chance():
    fitted = Gate.fit(images(40, seed=4), 40)
    assert Gate.model_validate_json(fitted.model_dump_json()) == fitted
    doubtful = MergeEvidence(0.55, 1.1, 0.2, 0.9, 0.5)
    refused = judged(PISIFORM, doubtful, schema.Merge(), fitted, may_add=True)
    assert not refused.used and refused.degradation > fitted.threshold and "probability" in refused.reason
    taken = judged(LUNATE, CREDIBLE, schema.Merge(), fitted, may_add=True)
    assert taken.used and taken.reason == "credible" and taken.degradation <= fitted.threshold


def test_fixed_limits_hold_beside_it():
    fitted = Gate.fit([CalibrationSample(o.patient, o.bone, o.evidence, 0.02) for o in images(30, seed=5)], 30)
    verdict = judged(LUNATE, MergeEvidence(0.9, 3.0, 0.0, 0.9, 0.95), schema.Merge(), fitted, may_add=True)
    assert not verdict.used and "area" in verdict.reason


def test_the_regression_finds_known_coefficients():
    rng = np.random.default_rng(0)
    table = rng.normal(0, 1, (20000, 2))
    happened = rng.random(20000) < 1 / (1 + np.exp(-(0.5 + 2 * table[:, 0] - table[:, 1])))
    assert logistic.fit(table, happened) == pytest.approx((0.5, 2.0, -1.0), abs=0.08)
    assert logistic.probability((0.0, 1.0), np.array([[0.0], [2.0]])) == pytest.approx([0.5, 0.8808], abs=1e-4)


# 2.75e-5: shown with four digits it would be 0.
RARE = 1 / (1 + np.exp(10.5))
CREDIBLE = MergeEvidence(0.97, 1.0, 0.01, 0.9, 0.97)


def test_chances_are_compared_as_they_are_not_as_they_are_shown():
    verdict = judged(LUNATE, CREDIBLE, schema.Merge(), constant_gate(RARE, 0.0), may_add=True)
    assert not verdict.used and "probability 2.8e-05 > 0" in verdict.reason
    assert verdict.degradation == pytest.approx(RARE, rel=1e-6)
    for limit, used in ((verdict.degradation, True), (np.nextafter(verdict.degradation, 0), False)):
        assert judged(LUNATE, CREDIBLE, schema.Merge(), constant_gate(RARE, limit), may_add=True).used is used


def test_a_record_shows_the_chance_with_four_digits():
    decision = Decision("Lunate", 1.0, "credible", CREDIBLE, degradation=0.01234567)
    assert decision.to_json()["degradation"] == 0.0123
    assert Decision("Lunate", 1.0, "credible", CREDIBLE).to_json()["degradation"] is None


def test_the_threshold_that_was_found_lets_its_own_sample_pass():
    """A threshold that is rounded down shuts out the very mask whose probability it is."""
    for seed in range(8):
        outcomes = images(40, seed=seed)
        table = np.array([gate.features(o.bone, o.evidence) for o in outcomes])
        assert Gate.fit(outcomes, 40).threshold in out_of_fold(table, outcomes)


def _ridge(table):
    """How strongly slopes and the bones' constants are drawn to 0."""
    return np.concatenate([np.ones(table.shape[1] - COUNT), np.full(COUNT, gate._BONE_RIDGE)])


def out_of_fold(table, outcomes):
    """Chances of each fifth of the patients, from the other four."""
    degraded, probabilities = np.array([o.gain < -gate.DEGRADATION for o in outcomes]), np.empty(len(table))
    for kept, left_out in GroupKFold(5).split(table, groups=[o.patient for o in outcomes]):
        probabilities[left_out] = logistic.probability(
            logistic.fit(table[kept], degraded[kept], _ridge(table)), table[left_out]
        )
    return probabilities


def with_gains(gain_of, count=40, seed=11):
    return [CalibrationSample(o.patient, o.bone, o.evidence, gain_of(o)) for o in images(count, seed=seed)]


def test_a_small_loss_is_no_degradation_and_a_larger_one_is():
    """What falls by less than 0.005 Dice is not seen by an eye; a gate that calls it degradation stays shut."""
    small = Gate.fit(with_gains(lambda o: 0.02 if o.gain > 0 else -0.004), 40)
    outcomes = with_gains(lambda o: 0.02)
    assert all(small.degradation(o.bone, o.evidence) <= small.threshold + 1e-6 for o in outcomes)
    large = Gate.fit(with_gains(lambda o: 0.02 if o.gain > 0 else -0.006), 40)
    assert not all(large.degradation(o.bone, o.evidence) <= large.threshold + 1e-6 for o in outcomes)


def test_less_degradation_is_allowed_on_the_images_at_hand_than_on_those_to_come():
    """Six tenths of the half percent: degradation is drawn at random, so that the threshold is always reached."""
    rng = np.random.default_rng(0)
    outcomes = with_gains(lambda o: -0.01 if rng.random() < 0.05 else 0.02, count=100)
    degraded = sum(o.gain < 0 for o in outcomes)
    allowed = 0.6 * 0.005 * 100 * COUNT
    assert degraded > 2 * allowed
    assert 0.002 < degraded_below_the_threshold(outcomes, 100) <= 0.6 * 0.005


def degraded_below_the_threshold(outcomes, count):
    """Share of all (image, bone) pairs that are degraded on the rows by which the threshold was chosen."""
    table = np.array([gate.features(o.bone, o.evidence) for o in outcomes])
    lost = np.array([o.gain < -gate.DEGRADATION for o in outcomes])
    used = out_of_fold(table, outcomes) <= Gate.fit(outcomes, count).threshold
    return float((lost & used).sum() / (count * COUNT))


def test_what_the_gate_is_said_to_bring_is_not_read_off_the_rows_that_chose_its_limit():
    """Where nothing can be learned, a threshold chosen on some rows looks better there than on the next ones."""
    chosen, told = [], []
    for seed in range(12):
        rng = np.random.default_rng(seed)
        outcomes = [
            CalibrationSample(o.patient, o.bone, o.evidence, -0.05 if rng.random() < 0.1 else 0.02)
            for o in images(30, seed=seed, worse=0.0)
        ]
        chosen.append(degraded_below_the_threshold(outcomes, 30))
        told.append(nested(outcomes, 30)[1])
    assert max(chosen) <= 0.6 * 0.005 < max(told)
    assert np.mean(told) > 1.4 * np.mean(chosen)


def test_both_hands_of_a_patient_are_left_out_together():
    patients = [f"ID{number // 16}" for number in range(320)]
    folds = patient_folds(patients)
    assert len(folds) == 5 and sorted(row for _, left in folds for row in left) == list(range(320))
    for kept, left in folds:
        assert not {patients[n] for n in left} & {patients[n] for n in kept} and len(kept) + len(left) == 320
    assert len(patient_folds(["a", "b", "a"])) == 2, "no more folds than patients"
    assert [rows.tolist() for rows in patient_folds(["a", "a"])[0]] == [[0, 1]] * 2


def test_each_patient_has_a_fit_that_knows_all_but_the_fold():
    patients = list("aabbccddeeffgg")
    fits = cross_fit(patients, lambda some: {patients[n] for n in some})
    assert fits.final == set(patients) and len(fits.fits) == 5
    for patient in set(patients):
        assert patient not in fits.without(patient) and len(fits.without(patient)) >= 5


def test_the_gate_is_judged_on_images_that_it_was_not_fitted_on():
    """Every image has a degradation of its own, with a mark that no other image has: nothing can be learned from it."""
    rng = np.random.default_rng(1)
    outcomes = []
    for image in range(40):
        sign = rng.choice([-1, 1])
        for bone in CARPALS:
            side = rng.choice([-1, 1])
            evidence = MergeEvidence(0.9, float(np.exp(side * 0.5)), 0.1, 0.9, 0.9 if side == sign else 0.7)
            outcomes.append(CalibrationSample(image, bone, evidence, rng.choice([-0.05, 0.02])))
    fitted = Gate.fit(outcomes, 40)
    table = np.array([gate.features(o.bone, o.evidence) for o in outcomes])
    degraded = np.array([o.gain < -gate.DEGRADATION for o in outcomes])
    seen = logistic.probability(logistic.fit(table, degraded, _ridge(table)), table)
    assert fitted.threshold not in seen, "a probability of the fit to all images would be one that knows them"


def test_all_masks_of_an_image_are_left_out_together():
    """Bones of an image fail together: each of five fits leaves out six whole images of thirty."""
    outcomes = []
    for image in range(30):
        gain = -0.1 if image % 2 else 0.09
        outcomes += [CalibrationSample(image, bone, MergeEvidence(0.9, 1.0, 0.1, 0.9, 0.9), gain) for bone in CARPALS]
    counted = []
    fit = logistic.fit

    def fitted(table, happened, ridge=1.0):
        counted.append(len(table))
        return fit(table, happened, ridge)

    patch = pytest.MonkeyPatch()
    with patch.context() as patched:
        patched.setattr(gate.logistic, "fit", fitted)
        nested(outcomes, 30)
    per_image = len(CARPALS)
    assert all(rows % per_image == 0 for rows in counted) and max(counted) == 30 * per_image
    assert counted.count(24 * per_image) == 10, "five for the threshold, five folds that judge"
    assert min(counted) >= 19 * per_image, "a threshold within a fold comes from fits without a fifth of its images"
