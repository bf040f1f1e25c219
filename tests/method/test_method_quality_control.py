"""Which bones to believe: the calibrated probability, and anatomy checks."""

import numpy as np
import pytest
from stages_hands import hand_points, masks_at

from handbone.anatomy import COUNT, INDEX, NAMES
from handbone.core.bone_probabilities import BoneProbabilities
from handbone.core.frame import Frame
from handbone.method.calibration.presence import Presence, features
from handbone.method.locate import Location
from handbone.method.quality_control import flags
from handbone.method.roi_placement import RoiPlacement
from handbone.method.settings import MethodSettings
from handbone.method.two_stage import MethodResult, Stage, TwoStage
from handbone.synthetic import draw_hand

LUNATE, SCAPHOID = INDEX["Lunate"], INDEX["Scaphoid"]


def sure(masks):
    return BoneProbabilities.from_dense(masks.dense().astype(np.float32))


@pytest.fixture(scope="module")
def hand():
    return draw_hand(3, size=384).masks


def rules(outcome, masks):
    return {flag.rule for flag in flags(outcome, masks)}


def test_a_whole_hand_raises_nothing(hand):
    assert flags(MethodResult(sure(hand), sure(hand)), hand) == []


def test_each_kind_of_doubt_is_named(hand):
    outcome = MethodResult(sure(hand), sure(hand))
    gone = hand.replace({LUNATE: np.zeros(hand.size_hw, bool)})
    assert [f.bones for f in flags(outcome, gone) if f.rule == "missing"] == [("Lunate",)]
    twice = hand.replace({LUNATE: hand.mask(SCAPHOID)})
    assert ("Scaphoid", "Lunate") in [f.bones for f in flags(outcome, twice) if f.rule == "same-place"]
    tip = np.zeros(hand.size_hw, bool)
    tip[5:12, 5:12] = True
    assert "apart" in rules(outcome, hand.replace({INDEX["finger-8"]: tip}))
    swapped = hand.replace({3: hand.mask(15), 15: hand.mask(3)})
    assert "swapped-labels" in rules(outcome, swapped)


def test_a_lost_hand_and_a_lost_roi_are_said(hand):
    frame = Frame.letterbox(hand.size_hw, (64, 64))
    outcome = MethodResult(
        sure(hand),
        sure(hand),
        {"wrist": RoiPlacement(frame, "whole", "no bones")},
        location=Location(frame, False, 0.1),
    )
    assert rules(outcome, hand) == {"no-hand", "roi"}


def test_unlikely_masks_are_left_out_and_said(hand):
    faint = hand.dense().astype(np.float32)
    faint[LUNATE] *= 0.55
    presence = Presence(coefficients=(-2.0, 2.0, 0.0, 0.0, 0.0))

    class Reader:
        def logits(self, image, flip=False, within=None):
            return np.log((faint + 1e-4) / (1 - faint + 1e-4))

    method = TwoStage(Stage(Reader(), 384), settings=MethodSettings(presence=presence))
    outcome = method.predict(np.zeros(hand.size_hw, np.float32))
    masks = outcome.final.threshold()
    assert not masks.present()[LUNATE] and masks.present().sum() == COUNT - 1
    found = [f for f in flags(outcome, masks) if f.rule == "left-out"]
    assert [f.bones for f in found] == [("Lunate",)] and "0." in found[0].message


def test_the_chance_is_learnt_from_right_and_wrong_masks():
    rng = np.random.default_rng(0)
    ground_truth = np.array([0.5, 1.2, 0.0, -0.8, -0.5])
    rows = rng.normal(0, 1, (4000, 4))
    probability = 1 / (1 + np.exp(-(ground_truth[0] + rows @ ground_truth[1:])))
    fitted = Presence.fit(
        [
            (part, right)
            for part, right in zip(np.split(rows, 8), np.split(rng.random(4000) < probability, 8), strict=True)
        ]
    )
    assert np.abs(np.array(fitted.coefficients) - ground_truth).max() < 0.15
    # All right, as on easy images: finite, and sure.
    easy = Presence.fit([(rows[:100], np.ones(100, bool))])
    assert np.isfinite(easy.coefficients).all()


def test_features_see_what_strays():
    points = hand_points(noise=0)
    still, _ = features(sure(masks_at(points)))
    points[LUNATE] += 200
    moved, seen = features(sure(masks_at(points)))
    assert seen.all() and moved[LUNATE, 3] == 5.0 and still[LUNATE, 3] < 0.5
    assert np.allclose(moved[:, 0], np.log(0.995 / 0.005)) and np.allclose(moved[:, 1], 1)
    assert len(NAMES) == len(moved)
