"""Where a hand lies on its radiograph: sizes, sides and turns, and contours that are its meshes' shadows."""

from dataclasses import replace

import cv2
import numpy as np
import pytest
from scipy.spatial.distance import pdist

from handbone import anatomy
from handbone.synthetic.body import Pose
from handbone.synthetic.contours import hand_contours
from handbone.synthetic.patients import average_patient
from handbone.synthetic.placing import moved, place
from handbone.synthetic.skeleton import FOREARM, load_skeleton

UNIT = anatomy.INDEX["finger-11"]
SIZE = 400


def placed(seed=0, *, side="R", variety="upright_adult", size=SIZE, patient=None):
    body, px_per_mm = place(patient or average_patient(), Pose(), side, size, variety, np.random.default_rng(seed))
    return body, px_per_mm


def mc3_length_px(body, px_per_mm):
    return float(np.linalg.norm(np.diff(body.ends[UNIT, :, :2], axis=0))) * px_per_mm


def test_an_upright_adults_third_metacarpal_takes_a_fifth_of_the_image():
    shares = np.array([mc3_length_px(*placed(seed)) / SIZE for seed in range(50)])
    # The cone of rays shows the hand a little larger than it is.
    assert shares.mean() == pytest.approx(0.2191, rel=0.06)
    assert 0.17 < shares.min() < shares.max() < 0.29


def test_diverse_hands_are_of_all_sizes_and_turns():
    found = [placed(seed, variety="diverse") for seed in range(70)]
    shares = np.array([mc3_length_px(*each) / SIZE for each in found])
    assert shares.min() < 0.16 and shares.max() > 0.25
    ways = [each[0].ends[UNIT, 0, :2] - each[0].ends[UNIT, 1, :2] for each in found]
    turns = np.degrees([np.arctan2(x, -y) for x, y in ways])
    assert turns.max() > 40 and turns.min() < -40
    # Half of the hands stand nearly upright.
    assert 0.5 < (np.abs(turns) < 25).mean() < 0.85


@pytest.mark.parametrize("variety", ["upright_adult", "diverse"])
def test_left_hands_are_mirrored_right_hands(variety):
    (right, right_px), (left, left_px) = (placed(3, side=side, variety=variety) for side in "RL")
    assert right_px == left_px
    flat = [body.ends.reshape(-1, 3)[:, :2] for body in (right, left)]
    np.testing.assert_allclose(pdist(flat[0]), pdist(flat[1]), rtol=1e-9)

    def handedness(body):
        thumb, little, wrist = (body.ends[i, 0, :2] for i in (0, 15, anatomy.INDEX["Capitate"]))
        return np.sign(np.linalg.det([thumb - wrist, little - wrist]))

    assert handedness(right) == -handedness(left) != 0
    np.testing.assert_allclose(right.ends[..., 2], left.ends[..., 2])


@pytest.mark.parametrize("growth", [0.5, 0.8])
def test_a_childs_hand_fills_as_much_of_the_image(growth):
    child = replace(average_patient(), growth=growth)
    (adult_body, adult_px), (body, px) = placed(1), placed(1, patient=child)
    np.testing.assert_allclose(px * body.ends[..., :2], adult_px * adult_body.ends[..., :2], atol=1e-6)
    assert px == pytest.approx(adult_px / growth)


def test_twice_the_pixels_show_the_same():
    (small, small_px), (large, large_px) = placed(5), placed(5, size=2 * SIZE)
    assert large_px == pytest.approx(2 * small_px)
    np.testing.assert_allclose(small.ends, large.ends, atol=1e-9)


@pytest.mark.parametrize("side", ["L", "R"])
def test_upright_hands_lie_in_the_image_and_their_forearm_leaves_it_below(side):
    for seed in range(20):
        body, px_per_mm = placed(seed, side=side)
        points = np.vstack(body.vertices[:27])[:, :2] * px_per_mm / SIZE
        assert points.min() > 0.01 and points[:, 0].max() < 0.99 and points[:, 1].max() < 0.95
        for bone in FOREARM:
            assert body.ends[bone, 0, 1] * px_per_mm < 0.9 * SIZE < SIZE < body.ends[bone, 1, 1] * px_per_mm


def test_a_moved_body_lies_that_much_further():
    body, _ = placed()
    by = np.array([3.0, -2.0, 1.0])
    there = moved(body, by)
    np.testing.assert_allclose(there.ends - body.ends, np.broadcast_to(by, body.ends.shape))
    for before, after in zip(body.vertices, there.vertices, strict=True):
        np.testing.assert_allclose(after - before, np.broadcast_to(by, before.shape))
    assert there.along is body.along


def test_what_lies_higher_appears_larger():
    low, high = (
        placed(patient=replace(average_patient(), shape=replace(average_patient().shape, shift=shift)))[0]
        for shift in (average_patient().shape.shift, average_patient().shape.shift + [0, 0, 60.0] * _carpals())
    )
    index = anatomy.INDEX["Hamate"]
    widths = [np.ptp(body.vertices[index][:, :2], axis=0) for body in (low, high)]
    np.testing.assert_allclose(widths[1] / widths[0], 1.06, atol=0.02)


def _carpals() -> np.ndarray:
    chosen = np.zeros((anatomy.COUNT, 1))
    chosen[list(anatomy.CARPALS)] = 1
    return chosen


@pytest.fixture(scope="module")
def contours():
    return hand_contours(average_patient(), Pose(), np.random.default_rng(2), size=SIZE)


def test_contours_are_the_shadows_of_the_meshes(contours):
    body, px_per_mm = placed(2)
    for index in (0, 10, 18, *anatomy.CARPALS):
        flat = np.rint(body.vertices[index][:, :2] * px_per_mm * 16).astype(np.int32)
        shadow = np.zeros((SIZE, SIZE), np.uint8)
        for face in load_skeleton().faces[index]:
            cv2.fillConvexPoly(shadow, flat[face], 1, cv2.LINE_8, 4)
        mask = contours.mask(index)
        core = cv2.erode(shadow, np.ones((3, 3), np.uint8)).astype(bool)
        assert mask[core].all() and not (mask & (shadow == 0)).sum() > 0.03 * mask.sum()


def test_contours_grow_with_the_image(contours):
    larger = hand_contours(average_patient(), Pose(), np.random.default_rng(2), size=2 * SIZE)
    ratio = larger.areas()[:19] / contours.areas()[:19]
    np.testing.assert_allclose(ratio, 4, rtol=0.05)
    np.testing.assert_allclose(larger.centroids_xy()[:27] / 2, contours.centroids_xy()[:27], atol=0.6)


def test_bones_that_are_not_there_have_no_contour(contours):
    absent = (0, anatomy.INDEX["Pisiform"])
    masks = hand_contours(replace(average_patient(), absent=absent), Pose(), np.random.default_rng(2), size=SIZE)
    assert set(np.flatnonzero(contours.present() & ~masks.present())) == set(absent)
    assert masks.mask(10).sum() == contours.mask(10).sum()
