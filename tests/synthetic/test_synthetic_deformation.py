"""Free-form deformation: smooth, as strong as asked for, shared by neighbours and by both hands of a patient."""

from dataclasses import replace

import cv2
import numpy as np
import pytest

from handbone import anatomy
from handbone.synthetic.body import Pose, pose_body
from handbone.synthetic.deformation import bone_sizes, draw_deformation, draw_margin, with_margins
from handbone.synthetic.hand import draw_hand
from handbone.synthetic.patients import average_patient, draw_patient
from handbone.synthetic.skeleton import PLACED, load_skeleton

SIZE = 256


def _surface(index: int) -> np.ndarray:
    """Vertices in the bone's frame; of the forearm, the part that images show."""
    skeleton = load_skeleton()
    local = (skeleton.vertices[index] - skeleton.base[index]) @ skeleton.frame[index].T
    return local[local[:, 1] < local[:, 1].min() + 60] if anatomy.NAMES[index] in ("Radius", "Ulna") else local


def _displacement(deformation, index: int, points: np.ndarray) -> np.ndarray:
    return deformation.displacement(index, points, float(bone_sizes()[index]))


def test_every_bone_is_displaced_by_about_the_share_of_its_size():
    found = []
    for seed in range(12):
        deformation = draw_deformation(np.random.default_rng(seed), 0.04)
        for index in range(anatomy.COUNT):
            moved = _displacement(deformation, index, _surface(index)[::5])
            moved -= moved.mean(0)
            found.append(np.sqrt((moved**2).sum(1).mean()) / bone_sizes()[index])
            assert np.linalg.norm(moved, axis=1).max() < 0.14 * bone_sizes()[index]
    assert 0.5 * 0.04 < min(found) <= max(found) < 1.8 * 0.04
    assert np.median(found) == pytest.approx(0.04, rel=0.12)


@pytest.mark.parametrize(("variety", "low", "high"), [("upright_adult", 0.025, 0.035), ("diverse", 0.03, 0.06)])
def test_patients_are_deformed_by_the_share_of_their_variety(variety, low, high):
    shares = [draw_patient(np.random.default_rng(s), variety).shape.deformation.share for s in range(40)]
    assert low <= min(shares) < low + 0.2 * (high - low)
    assert high - 0.2 * (high - low) < max(shares) <= high
    more = draw_patient(np.random.default_rng(0), variety, spread=1.6).shape.deformation.share
    assert more == pytest.approx(1.6 * shares[0])


def test_a_patients_bones_and_masks_are_deformed_by_that_much():
    patient = draw_patient(np.random.default_rng(7), "diverse", age=18.0)
    plain = replace(patient, shape=replace(patient.shape, deformation=None))
    bodies = [pose_body(each.shape, Pose()) for each in (patient, plain)]
    for index in range(anatomy.COUNT):
        if anatomy.NAMES[index] in ("Radius", "Ulna"):
            continue
        moved = bodies[0].vertices[index] - bodies[1].vertices[index]
        moved -= moved.mean(0)
        share = np.sqrt((moved**2).sum(1).mean()) / bone_sizes()[index]
        assert 0.4 < share / patient.shape.deformation.share < 2
    masks = [draw_hand(7, size=512, variety="diverse", patient=each).masks for each in (patient, plain)]
    assert masks[0] != masks[1]


def test_the_field_is_smooth_and_never_folds_a_bone():
    for seed in range(6):
        deformation = draw_deformation(np.random.default_rng(seed), 0.06)
        for index in range(anatomy.COUNT):
            points, step = _surface(index)[::37], 0.05
            here = _displacement(deformation, index, points)
            slopes = np.stack(
                [(_displacement(deformation, index, points + step * axis) - here) / step for axis in np.eye(3)], 2
            )
            assert np.linalg.norm(slopes, axis=(1, 2)).max() < 1.0
            assert np.linalg.det(np.eye(3) + slopes).min() > 0.2


def test_neighbours_move_together_and_distant_bones_do_not():
    skeleton = load_skeleton()

    def moved(deformation, name: str) -> np.ndarray:
        index = anatomy.INDEX[name]
        return (_displacement(deformation, index, _surface(index)[::9]) @ skeleton.frame[index]).mean(0)

    pairs = {"near": ("Capitate", "Hamate"), "far": ("finger-3", "Ulna")}
    values = {kind: [] for kind in pairs}
    for seed in range(150):
        deformation = draw_deformation(np.random.default_rng(seed), 0.04)
        for kind, names in pairs.items():
            values[kind].append([moved(deformation, name) for name in names])
    correlation = {
        kind: np.corrcoef(np.array(v)[:, 0].ravel(), np.array(v)[:, 1].ravel())[0, 1] for kind, v in values.items()
    }
    assert correlation["near"] > 0.6
    assert abs(correlation["far"]) < 0.3


