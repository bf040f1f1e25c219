"""Which refined masks are taken: every clause of the decision at its limit, and its parts against plain loops."""

import itertools
import json
from dataclasses import replace

import numpy as np
import pytest
from gate_trials import constant_gate
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from handbone.anatomy import COUNT, INDEX, NAMES
from handbone.method.acceptance import Verdict, judged
from handbone.method.calibration import gate
from handbone.method.calibration.gate import CalibrationSample, Gate, cross_fit_gates, features
from handbone.method.evidence import MergeEvidence
from handbone.method.merge import Decision
from handbone.recipe import schema

LUNATE = INDEX["Lunate"]
LIMITS = schema.Merge(min_agreement=0.5, area_ratio=(0.5, 2.0), max_shift=0.25)


def evidence(**changes):
    return MergeEvidence(**{"agreement": 0.9, "area_ratio": 1.0, "shift": 0.05, "before": 0.9, "after": 0.9, **changes})


@pytest.mark.parametrize(
    ("changes", "may_add", "used", "words"),
    [
        ({}, True, True, "credible"),
        ({}, False, True, "credible"),
        # Nothing was found: the earlier mask stays, and what is told depends on whether there is one.
        ({"after": 0.0, "agreement": 0.0}, True, False, "the refiner found nothing"),
        ({"after": 0.0, "before": 0.0, "agreement": 1.0}, True, False, "neither stage found it in the ROI"),
        ({"after": 0.0, "before": 0.0, "elsewhere": True}, True, False, "neither stage found it in the ROI"),
        # Only the refiner found it.
        ({"before": 0.0, "agreement": 0.0}, True, True, "there was no coarse mask"),
        ({"before": 0.0, "agreement": 0.0}, False, False, "there was no coarse mask, and no ROI for the refiner"),
        ({"before": 0.0, "elsewhere": True}, True, False, "the coarse mask lies outside the ROI"),
        ({"before": 0.0, "elsewhere": True}, False, False, "the coarse mask lies outside the ROI"),
        # The limits themselves are allowed.
        ({"agreement": 0.5}, True, True, "credible"),
        ({"agreement": 0.4999}, True, False, "agrees too little with the coarse mask (Dice 0.50 < 0.50)"),
        ({"agreement": 0.0}, True, False, "agrees too little with the coarse mask (Dice 0.00 < 0.50)"),
        ({"area_ratio": 0.5}, True, True, "credible"),
        ({"area_ratio": 0.4999}, True, False, "its area is 0.50 times the coarse one"),
        ({"area_ratio": 2.0}, True, True, "credible"),
        ({"area_ratio": 2.0001}, True, False, "its area is 2.00 times the coarse one"),
        ({"area_ratio": 7.0}, True, False, "its area is 7.00 times the coarse one"),
        ({"area_ratio": None}, True, True, "credible"),
        ({"shift": 0.25}, True, True, "credible"),
        ({"shift": 0.2501}, True, False, "its centre moved by 0.25 of its size"),
        ({"shift": None}, True, True, "credible"),
        # The first reason is the one that is told.
        ({"agreement": 0.1, "area_ratio": 9.0, "shift": 9.0}, True, False, "agrees too little"),
        ({"area_ratio": 9.0, "shift": 9.0}, True, False, "its area"),
    ],
)
def test_each_clause_decides_at_its_limit(changes, may_add, used, words):
    verdict = judged(LUNATE, evidence(**changes), LIMITS, None, may_add=may_add)
    assert (verdict.used, verdict.degradation) == (used, None) and verdict.reason.startswith(words)


@pytest.mark.parametrize(
    ("probability", "threshold", "used"), [(0.2, 0.3, True), (0.3, 0.2, False), (0.01, 0.0, False), (0.99, 1.0, True)]
)
def test_a_gate_refuses_above_its_threshold_and_says_both_numbers(probability, threshold, used):
    verdict = judged(LUNATE, evidence(), LIMITS, constant_gate(probability, threshold), may_add=True)
    assert verdict.used is used and verdict.degradation == pytest.approx(probability)
    said = f"Lunate may come out worse (probability {probability:.2g} > {threshold:.2g})"
    assert verdict.reason == ("credible" if used else said)


