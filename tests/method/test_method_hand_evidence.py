"""The weight of a hand, number by number."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from stages_hands import hand_points, masks_at

from handbone.anatomy import COUNT, INDEX, NAMES, select
from handbone.core.bone_probabilities import BoneProbabilities
from handbone.core.frame import Frame
from handbone.method.hands import HandEvidence, claimed, hand_found, weigh_hand
from handbone.method.locate import Location
from handbone.method.pose.registration import fit_pose

SIZE = 512


def seen(points, peaks):
    dense = masks_at(points, SIZE, 7).dense().astype(np.float32) * np.asarray(peaks, np.float32).reshape(-1, 1, 1)
    return BoneProbabilities.from_dense(dense)


def at(score):
    return Location(Frame.letterbox((SIZE, SIZE), (64, 64)), score >= 0.3, score)


def hand(count, seed, noise=0.4):
    rng = np.random.default_rng(seed)
    points = hand_points(unit=110.0, at=np.array([256.0, 330.0]), noise=noise, seed=seed)
    points[rng.permutation(COUNT)[count:]] = np.nan
    return points


@settings(max_examples=20)
@given(st.integers(2, COUNT), st.integers(0, 10**6), st.floats(0, 1), st.sampled_from([0.6, 0.8, 1.0]))
def test_evidence_is_the_sure_bones_beyond_four_as_far_as_they_fit(count, seed, score, peak):
    """4 bones fit any pose; the look at the whole image may have seen bones that the close one lost."""
    rng = np.random.default_rng(seed)
    peaks = rng.uniform(0.55, peak, COUNT) if peak < 1 else np.ones(COUNT)
    bones = seen(hand(count, seed), peaks)
    found = weigh_hand(bones, 0.5, at(score))
    fits = fit_pose(bones.threshold(0.5).centroids_xy(), tuple(range(COUNT)))
    sure = sum(bones.dense()[bone].max() for bone in fits[0].inliers)
    evidence = max(max(sure, score * COUNT) - 4, 0) * (1 - fits[0].cost)
    assert found.evidence == pytest.approx(evidence, abs=0.006)
    assert found.probability == pytest.approx(1 / (1 + np.exp((5.7 - evidence) / 0.8)), abs=1e-4)
    assert found.found == (evidence >= 5.7) and found.inliers == len(fits[0].inliers)
    if not found.found:
        assert found.side == "" and found.outliers == ()


@pytest.mark.parametrize("inliers", [7, 8, 9])
def test_bones_are_taken_away_only_where_eight_others_agree(inliers):
    points = hand(COUNT, 3, noise=0.0)
    kept = [*select("metacarpals"), *select("Capitate,Hamate,Scaphoid,Lunate,Trapezoid")][1 : inliers + 1]
    wrong = INDEX["Triquetrum"]
    points[[b for b in range(COUNT) if b not in (*kept, wrong)]] = np.nan
    points[wrong] += (150, -150)
    found = weigh_hand(seen(points, np.ones(COUNT)), 0.5, at(1.0))
    assert found.found and found.inliers == inliers
    assert found.outliers == (("Triquetrum",) if inliers >= 8 else ())


def test_of_no_hand_nothing_is_claimed_and_of_a_hand_all_but_its_outliers():
    bones = seen(hand(COUNT, 0), np.ones(COUNT))
    none = HandEvidence(False, 0.2, 3.0, 9)
    assert not claimed(bones, none).threshold(0.5).present().any() and not hand_found(none)
    some = HandEvidence(True, 0.99, 20.0, 25, ("Ulna", "finger-1"), "R")
    left = claimed(bones, some).threshold(0.5)
    assert {NAMES[b] for b in np.flatnonzero(~left.present())} == {"Ulna", "finger-1"}
    assert claimed(bones, HandEvidence(True, 0.99, 20.0, 25)) is bones and hand_found(some)


def test_a_hand_without_a_side_leaves_it_open():
    """Bones on one line are as likely the mirror image's."""
    points = np.full((COUNT, 2), np.nan)
    canonical = hand(COUNT, 0, noise=0.0)
    line = [INDEX[name] for name in ("finger-8", "finger-9", "finger-10", "finger-11")]
    points[line] = canonical[line]
    points[line, 0] = 256
    found = weigh_hand(seen(points, np.ones(COUNT)), 0.5, at(0.9))
    assert found.found and found.side == ""


def test_the_threshold_decides_which_bones_there_are():
    bones = seen(hand(COUNT, 1), np.full(COUNT, 0.4))
    assert weigh_hand(bones, 0.5, at(0.0)).inliers == 0
    assert weigh_hand(bones, 0.3, at(0.0)).inliers > 20