def test_bones_that_hang_on_a_joint_stay_there():
    deformation = draw_deformation(np.random.default_rng(1), 0.06)
    for index in range(anatomy.COUNT):
        base = _displacement(deformation, index, np.zeros((1, 3)))
        assert (np.abs(base).max() < 1e-6) == (index not in PLACED)


def test_the_same_patient_has_the_same_bones_in_both_hands():
    again = [draw_patient(np.random.default_rng(5), "diverse") for _ in range(2)]
    first, second = (pose_body(patient.shape, Pose()).vertices for patient in again)
    assert all(np.array_equal(a, b) for a, b in zip(first, second, strict=True))
    other = pose_body(draw_patient(np.random.default_rng(6), "diverse").shape, Pose()).vertices
    assert not np.array_equal(first[0], other[0])


def test_left_and_right_hand_of_a_patient_are_deformed_alike(monkeypatch):
    seen = []

    def watched(shape, pose):
        seen.append(shape.deformation)
        return pose_body(shape, Pose())

    monkeypatch.setattr("handbone.synthetic.placing.pose_body", watched)
    patient = draw_patient(np.random.default_rng(2), "upright_adult")
    for seed, side in enumerate("RL"):
        draw_hand(seed, size=SIZE, patient=patient, side=side)
    assert seen[0] is seen[1] is patient.shape.deformation


def test_the_average_patient_is_not_deformed():
    assert average_patient().shape.deformation is None


def test_margins_dent_or_raise_the_surface_where_they_are_and_nowhere_else():
    index = anatomy.INDEX["finger-11"]
    local = _surface(index)
    for depth in (2.0, -1.5):
        margin = draw_margin(np.random.default_rng(3), index, (0.04, 0.16), depth, 1.5)
        moved = with_margins(index, local, (margin,))
        away = np.linalg.norm(local - margin.place_mm, axis=1)
        changed = np.linalg.norm(moved - local, axis=1)
        assert changed.max() == pytest.approx(abs(depth))
        assert away[changed.argmax()] == 0
        assert changed[away > 6].max() < 0.01
        axis = np.hypot(moved[away == 0, 0], moved[away == 0, 2]) - np.hypot(local[away == 0, 0], local[away == 0, 2])
        assert np.sign(axis[0]) == -np.sign(depth)
        assert with_margins(index + 1, local, (margin,)) is local


@pytest.mark.parametrize("age", [1.2, 2.5, 4.0, 18.0, 75.0])
def test_masks_are_the_silhouettes_of_the_meshes(age, monkeypatch):
    from handbone.synthetic import hand

    seen = []

    def watched(total, body, ends_px, px_per_mm, *rest, **options):
        points = [vertices * px_per_mm for vertices in body.vertices]
        seen.append((points, add_skeleton(total, body, ends_px, px_per_mm, *rest, **options)))
        return seen[-1][1]

    add_skeleton = hand.add_skeleton
    monkeypatch.setattr(hand, "add_skeleton", watched)
    patient = draw_patient(np.random.default_rng(4), "diverse", age=age)
    draw_hand(4, size=512, variety="diverse", patient=patient)
    points, (masks, _) = seen[0]
    for index, (mask, (left, top)) in masks.items():
        silhouette = np.zeros((512, 512), np.uint8)
        flat = np.rint(points[index][:, :2] * 16).astype(np.int32)
        for face in load_skeleton().faces[index]:
            cv2.fillConvexPoly(silhouette, flat[face], 1, cv2.LINE_8, 4)
        drawn = np.zeros((512, 512), bool)
        drawn[top : top + mask.shape[0], left : left + mask.shape[1]] = mask
        # OpenCV colours every pixel that a triangle touches; closing fills clefts of the silhouette.
        assert (drawn & (silhouette == 0)).sum() <= 0.02 * drawn.sum()
        core = cv2.erode(silhouette, np.ones((5, 5), np.uint8)).astype(bool)
        assert drawn[core].all()
