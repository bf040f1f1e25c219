"""The calibrated gate: harm stays rare on pictures that it has not seen, and gains stay."""

import numpy as np
import pytest
from gate_trials import nested
from sklearn.model_selection import GroupKFold

from handbone.anatomy import CARPALS, COUNT, INDEX
from handbone.method.calibration import gate, logistic
from handbone.method.calibration.folds import cross_fit, patient_folds
from handbone.method.calibration.gate import Gate, Trial, verdict
from handbone.method.evidence import Evidence
from handbone.method.merge import Decision
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
    outcomes = [Trial(o.patient, o.bone, o.evidence, -0.1) for o in pictures(30, seed=2)]
    fitted = Gate.fit(outcomes, 30)
    assert not any(fitted.harm(o.bone, o.evidence) <= fitted.limit for o in outcomes)


def test_where_refining_never_harms_it_stays_open():
    outcomes = [Trial(o.patient, o.bone, o.evidence, 0.02) for o in pictures(30, seed=3)]
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
    fitted = Gate.fit([Trial(o.patient, o.bone, o.evidence, 0.02) for o in pictures(30, seed=5)], 30)
    used, reason, _ = verdict(LUNATE, Evidence(0.9, 3.0, 0.0, 0.9, 0.95), schema.Merge(), fitted, may_add=True)
    assert not used and "area" in reason


def test_the_regression_finds_known_coefficients():
    rng = np.random.default_rng(0)
    table = rng.normal(0, 1, (20000, 2))
    happened = rng.random(20000) < 1 / (1 + np.exp(-(0.5 + 2 * table[:, 0] - table[:, 1])))
    assert logistic.fit(table, happened) == pytest.approx((0.5, 2.0, -1.0), abs=0.08)
    assert logistic.chance((0.0, 1.0), np.array([[0.0], [2.0]])) == pytest.approx([0.5, 0.8808], abs=1e-4)


def certain(limit, *, constant=-10.5):
    """A gate that gives every mask the same chance of harm: 1 / (1 + exp(10.5)) = 2.75e-5."""
    return Gate(coefficients=(constant, *[0.0] * (4 + COUNT)), limit=limit, pictures=50)


CREDIBLE = Evidence(0.97, 1.0, 0.01, 0.9, 0.97)


def test_chances_are_compared_as_they_are_not_as_they_are_shown():
    used, reason, harm = verdict(LUNATE, CREDIBLE, schema.Merge(), certain(0.0), may_add=True)
    assert not used and "chance 2.8e-05 > 0" in reason
    assert harm == pytest.approx(1 / (1 + np.exp(10.5)), rel=1e-6)
    assert verdict(LUNATE, CREDIBLE, schema.Merge(), certain(harm), may_add=True)[0]
    assert not verdict(LUNATE, CREDIBLE, schema.Merge(), certain(np.nextafter(harm, 0)), may_add=True)[0]


def test_a_record_shows_the_chance_with_four_digits():
    decision = Decision("Lunate", True, "credible", CREDIBLE, harm=0.01234567)
    assert decision.to_json()["harm"] == 0.0123
    assert Decision("Lunate", True, "credible", CREDIBLE).to_json()["harm"] is None


def test_the_limit_that_was_found_lets_its_own_trial_pass():
    """A limit that is rounded down shuts out the very mask whose chance it is."""
    for seed in range(8):
        outcomes = pictures(40, seed=seed)
        table = np.array([gate.features(o.bone, o.evidence) for o in outcomes])
        assert Gate.fit(outcomes, 40).limit in out_of_fold(table, outcomes)


def _ridge(table):
    """How strongly slopes and the bones' constants are drawn to 0."""
    return np.concatenate([np.ones(table.shape[1] - COUNT), np.full(COUNT, gate._BONE_RIDGE)])


def out_of_fold(table, outcomes):
    """Chances of each fifth of the patients, from the other four."""
    harmed, chances = np.array([o.gain < -gate.HARM for o in outcomes]), np.empty(len(table))
    for kept, left_out in GroupKFold(5).split(table, groups=[o.patient for o in outcomes]):
        chances[left_out] = logistic.chance(logistic.fit(table[kept], harmed[kept], _ridge(table)), table[left_out])
    return chances


def with_gains(gain_of, count=40, seed=11):
    return [Trial(o.patient, o.bone, o.evidence, gain_of(o)) for o in pictures(count, seed=seed)]


