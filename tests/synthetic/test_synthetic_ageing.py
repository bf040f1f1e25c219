"""Old hands: margins of joints, slipped and drifting fingers, a crowded carpus, thin bones."""

from dataclasses import replace

import numpy as np
import pytest

from handbone import anatomy
from handbone.synthetic.ageing import draw_ageing
from handbone.synthetic.body import Pose, pose_body
from handbone.synthetic.hand import draw_hand, draw_tissue
from handbone.synthetic.patients import Patient, average_patient, draw_patient, draw_pose
from handbone.synthetic.posture import personal_pose

SIZE = 256
PROXIMAL = [anatomy.INDEX[f"finger-{number}"] for number in (6, 10, 14, 18)]


def _old(seed: int) -> Patient:
    return draw_patient(np.random.default_rng(seed), "diverse", age=70.0)


def test_half_of_old_patients_have_rheumatoid_hands_and_nobody_else():
    patients = [_old(seed) for seed in range(120)]
    assert np.mean([p.rheumatism > 0 for p in patients]) == pytest.approx(0.5, abs=0.12)
    assert all(p.mineral < 1 and p.cortex < 0.9 for p in patients)
    for age in (2.0, 12.0, 18.0):
        patient = draw_patient(np.random.default_rng(1), "diverse", age=age)
        assert (patient.rheumatism, patient.mineral, patient.shape.margins) == (0.0, 1.0, ())


def test_osteophytes_and_erosions_occur_where_they_belong():
    osteophytes, erosions = set(), {True: 0, False: 0}
    for seed in range(60):
        patient = _old(seed)
        for margin in patient.shape.margins:
            if margin.depth_mm < 0:
                osteophytes.add(margin.bone)
            else:
                erosions[patient.rheumatism > 0] += 1
                assert margin.bone not in (3, 7, 11, 15)
    assert erosions[False] == 0
    assert erosions[True] > 100
    assert {anatomy.INDEX["finger-4"], anatomy.INDEX["Trapezium"]} <= osteophytes


def test_margins_change_masks_and_image():
    patient = next(p for p in map(_old, range(20)) if p.rheumatism)
    smooth = replace(patient, shape=replace(patient.shape, margins=()))
    first, second = (draw_hand(3, size=512, variety="diverse", patient=p) for p in (patient, smooth))
    changed = [i for i in range(anatomy.COUNT) if not np.array_equal(first.masks.mask(i), second.masks.mask(i))]
    assert set(changed) & {margin.bone for margin in patient.shape.margins}
    assert not np.array_equal(first.image, second.image)


@pytest.mark.slow
def test_the_carpus_is_crowded():
    def extent(shape) -> float:
        bones = [pose_body(shape, Pose()).vertices[i].mean(0)[:2] for i in anatomy.CARPALS]
        return float(np.linalg.norm(np.array(bones) - np.mean(bones, 0), axis=1).mean())

    young = average_patient().shape
    shares = [extent(draw_ageing(np.random.default_rng(seed), young).shape) / extent(young) for seed in range(40)]
    assert max(shares) < 1
    assert 0.8 < min(shares) < 0.9


def test_fingers_slip_and_drift_away_from_the_thumb():
    young = average_patient()
    slipped = []
    for seed in range(80):
        old = draw_ageing(np.random.default_rng(seed), young.shape)
        shift = (old.shape.shift - young.shape.shift)[PROXIMAL]
        patient = replace(young, rheumatism=old.rheumatism)
        pose = draw_pose(np.random.default_rng(seed), "diverse", bent=False)
        turned = personal_pose(np.random.default_rng(seed + 1000), pose, patient).abduction - pose.abduction
        if not old.rheumatism:
            assert not shift[:, 0].any()
            assert not turned.any()
            continue
        assert (shift[:, 0] > 0).all()
        assert (shift[:, 1] > 0).all()
        assert (turned[PROXIMAL] > 0).all()
        slipped.append(turned[PROXIMAL].mean())
    assert max(slipped) > 18
    assert min(slipped) < 8


def test_drawn_hands_take_the_pose_of_their_patient(monkeypatch):
    seen = []

    def watched(shape, pose):
        seen.append(pose.abduction[PROXIMAL].mean())
        return pose_body(shape, pose)

    monkeypatch.setattr("handbone.synthetic.placing.pose_body", watched)
    young = draw_patient(np.random.default_rng(0), "diverse", age=18.0)
    for seed in range(12):
        for rheumatism in (0.0, 1.0):
            draw_hand(seed, size=128, variety="diverse", patient=replace(young, rheumatism=rheumatism))
    straight, drifting = np.array(seen).reshape(-1, 2).T
    assert (drifting > straight).all()
    assert drifting.mean() > straight.mean() + 8


def test_old_bones_hold_less_mineral_and_have_thin_walls():
    young = draw_patient(np.random.default_rng(0), "diverse", age=18.0)
    frail = replace(young, mineral=0.6, cortex=0.5)
    healthy, thin = (draw_tissue(np.random.default_rng(1), patient, "diverse") for patient in (young, frail))
    assert thin.cortical == pytest.approx(0.6 * healthy.cortical)
    assert thin.marrow == pytest.approx(0.6 * healthy.marrow)
    assert thin.cortex == pytest.approx(0.5 * healthy.cortex)


def test_masks_of_old_hands_lie_in_the_image():
    for seed in range(8):
        masks = draw_hand(seed, size=SIZE, variety="diverse", patient=_old(seed)).masks
        boxes = masks.boxes_xyxy[masks.present()]
        assert boxes.min() >= 0
        assert (boxes[:, 2:] <= masks.size_hw[::-1]).all()