@pytest.mark.parametrize(
    ("probability", "thresholds", "share", "reason"),
    [
        (0.1, (0.2, 0.4), 0.7, "credible"),
        (0.3, (0.2, 0.4), 0.4, "credible, with caution"),
        (0.5, (0.2, 0.4), 0.0, "Lunate may come out worse (probability 0.5 > 0.4)"),
        # None but with caution, and no band for caution.
        (0.3, (0.0, 0.4), 0.4, "credible, with caution"),
        (0.3, (0.2, 0.0), 0.0, "Lunate may come out worse (probability 0.3 > 0.2)"),
        (0.1, (0.2, 0.1), 0.7, "credible"),
    ],
)
def test_between_its_thresholds_a_gate_takes_a_mask_with_caution(probability, thresholds, share, reason):
    limits = LIMITS.model_copy(update={"share": 0.7, "cautious_share": 0.4})
    verdict = judged(LUNATE, evidence(), limits, constant_gate(probability, *thresholds), may_add=True)
    assert (verdict.share, verdict.reason) == (share, reason) and verdict.used is (share > 0)


def test_without_a_share_for_it_there_is_no_caution():
    """A recipe may take the share back; the gate that has learned with one then refuses those masks."""
    verdict = judged(LUNATE, evidence(), LIMITS, constant_gate(0.3, 0.2, 0.4), may_add=True)
    assert not verdict.used and verdict.reason == "Lunate may come out worse (probability 0.3 > 0.2)"


def test_the_limit_of_caution_itself_is_allowed():
    limits = LIMITS.model_copy(update={"share": 0.7, "cautious_share": 0.4})
    exact = constant_gate(0.3, 0.2).degradation(LUNATE, evidence())
    for cautious, used in ((exact, True), (np.nextafter(exact, 0), False)):
        assert judged(LUNATE, evidence(), limits, constant_gate(0.3, 0.2, cautious), may_add=True).used is used


def test_masks_beside_the_gate_have_the_whole_share():
    limits = LIMITS.model_copy(update={"share": 0.7, "cautious_share": 0.4})
    assert judged(LUNATE, evidence(), limits, None, may_add=True) == Verdict(0.7, "credible")
    alone = evidence(before=0.0, agreement=0.0)
    assert judged(LUNATE, alone, limits, constant_gate(0.3, 0.2, 0.4), may_add=True).share == 1.0, (
        "nothing to average with"
    )


@pytest.mark.parametrize(("share", "cautious"), [(0.5, 0.5), (0.5, 0.7), (1.0, 1.0), (1.0, -0.1)])
def test_caution_means_less_of_the_refiner(share, cautious):
    with pytest.raises(ValidationError, match=r"cautious_share"):
        schema.Merge(share=share, cautious_share=cautious)


@pytest.mark.parametrize(
    "changes",
    [
        {"after": 0.0},
        {"before": 0.0},
        {"before": 0.0, "elsewhere": True},
        {"agreement": 0.1},
        {"area_ratio": 5.0},
        {"shift": 1.0},
    ],
)
def test_a_gate_is_asked_only_where_the_limits_leave_a_choice(changes):
    """A gate that takes everything never lets through what the limits refuse, and one that is shut changes nothing."""
    limits = LIMITS.model_copy(update={"cautious_share": 0.4})
    plain = judged(LUNATE, evidence(**changes), limits, None, may_add=True)
    for each in (constant_gate(0.5, 1.0), constant_gate(0.5, 0.0), constant_gate(0.5, 0.0, 1.0)):
        assert judged(LUNATE, evidence(**changes), limits, each, may_add=True) == plain


def test_behind_a_gate_a_bone_that_only_the_refiner_sees_has_to_be_sure():
    gate = constant_gate(0.5, 1.0)
    for after, used in ((0.89, False), (0.9, True)):
        alone = evidence(before=0.0, agreement=0.0, area_ratio=None, shift=None, after=after)
        assert judged(LUNATE, alone, LIMITS, gate, may_add=True).used is used
        assert judged(LUNATE, alone, LIMITS, None, may_add=True).used
    unsure = evidence(before=0.0, agreement=0.0, area_ratio=None, shift=None, after=0.89)
    reason = "there was no coarse mask, and the refiner is not sure (mean probability 0.89 < 0.90)"
    assert judged(LUNATE, unsure, LIMITS, gate, may_add=True) == Verdict(0.0, reason)


