"""How likely each mask is right: the features on hands that are known, and shares hidden against a loop over folds."""

import numpy as np
import pytest
from pydantic import ValidationError
from stages_hands import hand_points, masks_at

from handbone.anatomy import COUNT, INDEX
from handbone.core.bone_probabilities import BoneProbabilities
from handbone.data.plausible import REFERENCE_AREAS
from handbone.method.calibration import logistic
from handbone.method.calibration.folds import patient_folds
from handbone.method.calibration.presence import SHOWN, Presence, features

LUNATE, ULNA = INDEX["Lunate"], INDEX["Ulna"]
UNIT = 110.0


def hand(**more):
    return hand_points(unit=UNIT, at=np.array([256.0, 330.0]), noise=0.0, **more)


def probabilities(points, inside=1.0, around=0.0, radius=7):
    """Discs of one probability, in boxes of another."""
    masks = masks_at(points, 512, radius)
    dense = masks.dense().astype(np.float32) * inside
    for plane, (left, top, right, bottom) in zip(dense, masks.boxes_xyxy, strict=True):
        part = plane[top:bottom, left:right]
        part[part == 0] = around
    return BoneProbabilities.from_dense(dense)


@pytest.mark.parametrize("inside", [0.55, 0.8, 0.99])
def test_sureness_is_the_log_odds_of_the_mean_inside(inside):
    table, seen = features(probabilities(hand(), inside))
    step = np.rint(255 * inside) / 255
    assert seen.all() and table[:, 0] == pytest.approx(np.log(step / (1 - step)), abs=1e-6)


def test_sureness_never_becomes_infinite():
    table, _ = features(probabilities(hand(), 1.0))
    assert table[:, 0] == pytest.approx(np.log(0.995 / 0.005))


def test_the_margin_is_how_much_of_what_is_possible_is_inside():
    points = hand()
    discs = masks_at(points, 512, 7)
    boxes = (discs.boxes_xyxy[:, 2:] - discs.boxes_xyxy[:, :2]).prod(1)
    table, _ = features(probabilities(points, 0.9, 0.3))
    assert table[:, 1] == pytest.approx(discs.areas() / boxes)
    # With a lower threshold all of the box is the mask.
    assert features(probabilities(points, 0.9, 0.3), 0.25)[0][:, 1] == pytest.approx(1.0)


def test_areas_deviate_by_their_logarithm_from_those_of_adults():
    points = hand()
    table, _ = features(probabilities(points))
    area = masks_at(points, 512, 7).areas()
    expected = np.minimum(np.abs(np.log(area / (REFERENCE_AREAS * UNIT**2))), 2.0)
    # Centres of discs are whole pixels, so that the unit is known to a hundredth.
    assert table[:, 2] == pytest.approx(expected, abs=0.04)


@pytest.mark.parametrize(("spreads", "expected"), [(0.0, 0.0), (2.0, 2.0), (4.0, 4.0), (9.0, 5.0)])
def test_how_far_a_bone_strays_is_told_in_its_usual_spreads_and_ends_at_five(spreads, expected):
    points = hand()
    points[LUNATE, 1] += spreads * 0.05 * UNIT
    table, _ = features(probabilities(points))
    assert table[LUNATE, 3] == pytest.approx(expected, abs=0.35)
    assert np.delete(table[:, 3], LUNATE).max() < 0.5


def test_a_bone_that_is_not_there_has_a_row_of_zeros():
    points = hand()
    points[ULNA] = np.nan
    table, seen = features(probabilities(points))
    assert not seen[ULNA] and seen.sum() == COUNT - 1 and not table[ULNA].any()
    made = Presence(coefficients=(9.0, 0.0, 0.0, 0.0, 0.0))
    likely = made.of(probabilities(points))
    assert likely[ULNA] == 0 and np.delete(likely, ULNA) == pytest.approx(1 / (1 + np.exp(-9.0)))


def test_a_single_bone_has_no_pose_and_the_most_doubt():
    points = np.full((COUNT, 2), np.nan)
    points[LUNATE] = (100, 100)
    table, seen = features(probabilities(points))
    assert np.flatnonzero(seen).tolist() == [LUNATE] and table[LUNATE, 2:].tolist() == [2.0, 5.0]


def test_the_prior_s_agreement_is_a_fifth_column_within_bounds():
    agreement = np.linspace(0, 1, COUNT)
    table, _ = features(probabilities(hand()), 0.5, agreement)
    likely = np.clip(agreement, 0.05, 0.99)
    assert table.shape == (COUNT, 5) and table[:, 4] == pytest.approx(np.log(likely / (1 - likely)))
    plain, judging = (
        Presence(coefficients=(0.0,) * 5),
        Presence(
            features=("sureness", "margin", "area", "stray", "prior"), coefficients=(0.0, 0.0, 0.0, 0.0, 0.0, 1.0)
        ),
    )
    assert not plain.needs_prior and judging.needs_prior
    assert judging.of(probabilities(hand()), 0.5, agreement) == pytest.approx(likely)
    # Where it is not a feature it has no say.
    assert plain.of(probabilities(hand()), 0.5, agreement).tolist() == [0.5] * COUNT


@pytest.mark.parametrize("count", [0, 4, 6])
def test_there_is_a_coefficient_for_each_feature(count):
    with pytest.raises(ValidationError, match="4 features need 5 coefficients"):
        Presence(coefficients=(0.0,) * count)


def learnable(patients, seed, columns=4):
    rng = np.random.default_rng(seed)
    found = []
    for _ in patients:
        table = rng.normal(0, 1, (rng.integers(3, 9), columns))
        found.append((table, rng.random(len(table)) < 1 / (1 + np.exp(-(1 + 2 * table[:, 0])))))
    return found


@pytest.mark.parametrize("columns", [4, 5])
@pytest.mark.parametrize("patients", [list("aabbccddee"), list("abcdefghijkl"), list("abab"), ["one"] * 3])
def test_what_is_hidden_is_told_by_fits_that_do_not_know_the_patient(patients, columns):
    images = learnable(patients, len(patients), columns)
    found = Presence.cross_fit(patients, images)
    hidden = {True: [], False: []}
    for training, out in patient_folds(patients):
        table, right = (np.concatenate(each) for each in zip(*[images[n] for n in training], strict=True))
        coefficients = logistic.fit(table, right)
        for n in out:
            for row, correct in zip(*images[n], strict=True):
                hidden[bool(correct)].append(logistic.probability(coefficients, row[None])[0] < SHOWN)
    assert found.wrong_hidden == pytest.approx(np.mean(hidden[False]), abs=1e-4)
    assert found.right_hidden == pytest.approx(np.mean(hidden[True]), abs=1e-4)
    assert found.coefficients == Presence.fit(images).coefficients and found.images == len(images)
    assert found.needs_prior is (columns == 5)
    assert Presence.model_validate_json(found.model_dump_json()) == found


@pytest.mark.parametrize("right", [True, False])
def test_a_share_of_nothing_is_not_told(right):
    images = [(table, np.full(len(table), right)) for table, _ in learnable("abcd", 0)]
    found = Presence.cross_fit(list("abcd"), images)
    told, untold = (found.right_hidden, found.wrong_hidden) if right else (found.wrong_hidden, found.right_hidden)
    assert untold is None and told == (0.0 if right else 1.0)


def test_older_cards_that_name_no_features_are_read():
    old = Presence.model_validate({"coefficients": [1, 2, 3, 4, 5], "images": 7})
    assert old.features == ("sureness", "margin", "area", "stray") and old.wrong_hidden is None