def test_a_small_loss_is_no_harm_and_a_larger_one_is():
    """What falls by less than 0.005 Dice is not seen by an eye; a gate that calls it harm stays shut."""
    small = Gate.fit(with_gains(lambda o: 0.02 if o.gain > 0 else -0.004), 40)
    outcomes = with_gains(lambda o: 0.02)
    assert all(small.harm(o.bone, o.evidence) <= small.limit + 1e-6 for o in outcomes)
    large = Gate.fit(with_gains(lambda o: 0.02 if o.gain > 0 else -0.006), 40)
    assert not all(large.harm(o.bone, o.evidence) <= large.limit + 1e-6 for o in outcomes)


def test_less_harm_is_allowed_on_the_pictures_at_hand_than_on_those_to_come():
    """Six tenths of the half percent: harm is drawn at random, so that the limit is always reached."""
    rng = np.random.default_rng(0)
    outcomes = with_gains(lambda o: -0.01 if rng.random() < 0.05 else 0.02, count=100)
    harmed = sum(o.gain < 0 for o in outcomes)
    allowed = 0.6 * 0.005 * 100 * COUNT
    assert harmed > 2 * allowed
    assert 0.002 < harmed_below_the_limit(outcomes, 100) <= 0.6 * 0.005


def harmed_below_the_limit(outcomes, count):
    """Share of all (picture, bone) pairs that are harmed on the rows by which the limit was chosen."""
    table = np.array([gate.features(o.bone, o.evidence) for o in outcomes])
    lost = np.array([o.gain < -gate.HARM for o in outcomes])
    used = out_of_fold(table, outcomes) <= Gate.fit(outcomes, count).limit
    return float((lost & used).sum() / (count * COUNT))


def test_what_the_gate_is_said_to_bring_is_not_read_off_the_rows_that_chose_its_limit():
    """Where nothing can be learned, a limit chosen on some rows looks better there than on the next ones."""
    chosen, told = [], []
    for seed in range(12):
        rng = np.random.default_rng(seed)
        outcomes = [
            Trial(o.patient, o.bone, o.evidence, -0.05 if rng.random() < 0.1 else 0.02)
            for o in pictures(30, seed=seed, worse=0.0)
        ]
        chosen.append(harmed_below_the_limit(outcomes, 30))
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


def test_the_gate_is_judged_on_pictures_that_it_was_not_fitted_on():
    """Every picture has harm of its own, known by a mark that no other picture has: nothing can be learned from it."""
    rng = np.random.default_rng(1)
    outcomes = []
    for picture in range(40):
        sign = rng.choice([-1, 1])
        for bone in CARPALS:
            side = rng.choice([-1, 1])
            evidence = Evidence(0.9, float(np.exp(side * 0.5)), 0.1, 0.9, 0.9 if side == sign else 0.7)
            outcomes.append(Trial(picture, bone, evidence, rng.choice([-0.05, 0.02])))
    fitted = Gate.fit(outcomes, 40)
    table = np.array([gate.features(o.bone, o.evidence) for o in outcomes])
    harmed = np.array([o.gain < -gate.HARM for o in outcomes])
    seen = logistic.chance(logistic.fit(table, harmed, _ridge(table)), table)
    assert fitted.limit not in seen, "a chance of the fit to all pictures would be one that knows them"


def test_all_masks_of_a_picture_are_left_out_together():
    """Bones of a picture fail together: each of five fits leaves out six whole pictures of thirty."""
    outcomes = []
    for picture in range(30):
        gain = -0.1 if picture % 2 else 0.09
        outcomes += [Trial(picture, bone, Evidence(0.9, 1.0, 0.1, 0.9, 0.9), gain) for bone in CARPALS]
    counted = []
    fit = logistic.fit

    def fitted(table, happened, ridge=1.0):
        counted.append(len(table))
        return fit(table, happened, ridge)

    patch = pytest.MonkeyPatch()
    with patch.context() as patched:
        patched.setattr(gate.logistic, "fit", fitted)
        nested(outcomes, 30)
    per_picture = len(CARPALS)
    assert all(rows % per_picture == 0 for rows in counted) and max(counted) == 30 * per_picture
    assert counted.count(24 * per_picture) == 10, "five for the limit, five folds that judge"
    assert min(counted) >= 19 * per_picture, "a limit within a fold comes from fits without a fifth of its pictures"