def test_a_decision_is_flat_json():
    decision = Decision("Lunate", 0.0, "its area", evidence(prior_before=0.5), 0.123456, "wrist")
    value = json.loads(json.dumps(decision.to_json()))
    assert value["used"] is False and replace(decision, share=0.4).to_json()["used"] is True
    assert value["degradation"] == 0.1235 and value["roi"] == "wrist" and value["prior_before"] == 0.5
    assert set(value) == {
        *(
            "bone",
            "used",
            "share",
            "reason",
            "degradation",
            "roi",
            "agreement",
            "area_ratio",
            "shift",
            "before",
            "after",
        ),
        *("elsewhere", "solidity_gain", "roi_after", "prior_before", "prior_after"),
    }


EVIDENCE = st.builds(
    MergeEvidence,
    agreement=st.floats(0, 1),
    area_ratio=st.one_of(st.none(), st.floats(0, 50)),
    shift=st.one_of(st.none(), st.floats(0, 20)),
    before=st.floats(0, 1),
    after=st.floats(0, 1),
    elsewhere=st.booleans(),
    solidity_gain=st.one_of(st.none(), st.floats(-1, 1)),
    roi_after=st.one_of(st.none(), st.floats(0, 1)),
    prior_before=st.one_of(st.none(), st.floats(0, 1)),
    prior_after=st.one_of(st.none(), st.floats(0, 1)),
)


@given(EVIDENCE, st.integers(0, COUNT - 1), st.booleans())
def test_whatever_is_known_the_features_are_finite_and_name_one_bone(found, bone, prior):
    names = (*gate._OF_MASKS, "prior", "prior_gain") if prior else gate._OF_MASKS
    values = features(bone, found, names)
    assert values.shape == (len(names) + COUNT,) and np.isfinite(values).all()
    assert np.flatnonzero(values[len(names) :]).tolist() == [bone]


def test_features_grow_with_what_speaks_against_a_mask():
    """Area counts alike for twice and for half, and stops at e squared; no shift counts as a large one."""
    by_name = dict(zip(gate._OF_MASKS, features(LUNATE, evidence())[:6], strict=True))
    assert by_name["solidity"] == 0 and by_name["roi_sureness"] == by_name["sureness"], "where only one bone is known"
    known = features(LUNATE, evidence(solidity_gain=-0.03, roi_after=0.8))
    assert known[4:6] == pytest.approx([-0.03, np.log(4)]) and known[3] == by_name["sureness"]
    assert features(LUNATE, evidence(solidity_gain=-0.9))[4] == -0.2
    assert by_name["agreement"] == pytest.approx(np.log(0.105)) and by_name["area"] == 0
    assert by_name["sureness"] == pytest.approx(np.log(9.0)) and by_name["shift"] == 0.05
    area = [features(LUNATE, evidence(area_ratio=ratio))[1] for ratio in (0.5, 2.0, 1e-9, 1e9, 0.0, None)]
    assert area == pytest.approx([np.log(2), np.log(2), 2, 2, 2, 2])
    assert [features(LUNATE, evidence(shift=shift))[2] for shift in (0.4, 3.0, None)] == [0.4, 1.0, 1.0]
    assert features(LUNATE, evidence(after=1.0))[3] == pytest.approx(np.log(0.995 / 0.005))
    named = features(LUNATE, evidence(prior_before=0.2, prior_after=0.9), ("prior", "prior_gain"))
    assert named[:2] == pytest.approx([np.log(0.105), 0.5])
    worse = features(LUNATE, evidence(prior_before=0.9, prior_after=0.8), ("prior", "prior_gain"))
    assert worse[1] == pytest.approx(-0.1)


def best_by_all_limits(probabilities, gains, cautious, allowed):
    """Every pair of limits tried: what is gained by what they let through, where it degrades few enough."""
    best = 0.0
    for first, second in itertools.product([0.0, *probabilities], repeat=2):
        taken = probabilities <= first
        careful = (probabilities <= second) & ~taken
        became = np.where(taken, gains, np.where(careful, cautious, 0.0))
        if np.count_nonzero(became < -gate.DEGRADATION) <= allowed:
            best = max(best, became.sum())
    return best


