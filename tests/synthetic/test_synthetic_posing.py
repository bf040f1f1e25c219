"""Bones in a pose: joints turn what hangs on them by their angles and nothing else, and no bone is stretched."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from handbone import anatomy
from handbone.synthetic.body import Pose, Shape, pose_body
from handbone.synthetic.patients import average_patient
from handbone.synthetic.rigid import about, after, rotation
from handbone.synthetic.skeleton import CAPITATE, FOREARM, PLACED, PROXIMAL_ROW, load_skeleton

HAND = [i for i in range(anatomy.COUNT) if i not in FOREARM and i not in PROXIMAL_ROW]
AXES = st.tuples(*[st.floats(-1, 1)] * 3).filter(lambda axis: np.linalg.norm(axis) > 0.1)
DEGREES = st.floats(-360, 360)
POINTS = np.random.default_rng(0).normal(0, 30, (7, 3))


def moved(motion, points):
    return points @ motion[:, :3].T + motion[:, 3]


def plain() -> Shape:
    """The skeleton as it is."""
    return Shape(np.ones((anatomy.COUNT, 3)), np.zeros((anatomy.COUNT, 3)))


def one(index: int, degrees: float) -> np.ndarray:
    angles = np.zeros(anatomy.COUNT)
    angles[index] = degrees
    return angles


def motion_of(before: np.ndarray, after: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The rotation (3, 3) and the move (3,) that bring points (n, 3) onto others, which they do exactly."""
    centres = before.mean(0), after.mean(0)
    found, distance = Rotation.align_vectors(after - centres[1], before - centres[0])
    assert distance == pytest.approx(0, abs=1e-3), "no bone is stretched"
    return found.as_matrix(), centres[1] - found.apply(centres[0])


def angle_of(before: np.ndarray, after: np.ndarray) -> float:
    return float(np.degrees(Rotation.from_matrix(motion_of(before, after)[0]).magnitude()))


@settings(max_examples=30)
@given(AXES, DEGREES)
def test_a_rotation_is_that_of_scipy(axis, degrees):
    unit = np.array(axis) / np.linalg.norm(axis)
    expected = Rotation.from_rotvec(unit * np.deg2rad(degrees)).as_matrix()
    np.testing.assert_allclose(rotation(axis, degrees), expected, atol=1e-12)


@settings(max_examples=20)
@given(AXES, DEGREES)
def test_a_turn_about_a_point_leaves_it_where_it_is(axis, degrees):
    point = np.array([3.0, -20.0, 7.0])
    turn = about(point, rotation(axis, degrees))
    np.testing.assert_allclose(moved(turn, point[None])[0], point, atol=1e-9)
    apart = np.linalg.norm(moved(turn, POINTS) - point, axis=1)
    np.testing.assert_allclose(apart, np.linalg.norm(POINTS - point, axis=1), atol=1e-9)


@settings(max_examples=20)
@given(AXES, AXES, DEGREES)
def test_one_motion_after_another_moves_points_first_by_one_then_by_the_other(axis, other, degrees):
    first, second = about(POINTS[0], rotation(axis, degrees)), about(POINTS[1], rotation(other, 77.0))
    np.testing.assert_allclose(moved(after(second, first), POINTS), moved(second, moved(first, POINTS)), atol=1e-9)


def test_the_skeleton_at_rest_is_the_skeleton():
    body, skeleton = pose_body(plain(), Pose()), load_skeleton()
    for index in range(anatomy.COUNT):
        np.testing.assert_allclose(body.vertices[index], skeleton.vertices[index], atol=1e-3)
        assert body.along[index].min() == 0 and body.along[index].max() == 1


