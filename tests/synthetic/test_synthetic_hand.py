"""Synthetic hands: one image a seed, masks that are what the image shows, and measurements of real hands."""

import numpy as np
import pytest

from handbone import anatomy
from handbone.core.bone_masks import BoneMasks
from handbone.data.pose import BENT_DEGREES, bend_degrees
from handbone.synthetic.hand import draw_hand
from handbone.synthetic.patients import draw_patient

SIZE = 320


@pytest.mark.parametrize("variety", ["upright_adult", "diverse"])
def test_the_same_seed_gives_the_same_image(variety):
    first, second = (draw_hand(11, size=SIZE, variety=variety) for _ in range(2))
    np.testing.assert_array_equal(first.image, second.image)
    assert first.masks == second.masks
    assert (first.side, first.bend_degrees, first.meta) == (second.side, second.bend_degrees, second.meta)
    assert not np.array_equal(first.image, draw_hand(12, size=SIZE, variety=variety).image)


def test_images_are_8_bit_and_masks_are_of_the_same_size():
    hand = draw_hand(3, size=SIZE)
    assert hand.image.dtype == np.uint8
    assert hand.image.shape == hand.masks.size_hw == (SIZE, SIZE)


def test_all_bones_of_an_adult_are_there_and_brighter_than_the_background():
    for seed in range(4):
        hand = draw_hand(seed, size=SIZE)
        assert hand.masks.present().all()
        everything = hand.masks.dense().any(0)
        assert hand.image[everything].mean() > 2 * np.median(hand.image)


def test_masks_have_one_piece_and_no_holes():
    masks = draw_hand(5, size=SIZE).masks
    assert all(len(polygons) == 1 for polygons in masks.polygons().values())
    assert BoneMasks.from_polygons(masks.polygons(), masks.size_hw) == masks


def test_the_sides_mirror_each_other():
    for side, way in (("R", -1), ("L", 1)):
        masks = draw_hand(8, size=SIZE, side=side).masks
        centroids = masks.centroids_xy()
        thumb, little = centroids[anatomy.INDEX["finger-3"]], centroids[anatomy.INDEX["finger-19"]]
        assert np.sign(thumb[0] - little[0]) == way


@pytest.mark.parametrize("bent", [False, True])
def test_bent_wrists_turn_the_fingers_away_from_the_thumb(bent):
    for seed in range(4):
        hand = draw_hand(seed, size=SIZE, side="R", bent=bent)
        assert (34 <= hand.bend_degrees <= 66) == bent
        assert (bend_degrees(hand.masks.centroids_xy()) > BENT_DEGREES) == bent


def test_the_forearm_leaves_at_the_lower_edge(monkeypatch):
    # Now and then a collimated field ends above the edge.
    monkeypatch.setattr("handbone.synthetic.hand._field", lambda *_: None)
    for seed in range(6):
        masks = draw_hand(seed, size=SIZE).masks
        assert masks.boxes_xyxy[anatomy.INDEX["Radius"], 3] >= SIZE - 2


@pytest.mark.slow
def test_half_of_the_upright_adults_have_bent_wrists_when_nobody_chooses():
    bent = [draw_hand(seed, size=64).meta["bent"] for seed in range(60)]
    assert 0.35 < np.mean(bent) < 0.65


def test_the_wide_variety_holds_children_and_adults_at_any_turn():
    ages = [draw_patient(np.random.default_rng(seed), "diverse").age for seed in range(60)]
    assert min(ages) < 9
    assert sum(age == 18 for age in ages) > 15
    turns = []
    for seed in range(12):
        hand = draw_hand(seed, size=128, variety="diverse")
        capitate, knuckle = (hand.masks.centroids_xy()[anatomy.INDEX[n]] for n in ("Capitate", "finger-11"))
        turns.append(np.degrees(np.arctan2(*(knuckle - capitate) * [1, -1])))
    assert np.nanmax(np.abs(turns)) > 40
