"""The canonical pose against synthetic hands: every wrist is found, whole, upright and on the right side."""

import numpy as np
import pytest

from handbone.anatomy import CARPALS, INDEX
from handbone.core.bone_masks import BoneMasks
from handbone.method.roi_placement import place_roi
from handbone.recipe import schema
from handbone.synthetic.hand import draw_hand

ROI = schema.Roi()
CAPITATE = INDEX["Capitate"]


@pytest.fixture(
    scope="module", params=[("L", False), ("R", True), ("L", True)], ids=["left", "right bent", "left bent"]
)
def hand(request):
    side, bent = request.param
    return draw_hand(5, size=512, side=side, bent=bent)


def middle(decision):
    return decision.frame.to_image(np.array([[127.5, 127.5]]))[0] * 2048 / 512


def test_the_roi_holds_every_carpal(hand):
    decision = place_roi(hand.masks, ROI, 256)
    assert decision.fallback == "none" and decision.mirrored is (hand.side == "L")
    assert abs(decision.degrees) < (75 if hand.bend_degrees > 25 else 15)
    for bone in CARPALS:
        for polygon in hand.masks.polygons()[bone]:
            grid = decision.frame.to_grid(polygon)
            assert grid.min() > 8 and grid.max() < 247


@pytest.mark.parametrize("mishap", ["missing", "swapped", "misplaced"])
def test_a_wrong_capitate_moves_the_roi_by_a_few_pixels_at_most(hand, mishap):
    masks, before = hand.masks, place_roi(hand.masks, ROI, 256)
    if mishap == "missing":
        wrong = masks.replace({CAPITATE: np.zeros(masks.size_hw, bool)})
    elif mishap == "swapped":
        other = INDEX["Lunate"]
        wrong = masks.replace({CAPITATE: masks.mask(other), other: masks.mask(CAPITATE)})
    else:
        wrong = masks.replace({CAPITATE: np.roll(masks.mask(CAPITATE), (120, -90), (0, 1))})
    assert isinstance(wrong, BoneMasks)
    after = place_roi(wrong, ROI, 256)
    assert after.fallback == "none" and after.mirrored == before.mirrored
    assert np.linalg.norm(middle(after) - middle(before)) < 8
    assert abs(after.degrees - before.degrees) < 2