@pytest.mark.parametrize("finger", [(3, 4, 5), (7, 8, 9), (11, 12, 13), (15, 16, 17)])
@pytest.mark.parametrize("joint", [0, 1, 2])
def test_a_joint_turns_its_bone_and_those_that_hang_on_it_by_its_angle(finger, joint):
    rest = pose_body(plain(), Pose())
    bent = pose_body(plain(), Pose(flexion=one(finger[joint], 30.0)))
    for index in range(anatomy.COUNT):
        turned = 30.0 if index in finger[: joint + 1] else 0.0
        assert angle_of(rest.vertices[index], bent.vertices[index]) == pytest.approx(turned, abs=1e-3), index
    # About the joint, which stays.
    anchor = load_skeleton().anchor[finger[joint]]
    turn, move = motion_of(rest.vertices[finger[joint]], bent.vertices[finger[joint]])
    np.testing.assert_allclose(turn @ anchor + move, anchor, atol=1e-3)


def test_bent_fingers_go_to_the_palm_and_spread_fingers_away_from_the_thumb():
    rest = pose_body(plain(), Pose()).ends
    for proximal in (5, 9, 13, 17):
        flexed = pose_body(plain(), Pose(flexion=one(proximal, 25.0))).ends
        spread = pose_body(plain(), Pose(abduction=one(proximal, 10.0))).ends
        swayed = pose_body(plain(), Pose(sway=one(proximal, 10.0))).ends
        assert flexed[proximal, 0, 2] < rest[proximal, 0, 2] - 5, "z is dorsal"
        assert spread[proximal, 0, 0] > rest[proximal, 0, 0] + 3, "x is away from the thumb"
        assert swayed[proximal, 0, 0] < rest[proximal, 0, 0] - 3


@pytest.mark.parametrize("degrees", [-20.0, 15.0, 50.0])
def test_a_bent_wrist_turns_the_hand_whole_and_the_first_row_by_its_share(degrees):
    rest, bent = pose_body(plain(), Pose()), pose_body(plain(), Pose(bend=degrees))
    for index in range(anatomy.COUNT):
        share = 0.0 if index in FOREARM else PROXIMAL_ROW.get(index, 1.0)
        turned = angle_of(rest.vertices[index], bent.vertices[index])
        assert turned == pytest.approx(abs(share * degrees), abs=1e-3)
    moves = (bent.ends - rest.ends)[[3, 7, 11, 15], 0, 0]
    assert (np.sign(moves) == np.sign(degrees)).all(), "positive is away from the thumb"


def test_an_extended_wrist_lifts_the_fingers_and_leaves_the_forearm():
    rest, lifted = pose_body(plain(), Pose()), pose_body(plain(), Pose(extension=20.0))
    assert (lifted.ends - rest.ends)[[3, 7, 11, 15], 0, 2].min() > 20
    for index in FOREARM:
        np.testing.assert_allclose(lifted.vertices[index], rest.vertices[index], atol=1e-9)


@pytest.mark.parametrize("degrees", [-12.0, 25.0])
def test_the_forearm_turns_about_the_ulna_and_the_hand_stays(degrees):
    rest, turned = pose_body(plain(), Pose()), pose_body(plain(), Pose(pronation=degrees))
    for index in range(anatomy.COUNT):
        expected = abs(degrees) if index in FOREARM else 0.0
        assert angle_of(rest.vertices[index], turned.vertices[index]) == pytest.approx(expected, abs=1e-3)
    ulna = load_skeleton().base[FOREARM[1]]
    turn, move = motion_of(rest.vertices[FOREARM[0]], turned.vertices[FOREARM[0]])
    np.testing.assert_allclose(turn @ ulna + move, ulna, atol=1e-3)


@pytest.mark.parametrize(("tilt", "turn"), [(10.0, 0.0), (0.0, -14.0), (-7.0, 9.0)])
def test_a_limb_out_of_the_plane_turns_as_one(tilt, turn):
    rest, whole = pose_body(plain(), Pose()), pose_body(plain(), Pose(tilt=tilt, turn=turn))
    expected = Rotation.from_euler("y", turn, degrees=True) * Rotation.from_euler("x", tilt, degrees=True)
    for before, moved_to in zip(rest.vertices, whole.vertices, strict=True):
        np.testing.assert_allclose(moved_to, expected.apply(before), atol=1e-3)


