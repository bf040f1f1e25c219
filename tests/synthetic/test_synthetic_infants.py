"""Infants from one year on: what has not formed yet, stout shafts, plump flesh, curled fingers, small hands."""

from dataclasses import replace

import numpy as np
import pytest

from handbone import anatomy
from handbone.synthetic.body import Pose, pose_body
from handbone.synthetic.growth import EPIPHYSIS_ONSET, OLD, ONSET, draw_age, draw_growth, infancy
from handbone.synthetic.hand import draw_hand
from handbone.synthetic.patients import average_patient, draw_patient, draw_pose
from handbone.synthetic.physis import growing_end, physis
from handbone.synthetic.placing import place
from handbone.synthetic.posture import personal_pose
from handbone.synthetic.skeleton import FOREARM

SIZE = 256
LONG = [index for index in range(anatomy.COUNT) if index not in anatomy.CARPALS]


def _grown(age: float, count: int = 60):
    return [draw_growth(np.random.default_rng(seed), age) for seed in range(count)]


def test_ages_come_in_the_shares_that_are_stated():
    ages = np.array([draw_age(np.random.default_rng(seed)) for seed in range(3000)])
    assert ages.min() < 1.1
    assert (ages < 5).mean() == pytest.approx(0.125, abs=0.02)
    assert (ages >= OLD).mean() == pytest.approx(0.1, abs=0.02)
    assert (ages == 18).mean() == pytest.approx(0.375, abs=0.03)
    patients = [draw_patient(np.random.default_rng(seed), "diverse") for seed in range(300)]
    assert np.mean([patient.age < 5 for patient in patients]) == pytest.approx(0.125, abs=0.05)
    assert all(draw_patient(np.random.default_rng(seed), "upright_adult").age == 18 for seed in range(20))


def test_carpals_appear_in_order():
    order = sorted(ONSET, key=ONSET.get)
    shares = np.array(
        [
            [np.mean([anatomy.INDEX[name] not in growth.absent for growth in _grown(age)]) for name in order]
            for age in (1.2, 2.2, 3.2, 4.2)
        ]
    )
    assert (np.diff(shares, axis=0) >= 0).all()
    assert (np.diff(shares, axis=1) <= 0.05).all()
    one_year = dict(zip(order, shares[0], strict=True))
    assert min(one_year["Capitate"], one_year["Hamate"]) > 0.9
    assert max(one_year[name] for name in order[2:]) < 0.05


def test_an_image_of_a_one_year_old_has_two_carpals_at_most_three():
    for seed in range(8):
        patient = draw_patient(np.random.default_rng(seed), "diverse", age=1.2)
        present = draw_hand(seed, size=SIZE, variety="diverse", patient=patient).masks.present()
        assert present[list(anatomy.CARPALS)].sum() <= 3


def test_every_long_bone_has_an_epiphysis_with_an_onset():
    assert {anatomy.INDEX[name] for name in EPIPHYSIS_ONSET} == set(LONG)
    assert all(growing_end(index) >= 0 for index in LONG)


@pytest.mark.parametrize("name", ["finger-10", "finger-11", "finger-2", "Ulna"])
def test_before_its_onset_an_epiphysis_is_not_there(name):
    index, onset = anatomy.INDEX[name], EPIPHYSIS_ONSET[name]

    def there(age: float) -> float:
        return np.mean([growth.plates[index] > 0 for growth in _grown(age)])

    assert there(max(0.2, onset - 2.2)) < 0.05
    assert there(onset + 2.2) > 0.95


def test_without_epiphysis_nothing_lies_beyond_the_shaft():
    for growth in _grown(1.0, 20):
        missing = [index for index in LONG if growth.plates[index] == 0]
        assert len(missing) > 5
        assert growth.cap[missing].max() < 0.1
        assert growth.cap[missing].max() < growth.cap[[i for i in LONG if i not in missing]].min(initial=1)


def test_without_epiphysis_a_wide_gap_follows():
    index = anatomy.INDEX["finger-10"]
    early, late = (
        pose_body(draw_patient(np.random.default_rng(1), "diverse", age=a).shape, Pose()) for a in (1.0, 12.0)
    )

    def gap(body) -> float:
        return body.vertices[index + 1][:, 1].min() - body.vertices[index][:, 1].max()

    assert gap(early) > gap(late) + 0.5 * physis(index)


