"""Calibration measures what the method itself makes: the same functions, patients that nothing was fitted on."""

from dataclasses import replace
from functools import partial

import numpy as np
import pytest
from stages_hands import DiscReader, disc_image, hand_points

from handbone.anatomy import CARPALS, COUNT, INDEX, NAMES
from handbone.core.bone_masks import shared_area
from handbone.method.calibration import calibrate as calibration
from handbone.method.calibration.calibrate import Calibration, CalibrationImage, Learned, calibrate
from handbone.method.calibration.gate import DEGRADATION, Gate
from handbone.method.calibration.presence import Presence
from handbone.method.settings import MethodSettings
from handbone.method.two_stage import Stage, TwoStage

PATIENTS, LUNATE = 12, INDEX["Lunate"]


class Fickle(DiscReader):
    """Perturbs some bones of some images: what it says is the same whenever the same image comes."""

    def logits(self, image, flip=False, within=None):
        logits = super().logits(image)
        rng = np.random.default_rng(int(np.abs(image[0]).sum()))
        for bone in range(COUNT):
            if rng.random() < 0.3:
                # A probability of .43: bone at the threshold of these tests, and not at one half.
                logits[bone] = np.minimum(np.roll(logits[bone], rng.integers(3, 7), axis=1), -0.3)
        return logits


