"""Whole drawn radiographs: what is refused, what a seed decides, and that bones are where the labels say they are."""

import cv2
import numpy as np
import pytest

from handbone import anatomy
from handbone.core.errors import HandboneError, UnknownNameError
from handbone.synthetic.hand import draw_hand
from handbone.synthetic.measure import bone_measurements
from handbone.synthetic.patients import average_patient, draw_patient
from handbone.synthetic.write import annotation

SIZE = 256
MC3 = anatomy.INDEX["finger-11"]


@pytest.fixture(scope="module")
def hands():
    """Three upright adults with straight wrists."""
    return [draw_hand(seed, size=SIZE, bent=False) for seed in (2, 5, 8)]


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"variety": "upright"}, UnknownNameError, "variety 'upright'.*upright_adult"),
        ({"side": "right"}, UnknownNameError, "side 'right'"),
        ({"looks": "training2"}, UnknownNameError, "looks 'training2'.*did you mean 'training'"),
        ({"size": 15}, HandboneError, "a hand of 15 pixels cannot be drawn; give a size of 16 or more"),
        ({"seed": -1}, HandboneError, "the seed -1 is negative; give 0 or more"),
    ],
)
def test_what_cannot_be_drawn_is_refused_in_one_sentence(options, error, words):
    with pytest.raises(error, match=words):
        draw_hand(**{"seed": 0, "size": SIZE, **options})


@pytest.mark.parametrize("variety", ["upright_adult", "diverse"])
@pytest.mark.parametrize("size", [16, 33])
def test_the_smallest_hands_are_drawn(variety, size):
    for seed in range(5):
        hand = draw_hand(seed, size=size, variety=variety)
        assert hand.image.shape == hand.masks.size_hw and max(hand.image.shape) <= size
        assert hand.masks.present().any()


def test_a_seed_is_a_number_or_a_generator_of_that_number(hands):
    again = draw_hand(np.random.default_rng(2), size=SIZE, bent=False)
    np.testing.assert_array_equal(again.image, hands[0].image)
    assert again.masks == hands[0].masks and again.cavities == hands[0].cavities


def test_a_chosen_side_changes_no_pose(hands):
    sides = {side: draw_hand(5, size=SIZE, bent=False, side=side) for side in "LR"}
    for side, hand in sides.items():
        assert hand.side == side
        thumb, little = (hand.masks.centroids_xy()[anatomy.INDEX[name], 0] for name in ("finger-3", "finger-19"))
        assert (thumb < little) == (side == "R")


def test_the_wrist_is_bent_as_its_record_says(hands):
    for hand in hands:
        measured = bone_measurements(hand.masks)["wrist", "bend"]
        assert measured == pytest.approx(hand.bend_degrees, abs=12) and hand.meta["bent"] is False
    bent = draw_hand(4, size=SIZE, bent=True)
    assert bone_measurements(bent.masks)["wrist", "bend"] > 25 and bent.meta["bent"] is True


def test_pixels_a_millimetre_are_those_of_the_bones(hands):
    for hand in hands:
        ends = hand.body.ends[MC3, :, :2] * hand.meta["px_per_mm"]
        box = hand.masks.boxes_xyxy[MC3]
        assert np.linalg.norm(ends[0] - ends[1]) == pytest.approx(np.hypot(*(box[2:] - box[:2])), rel=0.12)
        assert 55 < np.linalg.norm(ends[0] - ends[1]) / hand.meta["px_per_mm"] < 80, "millimetres of an adult"


def test_bones_are_brighter_than_the_flesh_around_them(hands):
    for hand in hands:
        everything = hand.masks.dense().any(0)
        for bone in (*anatomy.METACARPALS[1:], anatomy.INDEX["finger-10"], anatomy.INDEX["finger-9"]):
            mask = hand.masks.mask(bone)
            wide = cv2.dilate(mask.astype(np.uint8), np.ones((9, 9), np.uint8)).astype(bool)
            ring = wide & ~everything
            assert hand.image[mask].mean() > hand.image[ring].mean() + 5, anatomy.NAMES[bone]


def test_cavities_lie_within_their_bones(hands):
    for hand in hands:
        for bone in (0, MC3, anatomy.INDEX["Capitate"]):
            cavity, mask = hand.cavities.mask(bone), hand.masks.mask(bone)
            assert not (cavity & ~cv2.dilate(mask.astype(np.uint8), np.ones((3, 3), np.uint8)).astype(bool)).any()
            assert cavity.sum() < mask.sum()


def test_both_hands_of_a_patient_have_bones_of_one_size():
    patient = draw_patient(np.random.default_rng(3), "upright_adult")
    hands = [draw_hand(seed, size=SIZE, side=side, bent=False, patient=patient) for seed, side in ((1, "L"), (2, "R"))]
    areas = [hand.masks.areas() / hand.meta["px_per_mm"] ** 2 for hand in hands]
    metacarpals = list(anatomy.METACARPALS[1:])
    np.testing.assert_allclose(areas[0][metacarpals], areas[1][metacarpals], rtol=0.12)
    assert hands[0].meta["age"] == patient.age == 18


@pytest.mark.parametrize("bits", [8, 16])
def test_grey_values_use_the_bits_that_are_asked_for(bits):
    hand = draw_hand(2, size=64, bent=False, bits=bits)
    assert hand.image.dtype == (np.uint8 if bits == 8 else np.uint16)
    assert hand.image.max() > 0.5 * 2**bits


def test_children_lack_the_carpals_that_ossify_later():
    seen = []
    for age in (1.5, 4.0, 7.0, 13.0):
        patient = draw_patient(np.random.default_rng(6), "diverse", age=age)
        hand = draw_hand(6, size=128, variety="diverse", patient=patient)
        seen.append(8 - len(set(patient.absent) & set(anatomy.CARPALS)))
        assert not hand.masks.present()[list(patient.absent)].any() and hand.meta["age"] == age
    assert seen == sorted(seen) and seen[0] <= 3 and seen[-1] == 8


def test_an_annotation_names_its_image_and_every_bone_with_its_polygons(hands):
    told = annotation(hands[0], "image1_R.png", "ID007")
    assert (told["filename"], told["file_id"], told["parent_path"]) == ("image1_R.png", "image1_R", "/ID007")
    assert told["metadata"] == {"height": SIZE, "width": SIZE}
    ids = [each["id"] for each in told["annotations"]]
    assert len(ids) == len(set(ids)) and all(len(each["points"]) > 2 for each in told["annotations"])
    drawn = {anatomy.INDEX[each["label"]] for each in told["annotations"]}
    assert drawn == set(np.flatnonzero(hands[0].masks.present()))


def test_the_average_patient_is_drawn_alike_but_for_pose_and_look():
    one, other = (draw_hand(seed, size=SIZE, bent=False, patient=average_patient(), side="R") for seed in (11, 12))
    areas = [hand.masks.areas()[:19] / hand.meta["px_per_mm"] ** 2 for hand in (one, other)]
    np.testing.assert_allclose(areas[0], areas[1], rtol=0.15)
    assert not np.array_equal(one.image, other.image)
