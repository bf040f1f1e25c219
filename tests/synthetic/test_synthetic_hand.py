"""Drawn hands: the same seed the same picture, masks that are what the picture shows, and figures of real hands."""

import numpy as np
import pytest

from handbone import anatomy
from handbone.core.bone_masks import BoneMasks
from handbone.synthetic.hand import draw_hand
from handbone.synthetic.measure import agreement, shape_figures
from handbone.synthetic.people import draw_person

SIZE = 320


@pytest.fixture(scope="module")
def fifty() -> list[BoneMasks]:
    """Hands as in the reference: adults, 58 % of them bent."""
    return [draw_hand(seed, size=512, bent=seed % 50 < 29).masks for seed in range(50)]


@pytest.mark.parametrize("variety", ["contest", "wide"])
def test_the_same_seed_gives_the_same_picture(variety):
    first, second = (draw_hand(11, size=SIZE, variety=variety) for _ in range(2))
    np.testing.assert_array_equal(first.image, second.image)
    assert first.masks == second.masks
    assert (first.side, first.bend_degrees, first.meta) == (second.side, second.bend_degrees, second.meta)
    assert not np.array_equal(first.image, draw_hand(12, size=SIZE, variety=variety).image)


def test_pictures_are_8_bit_and_masks_are_of_the_same_size():
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
    assert all(len(rings) == 1 for rings in masks.rings().values())
    assert BoneMasks.from_rings(masks.rings(), masks.size_hw) == masks


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
        capitate, knuckle, radius = (
            hand.masks.centroids_xy()[anatomy.INDEX[n]] for n in ("Capitate", "finger-11", "Radius")
        )
        palm, arm = knuckle - capitate, capitate - radius
        turned = np.degrees(np.arctan2(palm[0], -palm[1]) - np.arctan2(arm[0], -arm[1]))
        assert (34 <= hand.bend_degrees <= 66) == bent
        assert (turned > 22) == bent


def test_the_forearm_leaves_at_the_lower_edge():
    for seed in range(6):
        masks = draw_hand(seed, size=SIZE).masks
        assert masks.boxes_xyxy[anatomy.INDEX["Radius"], 3] >= SIZE - 2


def test_carpals_and_metacarpal_bases_overlap_as_in_real_hands(fifty):
    figures = [shape_figures(masks) for masks in fifty]
    pisiform = np.mean([f["Triquetrum|Pisiform", "overlap"] for f in figures])
    trapezium = np.mean([f["Trapezium|Trapezoid", "overlap"] for f in figures])
    assert 0.6 < pisiform < 0.85
    assert 0.3 < trapezium < 0.5


def test_figures_agree_with_those_of_real_hands(fifty):
    table = agreement(fifty)
    assert table.within.mean() >= 0.85
    sizes = table[table["std"].notna()]
    assert sizes.within.mean() >= 0.9
    # Neither copies of one hand nor monsters: the spread is that of real hands within a factor of two and a half.
    ratio = (sizes.phantom_std / sizes["std"]).median()
    assert 0.6 < ratio < 1.6


def test_the_wide_variety_holds_children_and_adults_at_any_turn():
    ages = [draw_person(np.random.default_rng(seed), "wide").age for seed in range(60)]
    assert min(ages) < 9
    assert sum(age == 18 for age in ages) > 15
    turns = []
    for seed in range(12):
        hand = draw_hand(seed, size=128, variety="wide")
        capitate, knuckle = (hand.masks.centroids_xy()[anatomy.INDEX[n]] for n in ("Capitate", "finger-11"))
        turns.append(np.degrees(np.arctan2(*(knuckle - capitate) * [1, -1])))
    assert np.nanmax(np.abs(turns)) > 40