class Bitten(DiscReader):
    """Lacks a third of some bones of some images, and sees the rest better than the coarse network."""

    def logits(self, image, flip=False, within=None):
        logits = super().logits(image)
        rng = np.random.default_rng(int(np.abs(image[0]).sum()))
        for bone in range(COUNT):
            columns = np.flatnonzero((logits[bone] > 0).any(0))
            if rng.random() < 0.3 and len(columns):
                logits[bone, :, : columns[len(columns) // 3]] = -9.0
        return logits


class Specked(DiscReader):
    """Sees a speck far away from each bone, which is taken away at the end."""

    def logits(self, image, flip=False, within=None):
        logits = super().logits(image)
        logits[:, 3:7, 60:64] = 9.0  # beside that the image is padded
        return logits


def dice(ground_truth, masks):
    shared = np.array([shared_area(ground_truth, bone, masks, bone) for bone in range(COUNT)])
    return (2 * shared + 1e-4) / (ground_truth.areas() + masks.areas() + 1e-4)


def hand(seed):
    points = hand_points(unit=260.0, at=np.array([300.0, 440.0]), seed=seed, noise=0.2)
    points[INDEX["Pisiform"]] += 0.3 * (points[INDEX["Pisiform"]] - points[INDEX["Capitate"]])
    return disc_image(points, (700, 620), 9)


@pytest.fixture(scope="module")
def method():
    settings = MethodSettings(postprocess=True, threshold=0.35, refiner={"merge": {"min_agreement": 0.2}})
    return TwoStage(Stage(Specked(shrinks=1), 700), Stage(Fickle(), 384), settings)


@pytest.fixture(scope="module")
def hands():
    return [hand(seed) for seed in range(2 * PATIENTS)]


@pytest.fixture(scope="module")
def images(method, hands):
    """Both hands of each patient."""
    return [
        CalibrationImage(f"ID{n // 2}", partial(np.copy, image), partial(dice, ground_truth), method.read(image))
        for n, (image, ground_truth) in enumerate(hands)
    ]


@pytest.fixture(scope="module")
def learned(method, images):
    return calibrate(method, images, gates=True, presence=True)


@pytest.mark.slow
def test_what_is_measured_behind_the_gate_is_what_prediction_gives(method, hands, images, learned):
    """The metrics of the gate come from masks; prediction behind each fold's gate gives these very masks."""
    changes, trials = [], 0
    for (image, ground_truth), calibrated in zip(hands, images, strict=True):
        applied = learned.of(calibrated.patient).model_copy(update={"presence": None}).applied_to(method.settings)
        behind = replace(method, settings=applied).predict(image)
        alone = TwoStage(method.coarse_stage, settings=method.settings.model_copy(update={"refiner": None})).predict(
            image
        )
        changes.append(
            dice(ground_truth, behind.final.threshold(0.35)) - dice(ground_truth, alone.final.threshold(0.35))
        )
        trials += sum(decision.degradation is not None for decision in behind.decisions)
    gate = learned.final.gate
    assert trials > PATIENTS and gate.gain > 0
    assert gate.gain == pytest.approx(np.sum(changes) / trials, abs=2e-5)
    assert gate.degraded == pytest.approx((np.array(changes) < -DEGRADATION).mean(), abs=2e-5)


@pytest.fixture(scope="module")
def careful(method, images):
    """A method with a share for masks that are accepted with caution, its images and its calibration."""
    merge = method.settings.refiner.merge.model_copy(update={"share": 0.9, "cautious_share": 0.6})
    refiner = method.settings.refiner.model_copy(update={"merge": merge})
    settings = method.settings.model_copy(update={"refiner": refiner})
    variant = replace(method, refine_stage=Stage(Bitten(), 384), settings=settings)
    read = [replace(image, reading=variant.read(image.load())) for image in images]
    return variant, calibrate(variant, read, gates=True, presence=False)


@pytest.mark.slow
def test_what_is_measured_with_caution_is_what_prediction_gives(careful, hands, images):
    """Masks of both kinds come out of each fold's gate, and the metrics are those of these very masks."""
    method, learned = careful
    alone = replace(method, refine_stage=None, settings=method.settings.model_copy(update={"refiner": None}))
    changes, shares = [], []
    for (image, ground_truth), calibrated in zip(hands, images, strict=True):
        behind = replace(method, settings=learned.of(calibrated.patient).applied_to(method.settings)).predict(image)
        before = alone.predict(image).final.threshold(0.35)
        changes.append(dice(ground_truth, behind.final.threshold(0.35)) - dice(ground_truth, before))
        shares += [decision.share for decision in behind.decisions if decision.degradation is not None]
    gate = learned.final.gate
    assert {0.6, 0.9} <= set(shares) and gate.cautious_threshold > gate.threshold
    assert gate.gain == pytest.approx(np.sum(changes) / len(shares), abs=2e-5)
    assert gate.degraded == pytest.approx((np.array(changes) < -DEGRADATION).mean(), abs=2e-5)


def test_without_a_cautious_share_nothing_is_tried_with_caution(learned):
    assert [known.gate.cautious_threshold for known in (learned.final, *learned.folds)] == [0.0] * 6


def test_the_final_settings_are_what_is_applied_to_new_patients(method, learned):
    settings = learned.of("somebody else").applied_to(method.settings)
    assert settings.refiner.gate == learned.final.gate and settings.presence == learned.final.presence
    assert settings.confidence == learned.final.confidence and learned.final.confidence.images == 2 * PATIENTS
    assert settings.threshold == 0.35 and settings.refiner.gate.images == 2 * PATIENTS
    assert Calibration.model_validate_json(learned.model_dump_json()) == learned


@pytest.mark.slow
def test_no_gate_decides_for_a_patient_that_it_knows(method, images, learned, monkeypatch):
    """Each fold's gate, limit included, is the one that its other patients alone give."""
    monkeypatch.setattr(calibration, "FEWEST", 2)
    assert set(learned.fold_of) == {f"ID{n}" for n in range(PATIENTS)} and len(learned.folds) == 5
    for fold, known in enumerate(learned.folds):
        others = [image for image in images if learned.fold_of[image.patient] != fold]
        alone = calibrate(method, others, gates=True, presence=False).final.gate
        assert 0 < known.gate.images == len(others) < len(images)
        assert (known.gate.coefficients, known.gate.threshold) == (alone.coefficients, alone.threshold)


def test_a_patients_ground_truth_changes_neither_its_gate_nor_its_limit(method, images, learned):
    """All labels of one patient are turned into nonsense: what decides in that patient's images stays."""
    perturbed = [
        replace(image, dice=lambda masks: np.where(masks.present(), 0.0, 1.0)) if image.patient == "ID3" else image
        for image in images
    ]
    again = calibrate(method, perturbed, gates=True, presence=False)
    assert again.of("ID3").gate == learned.of("ID3").gate
    assert again.final.gate != learned.final.gate


def test_presence_is_judged_on_patients_that_it_does_not_know():
    """Each patient's wrong masks look like no other's: known ones are all found, unknown ones are not."""
    rng = np.random.default_rng(0)
    patients, rows = [], []
    for number in range(20):
        table = rng.normal(0, 1, (29, 4))
        rows.append((table, rng.random(29) < 0.5))
        patients += [f"ID{number // 2}"]
    fitted = Presence.cross_fit(patients, rows)
    table, right = (np.concatenate(each) for each in zip(*rows, strict=True))
    from handbone.method.calibration import logistic

    seen = logistic.probability(fitted.coefficients, table) < 0.5
    assert fitted.images == 20 and fitted.coefficients == Presence.fit(rows).coefficients
    assert seen[~right].mean() - seen[right].mean() > fitted.wrong_hidden - fitted.right_hidden + 0.02


def test_presence_leaves_patients_out_and_not_rows(monkeypatch):
    known = []
    fit = Presence.fit.__func__

    def noted(cls, images):
        known.append({float(table[0, 0]) for table, _ in images})
        return fit(cls, images)

    monkeypatch.setattr(Presence, "fit", classmethod(noted))
    rows = [(np.full((4, 4), float(n // 2)) + 0.0, np.array([True, False, True, True])) for n in range(20)]
    Presence.cross_fit([f"ID{n // 2}" for n in range(20)], rows)
    *folds, final = known
    assert final == set(map(float, range(10))) and [len(each) for each in folds] == [8] * 5
    assert set.intersection(*folds) == set()


def test_too_few_patients_leave_the_fixed_limits(method, images):
    learned = calibrate(method, images[: 2 * 9], gates=True, presence=True)
    assert learned.final.gate is None and learned.folds == () and learned.final.presence.images == 18
    assert learned.final.applied_to(method.settings).refiner == method.settings.refiner
    assert calibrate(method, images, gates=False, presence=False) == Calibration(final=Learned())


def test_the_fixed_limits_hold_before_the_gate(method, images):
    """A mask that the limits refuse is no trial: the gate never sees its like."""
    strict = method.settings.refiner.model_copy(update={"merge": {"min_agreement": 0.999}})
    settings = method.settings.model_copy(update={"refiner": type(strict).model_validate(dict(strict))})
    assert calibrate(replace(method, settings=settings), images, gates=True, presence=False).final.gate is None


def test_decisions_behind_the_gate_name_the_chance_of_the_folds_gate(method, hands, learned):
    applied = learned.of("ID0").applied_to(method.settings)
    outcome = replace(method, settings=applied).predict(hands[0][0])
    decided = {d.bone: d for d in outcome.decisions}
    assert set(decided) == {NAMES[bone] for bone in CARPALS}
    for bone, decision in decided.items():
        if decision.degradation is not None:
            assert decision.degradation == learned.of("ID0").gate.degradation(INDEX[bone], decision.evidence)
            assert decision.used == (decision.degradation <= learned.of("ID0").gate.threshold)


def test_without_any_trial_a_gate_is_shut():
    gate = Gate.fit([], 7)
    assert gate.threshold == 0 and gate.images == 7 and calibration.FEWEST == 10
