"""How likely a mask is good, as people read it: learned of good and bad masks, measured on other patients."""

from dataclasses import replace

import numpy as np
import pytest
from stages_hands import hand_points, masks_at

from handbone.anatomy import COUNT, INDEX
from handbone.core.bone_masks import BoneMasks
from handbone.core.bone_probabilities import BoneProbabilities
from handbone.core.errors import HandboneError
from handbone.method.calibration import logistic
from handbone.method.calibration.confidence import GOOD, Confidence, evidence
from handbone.method.calibration.folds import patient_folds
from handbone.method.calibration.presence import Presence, features
from handbone.method.confidence import confidence_of
from handbone.method.outcome import MethodResult
from handbone.method.quality_control import flags
from handbone.method.settings import MethodSettings
from handbone.method.two_stage import Stage, TwoStage

NOTHING = BoneProbabilities.from_masks(BoneMasks.from_polygons({}, (512, 512)))
LUNATE = INDEX["Lunate"]
# Of the coefficients only the intercept counts: every mask is as likely.
ALIKE = {"coefficients": (1.0, 0.0, 0.0, 0.0, 0.0)}


def hands(count=20, seed=0, intercept=1.6):
    """Features of eight masks an image, and which are good: five in six, or more, where the first feature is 0."""
    rng = np.random.default_rng(seed)
    tables = rng.normal(0, 1, (count, 8, 4))
    return [(table, rng.random(8) < 1 / (1 + np.exp(-intercept - 1.5 * table[:, 0]))) for table in tables]


def test_rows_that_count_several_times_are_several_rows():
    table, happened = (np.concatenate(each) for each in zip(*hands(), strict=True))
    counts = np.where(happened, 1, 3)
    often = np.repeat(np.arange(len(table)), counts)
    # Platt's targets alone know how many rows there were.
    counted, repeated = logistic.fit(table, happened, counts=counts), logistic.fit(table[often], happened[often])
    assert counted == pytest.approx(repeated, abs=0.05)
    assert counted[0] < logistic.fit(table, happened)[0] - 0.8


def test_what_it_tells_is_measured_on_patients_that_it_does_not_know():
    images, patients = hands(intercept=3.0), [f"ID{n // 2}" for n in range(20)]
    found, doubted, good = Confidence.cross_fit(patients, images), [], []
    for training, out in patient_folds(patients):
        table, right = (np.concatenate(each) for each in zip(*[images[n] for n in training], strict=True))
        coefficients = logistic.fit(table, right, counts=np.where(right, 1.0, 6.0))
        for n in out:
            doubted.append(logistic.probability(coefficients, images[n][0]) < GOOD)
            good.append(images[n][1])
    doubted, good = np.concatenate(doubted), np.concatenate(good)
    assert found.bad_doubted == pytest.approx(doubted[~good].mean(), abs=1e-4)
    assert found.good_doubted == pytest.approx(doubted[good].mean(), abs=1e-4)
    assert found.bad_doubted > found.good_doubted > 0 and found.images == 20
    assert Confidence.model_validate_json(found.model_dump_json()) == found and found.masks == "coarse"


def test_people_read_confidence_where_it_was_calibrated_and_else_presence():
    masks = masks_at(hand_points(unit=110.0, at=np.array([256.0, 330.0]), noise=0.0), 512, 7)
    present = MethodResult(NOTHING, NOTHING, presence=np.full(COUNT, 0.9))
    assert set(confidence_of(present, masks).values()) == {0.9}
    known = replace(present, confidence=np.where(np.arange(COUNT) == LUNATE, 0.3, 0.95))
    read = confidence_of(known, masks)
    assert read.pop("Lunate") == 0.3 and set(read.values()) == {0.95}
    assert not [flag for flag in flags(present, masks) if flag.rule == "unsure"]
    for value, told in ((0.3, "0.30"), (0.29, "0.29"), (0.7999, "0.79")):
        known = replace(present, confidence=np.where(np.arange(COUNT) == LUNATE, value, 0.95))
        (flag,) = [flag for flag in flags(known, masks) if flag.rule == "unsure"]
        assert flag.bones == ("Lunate",) and flag.message == f"the probability of being good is only {told}"


def test_a_bad_mask_stays_and_is_told():
    dense = masks_at(hand_points(unit=110.0, at=np.array([256.0, 330.0]), noise=0.0), 512, 7).dense()

    class Reader:
        def logits(self, image, flip=False, within=None):
            return np.where(dense, 2.0, -9.0).astype(np.float32)

    settings = MethodSettings(presence=Presence(coefficients=(9.0, 0.0, 0.0, 0.0, 0.0)), confidence=Confidence(**ALIKE))
    outcome = TwoStage(Stage(Reader(), 512), settings=settings).predict(np.zeros((512, 512), np.float32))
    assert outcome.final.threshold().present().all(), "confidence hides nothing"
    table, _ = features(outcome.final)
    expected = logistic.probability(ALIKE["coefficients"], table)
    assert outcome.confidence == pytest.approx(expected) and outcome.presence.min() > 0.99


def test_confidence_that_asks_the_prior_needs_one():
    asking = Confidence(features=("sureness", "margin", "area", "stray", "prior"), coefficients=(0.0,) * 6)
    with pytest.raises(HandboneError, match="calibrated with an anatomical prior"):
        TwoStage(Stage(None, 64), settings=MethodSettings(confidence=asking))


def probabilities(seed, height, without=()):
    """Masks of a hand with this probability, some of them missing."""
    dense = masks_at(hand_points(unit=110.0, at=np.array([256.0, 330.0]), noise=0.0), 512, seed).dense()
    dense[list(without)] = False
    return BoneProbabilities.from_dense(dense * height)


@pytest.mark.parametrize("masks", ["final", "coarse"])
def test_confidence_asks_the_masks_that_it_was_calibrated_on(masks):
    coarse, final = probabilities(7, 0.7), probabilities(9, 0.95)
    doubting = Confidence(coefficients=(0.5, 1.0, 0.3, -0.2, -0.1), masks=masks)
    asked = {"final": final, "coarse": coarse}[masks]
    assert doubting.of_masks(final, coarse) == pytest.approx(doubting.of(asked))
    assert doubting.of_masks(final, coarse)[LUNATE] != pytest.approx(
        doubting.of({"final": coarse, "coarse": final}[masks])[LUNATE]
    )


def test_a_mask_that_only_the_refiner_sees_is_asked_itself_and_no_mask_has_no_confidence():
    hamate = INDEX["Hamate"]
    coarse, final = probabilities(7, 0.7, without=[LUNATE]), probabilities(7, 0.9, without=[hamate])
    table, seen = evidence(final, coarse, 0.5)
    assert not seen[hamate] and seen.sum() == COUNT - 1
    assert table[LUNATE] == pytest.approx(features(final)[0][LUNATE])
    others = [bone for bone in range(COUNT) if bone not in (LUNATE, hamate)]
    assert table[others] == pytest.approx(features(coarse)[0][others])
    assert Confidence(**ALIKE, masks="coarse").of_masks(final, coarse)[hamate] == 0