@pytest.mark.parametrize("factor", [0.7, 1.25])
def test_bones_grow_in_their_own_directions(factor):
    rest = pose_body(plain(), Pose())
    for column in range(3):
        scale = np.ones((anatomy.COUNT, 3))
        scale[:, column] = factor
        grown = pose_body(replace(plain(), scale=scale), Pose())
        for index, frame in enumerate(load_skeleton().frame):
            extents = [np.ptp(body.vertices[index] @ frame.T, axis=0) for body in (rest, grown)]
            expected = np.where(np.arange(3) == column, factor, 1.0)
            np.testing.assert_allclose(extents[1] / extents[0], expected, rtol=1e-3)


def test_a_longer_metacarpal_takes_its_finger_along():
    scale = np.ones((anatomy.COUNT, 3))
    scale[10, 1] = 1.2
    rest, grown = pose_body(plain(), Pose()), pose_body(replace(plain(), scale=scale), Pose())
    longer = np.linalg.norm(grown.ends[10, 0] - rest.ends[10, 0])
    assert longer == pytest.approx(0.2 * load_skeleton().length[10], rel=0.02)
    along = load_skeleton().frame[10, 1]
    joint = (load_skeleton().anchor[9] - load_skeleton().base[10]) @ along
    for phalanx in (7, 8, 9):
        moves = grown.vertices[phalanx] - rest.vertices[phalanx]
        np.testing.assert_allclose(moves, np.broadcast_to(0.2 * joint * along, moves.shape), atol=1e-6)
    np.testing.assert_allclose(grown.vertices[14], rest.vertices[14], atol=1e-9)


def test_placed_bones_lie_where_they_are_shifted_to_and_hanging_ones_keep_a_space():
    shift = np.random.default_rng(1).normal(0, 2, (anatomy.COUNT, 3))
    shift[[i for i in range(anatomy.COUNT) if i not in PLACED]] = 0
    rest, laid = pose_body(plain(), Pose()), pose_body(replace(plain(), shift=shift), Pose())
    for index in PLACED:
        np.testing.assert_allclose(laid.vertices[index] - rest.vertices[index], [shift[index]] * len(rest.along[index]))
    for parent, child in ((6, 5), (10, 9), (14, 13), (18, 17)):
        np.testing.assert_allclose(
            laid.vertices[child] - rest.vertices[child], [shift[parent]] * len(rest.along[child]), atol=1e-9
        )


@pytest.mark.parametrize("roundness", [0.3, 1.0])
def test_a_round_carpal_comes_near_the_ellipsoid_of_its_box(roundness):
    values = np.zeros(anatomy.COUNT)
    values[CAPITATE] = roundness
    rest, rounded = pose_body(plain(), Pose()), pose_body(replace(plain(), roundness=values), Pose())

    def unevenness(body):
        local = (body.vertices[CAPITATE] - load_skeleton().base[CAPITATE]) @ load_skeleton().frame[CAPITATE].T
        return np.linalg.norm(local / np.abs(local).max(0), axis=1).std()

    assert unevenness(rounded) < (1.01 - roundness) * unevenness(rest) + 0.01
    np.testing.assert_allclose(rounded.vertices[10], rest.vertices[10])


def test_the_average_adult_has_closed_plates_and_bones_in_the_order_of_the_anatomy():
    body = pose_body(average_patient().shape, Pose())
    assert len(body.vertices) == len(body.along) == anatomy.COUNT and body.ends.shape == (anatomy.COUNT, 2, 3)
    assert np.isnan(body.physis[list(anatomy.CARPALS)]).all()
    for tip, middle, proximal, metacarpal in ((3, 4, 5, 6), (7, 8, 9, 10), (11, 12, 13, 14), (15, 16, 17, 18)):
        heights = [body.vertices[i][:, 1].mean() for i in (tip, middle, proximal, metacarpal, CAPITATE, FOREARM[0])]
        assert (np.diff(heights) > 0).all(), "y points to the elbow"