def test_shafts_are_stout_and_flesh_is_plump():
    def measurements(age: float) -> tuple[float, float, float]:
        patients = [draw_patient(np.random.default_rng(seed), "diverse", age=age) for seed in range(40)]
        middle = anatomy.INDEX["finger-11"]
        width, length, _ = np.mean([np.ptp(pose_body(p.shape, Pose()).vertices[middle], axis=0) for p in patients], 0)
        return width / length, np.mean([p.fullness for p in patients]), np.mean([p.cortex for p in patients])

    shafts = [np.mean([growth.scale[11, 0] for growth in _grown(age, 20)]) for age in (1.2, 7.0)]
    assert shafts[0] > 1.08 > 1 > shafts[1]
    (stout, plump, cortex), (slim, lean, grown_cortex) = measurements(1.2), measurements(7.0)
    assert stout > 1.12 * slim
    assert plump > 1.12 * lean
    assert cortex < 0.75 * grown_cortex


def test_infants_curl_their_fingers_and_older_children_do_not():
    def bent(age: float) -> list[float]:
        patient = draw_patient(np.random.default_rng(0), "diverse", age=age)
        turned = []
        for seed in range(80):
            rng = np.random.default_rng(seed)
            pose = draw_pose(rng, "diverse", bent=False)
            turned.append(np.abs(personal_pose(rng, pose, patient).flexion - pose.flexion).max())
        return turned

    infants = np.array(bent(1.0))
    assert 0.4 < (infants > 10).mean() < 0.95
    assert infants.max() > 50
    assert max(bent(6.0)) == 0


@pytest.mark.slow
def test_an_infants_hand_may_take_a_third_of_the_image():
    def spans(age: float) -> np.ndarray:
        values = []
        for seed in range(80):
            rng = np.random.default_rng(seed)
            patient = draw_patient(rng, "diverse", age=age)
            body, px_per_mm = place(patient, Pose(), "R", 1000, "diverse", rng)
            points = np.vstack(body.vertices[:19])[:, :2]
            values.append(np.ptp(points, axis=0).max() * px_per_mm / 1000)
        return np.array(values)

    assert spans(1.5).min() < 0.36
    assert spans(1.5).min() < spans(12.0).min()


@pytest.mark.parametrize("age", [1.0, 2.0, 3.5])
def test_masks_of_infants_lie_in_the_image_and_absent_bones_have_none(age):
    for seed in range(6):
        patient = draw_patient(np.random.default_rng(seed), "diverse", age=age)
        masks = draw_hand(seed, size=SIZE, variety="diverse", patient=patient).masks
        boxes = masks.boxes_xyxy[masks.present()]
        assert boxes.min() >= 0
        assert (boxes[:, 2:] <= masks.size_hw[::-1]).all()
        assert not masks.present()[list(patient.absent)].any()
        assert all(len(polygons) == 1 for polygons in masks.polygons().values() if polygons)


def test_bases_of_infants_metacarpals_are_flat_and_narrow():
    index = anatomy.INDEX["finger-7"]
    shape = replace(average_patient().shape, blunt=np.ones(anatomy.COUNT))
    plain, blunt = (pose_body(each, Pose()) for each in (average_patient().shape, shape))
    base = plain.along[index] > 0.9
    relief, flat = (np.ptp(body.vertices[index][base], axis=0) for body in (plain, blunt))
    assert flat[1] < 0.6 * relief[1]
    assert flat[0] < 0.9 * relief[0]
    tip = plain.along[index] < 0.4
    np.testing.assert_allclose(plain.vertices[index][tip], blunt.vertices[index][tip], atol=1e-3)


def test_infancy_ends_at_five():
    assert infancy(1.0) == 1
    assert infancy(5.0) == infancy(18.0) == 0
    assert draw_growth(np.random.default_rng(0), 5.5).blunt.max() == 0
    assert draw_growth(np.random.default_rng(0), 2.0).blunt[list(FOREARM)].max() == 0