@given(st.data())
def test_no_other_thresholds_gain_more_with_as_little_degradation(data):
    count = data.draw(st.integers(1, 12))
    numbers = np.random.default_rng(data.draw(st.integers(0, 10**6)))
    # Distinct ones: the masks of one probability come together or not at all.
    probabilities = numbers.permutation(np.linspace(0.01, 0.99, count))
    gains = numbers.normal(0, 0.02, count)
    cautious = gains * numbers.uniform(0, 1) if data.draw(st.booleans()) else np.zeros(count)
    allowed = data.draw(st.sampled_from([0.0, 0.5, 1.0, 2.0, 99.0]))
    limit, last = gate._best_thresholds(probabilities, gains, cautious, allowed=allowed)
    taken = probabilities <= limit
    became = np.where(taken, gains, np.where(probabilities <= last, cautious, 0.0))
    assert np.count_nonzero(became < -gate.DEGRADATION) <= allowed
    assert became.sum() == pytest.approx(best_by_all_limits(probabilities, gains, cautious, allowed), abs=1e-12)
    assert last == 0 or last > limit, "a band is above the first threshold"
    if not cautious.any():
        assert last == 0, "where caution gains nothing there is no band"


def test_caution_is_learned_only_where_it_was_tried():
    """Masks that are sometimes much worse, and with caution always a little better: the doubtful ones are taken so."""
    plain = trials(40, 3)
    tried = [replace(trial, cautious_gain=0.01) for trial in plain]
    assert Gate.fit(plain, 40).cautious_threshold == 0
    assert Gate.fit([*tried[:-1], plain[-1]], 40).cautious_threshold == 0
    fitted = Gate.fit(tried, 40)
    assert fitted.cautious_threshold > fitted.threshold > 0
    assert fitted.coefficients == Gate.fit(plain, 40).coefficients, "degradation is that of the mask taken whole"


@pytest.mark.parametrize("prior", [False, True])
def test_as_many_coefficients_as_there_are_features(prior):
    names = (*gate._OF_MASKS, "prior", "prior_gain") if prior else gate._OF_MASKS
    right = 1 + len(names) + COUNT
    made = Gate(features=names, coefficients=(0.0,) * right, threshold=0.1, images=1)
    assert made.needs_prior is prior and made.degradation(LUNATE, evidence(prior_after=0.5)) == 0.5
    for count in (0, right - 1, right + 1):
        with pytest.raises(ValidationError, match=f"{len(names)} features and 29 bones need {right} coefficients"):
            Gate(features=names, coefficients=(0.0,) * count, threshold=0.1, images=1)


@pytest.mark.parametrize("bone", ["finger-1", "Pisiform", "Ulna"])
def test_a_bone_has_a_constant_of_its_own(bone):
    """One coefficient for each bone, in anatomy order behind the features."""
    coefficients = [-2.0, 0.0, 0.0, 0.0, 0.0, *[0.0] * COUNT]
    coefficients[5 + INDEX[bone]] = 4.0
    made = Gate(coefficients=tuple(coefficients), threshold=0.5, images=1)
    for name in NAMES:
        expected = 1 / (1 + np.exp(-2.0 if name == bone else 2.0))
        assert made.degradation(INDEX[name], evidence()) == pytest.approx(expected)


def trials(count, seed, prior=False):
    numbers = np.random.default_rng(seed)
    found = []
    for image, bone in itertools.product(range(count), (LUNATE, INDEX["Hamate"])):
        bad = numbers.random() < 0.3
        judged = {"prior_before": 0.8, "prior_after": numbers.uniform(0.2, 0.6) if bad else 0.9} if prior else {}
        agreement = numbers.uniform(0.5, 0.8) if bad else numbers.uniform(0.85, 1)
        gain = -0.05 if bad else 0.02
        found.append(CalibrationSample(image, bone, evidence(agreement=agreement, **judged), gain))
    return found


def test_the_prior_is_a_feature_only_where_every_mask_was_judged():
    judged, plain = trials(12, 0, prior=True), trials(12, 0)
    assert Gate.fit(judged, 12).needs_prior and not Gate.fit(plain, 12).needs_prior
    assert not Gate.fit([*judged[:-1], plain[-1]], 12).needs_prior


@pytest.mark.parametrize("patients", [["a"] * 4, ["a", "a", "b", "b"], list("abcdefgh"), ["a", "b", "a", "b", "c"]])
def test_each_fold_s_gate_is_the_one_fitted_to_the_other_folds_images(patients):
    """Nothing of the patients that a fold leaves out is in its coefficients or in its threshold."""
    by_image = [trials(1, seed) for seed in range(len(patients))]
    fits = cross_fit_gates(patients, by_image)
    assert fits.final == Gate.fit([t for some in by_image for t in some], len(patients))
    for fold, fit in enumerate(fits.fits):
        others = [n for n, p in enumerate(patients) if fits.fold_of[p] != fold]
        if others:
            assert fit == Gate.fit([t for n in others for t in by_image[n]], len(others)) and fit.images == len(others)
