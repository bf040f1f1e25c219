"""Young hands: bones that are not there yet, carpals that grow, plates that close; worn joints; 16-bit images."""

import numpy as np
import pytest

from handbone import anatomy
from handbone.synthetic.body import Pose, bent_shape, pose_body
from handbone.synthetic.growth import ONSET, draw_growth
from handbone.synthetic.hand import draw_hand
from handbone.synthetic.patients import average_patient, draw_patient
from handbone.synthetic.skeleton import FOREARM

SIZE = 256
WHOLE = (0, 0, SIZE, SIZE)


def _young(seed: int, age: float, **kwargs):
    rng = np.random.default_rng(seed)
    return draw_hand(rng, size=SIZE, variety="diverse", patient=draw_patient(rng, "diverse", age=age), **kwargs)


def test_absent_bones_have_no_mask():
    for seed in range(6):
        rng = np.random.default_rng(seed)
        patient = draw_patient(rng, "diverse", age=6.0)
        assert anatomy.INDEX["Pisiform"] in patient.absent
        present = draw_hand(rng, size=SIZE, variety="diverse", patient=patient).masks.present()
        assert not present[list(patient.absent)].any()


def test_bones_appear_in_the_order_of_their_ages():
    def share(name: str, age: float) -> float:
        index = anatomy.INDEX[name]
        return np.mean([index not in draw_growth(np.random.default_rng(s), age).absent for s in range(60)])

    assert share("Capitate", 5.0) == 1
    assert 0 < share("Scaphoid", 5.3) < 1
    assert share("Pisiform", 7.0) < 0.05
    assert share("Pisiform", 12.5) > 0.95
    assert set(ONSET) == set(anatomy.GROUPS["carpals"])


def test_carpals_grow_towards_their_neighbours(monkeypatch):
    # Area over the square of the middle metacarpal's length; the whole hand is in the image.
    monkeypatch.setattr("handbone.synthetic.hand._field", lambda *_: None)
    monkeypatch.setattr("handbone.synthetic.hand.crop_window", lambda *_: WHOLE)
    areas = []
    for age in (6.0, 8.5, 11.0, 14.0):
        values = []
        for seed in range(8):
            masks = _young(seed, age, bent=False).masks
            unit = np.ptp(masks.boxes_xyxy[anatomy.INDEX["finger-11"]].reshape(2, 2), axis=0)
            if unit.any():
                values.append(masks.areas()[list(anatomy.CARPALS)].sum() / (unit @ unit))
        areas.append(np.median(values))
    assert (np.diff(areas) > 0).all()
    assert areas[0] < 0.65 * areas[-1]


def test_plates_are_open_in_children_and_close_with_the_radius_last():
    def opened(age: float) -> np.ndarray:
        return np.mean([draw_growth(np.random.default_rng(s), age).plates for s in range(60)], 0)

    long = [i for i in range(anatomy.COUNT) if i not in anatomy.CARPALS]
    assert opened(10.0)[long].min() > 0.95
    late = opened(16.0)
    assert late[FOREARM[0]] > late[[i for i in long if i not in FOREARM]].max()
    assert opened(19.5).max() < 0.05
    assert not draw_patient(np.random.default_rng(1), "upright_adult").plates.any()


def test_the_ulna_ends_flat_before_its_epiphysis_is_there():
    ulna = FOREARM[1]
    assert all(draw_growth(np.random.default_rng(s), 4.0).plates[ulna] == 0 for s in range(20))
    early, late = (
        np.mean([draw_growth(np.random.default_rng(s), a).cap[ulna] for s in range(40)]) for a in (5.0, 12.0)
    )
    assert early < 0.4 < 0.8 < late


def test_the_plate_lies_between_the_ends_and_nearer_the_growing_one():
    body = pose_body(draw_patient(np.random.default_rng(3), "diverse", age=9.0).shape, Pose())
    share = body.physis
    assert np.isnan(share[list(anatomy.CARPALS)]).all()
    fingers = [anatomy.INDEX["finger-7"], anatomy.INDEX["finger-11"]]
    assert (share[fingers] < 0.3).all()
    assert share[anatomy.INDEX["finger-10"]] > 0.7
    assert share[anatomy.INDEX["finger-3"]] > 0.7
    assert 0 < share[FOREARM[0]] < 0.1


def test_a_bent_wrist_draws_the_scaphoid_out():
    shape, index = average_patient().shape, anatomy.INDEX["Scaphoid"]
    long, short = (bent_shape(shape, bend).scale[index, 1] for bend in (45, -15))
    assert short < shape.scale[index, 1] < long
    assert bent_shape(shape, 0.0).scale == pytest.approx(shape.scale)
    assert bent_shape(shape, 66.0).scale == pytest.approx(bent_shape(shape, 60.0).scale)


def test_worn_joints_come_in_adults_only():
    adults = [draw_patient(np.random.default_rng(s), "diverse", age=18.0).shape.spurs.max() for s in range(40)]
    assert 0.1 < np.mean(np.array(adults) > 0) < 0.6
    assert all(draw_patient(np.random.default_rng(s), "diverse", age=12.0).shape.spurs.max() == 0 for s in range(10))
    assert all(draw_patient(np.random.default_rng(s), "upright_adult").shape.spurs.max() == 0 for s in range(10))


@pytest.mark.parametrize("variety", ["upright_adult", "diverse"])
def test_16_bits_agree_with_8_bits_within_rounding(variety):
    for seed in range(3):
        fine = draw_hand(seed, size=SIZE, variety=variety, bits=16)
        coarse = draw_hand(seed, size=SIZE, variety=variety)
        assert fine.image.dtype == np.uint16
        assert np.abs(fine.image / 257 - coarse.image).max() <= 0.5 + 1 / 257
        assert fine.masks == coarse.masks


def test_wide_masks_lie_inside_the_image_and_come_back_for_the_same_seed():
    for seed in range(10):
        first, second = (draw_hand(seed, size=SIZE, variety="diverse") for _ in range(2))
        height, width = first.masks.size_hw
        boxes = first.masks.boxes_xyxy[first.masks.present()]
        assert first.image.shape == (height, width)
        assert boxes.min() >= 0
        assert (boxes[:, 2:] <= [width, height]).all()
        np.testing.assert_array_equal(first.image, second.image)
        assert first.masks == second.masks
