"""README's illustrations: which hands they show, and that they are drawn."""

import sys
from pathlib import Path

import numpy as np
import pytest

from handbone.anatomy import CARPALS, COUNT
from handbone.synthetic import draw_hand

sys.path.insert(0, str(Path(__file__).parents[2] / "docs"))
import illustrations


@pytest.fixture(scope="module")
def hand():
    return draw_hand(3, size=300)


def outlined(hand, *, gain=0.0, final=0.9, age=30.0):
    hand = type(hand)(**{**vars(hand), "meta": {**hand.meta, "age": age}})
    after = np.full(COUNT, float(final))
    before = after.copy()
    before[list(CARPALS)] -= gain
    return illustrations.Outlined(hand, hand.masks, hand.masks, before, after)


def test_the_median_adult_is_neither_the_best_nor_the_worst(hand):
    hands = [outlined(hand, gain=gain) for gain in (0.3, -0.1, 0.02, 0.5, 0.0)]
    assert illustrations.median_adult(hands) is hands[2]


def test_the_three_are_the_first_of_their_kind_and_the_worst(hand):
    hands = [outlined(hand, age=age, final=final) for age, final in ((16, 0.9), (40, 0.5), (50, 0.8), (6, 0.7), (7, 1))]
    (adult, first), (child, second), (worst, third) = illustrations.three_of(hands)
    assert (adult, child, worst) == ("an adult", "a child of 6", "the worst of 5")
    assert first is hands[2] and second is hands[3] and third is hands[1], "the worst is not shown twice"


def test_all_bones_lie_in_the_view_of_the_hand_and_all_carpals_in_that_of_the_wrist(hand):
    each = outlined(hand)
    for view, bones in ((illustrations.hand_view(each), range(COUNT)), (illustrations.wrist_view(each), CARPALS)):
        low, high = illustrations.extent(each, bones)
        corners = view.to_grid(np.array([low, high - 1]))
        assert (corners > -1).all() and (corners < view.size_hw[::-1]).all()
        assert np.ptp(corners, 0).max() > 0.8 * max(view.size_hw), "they fill it"


def test_both_illustrations_are_drawn(hand):
    one = outlined(hand)
    result, three = illustrations.draw_result(one), illustrations.draw_three([("an adult", one), ("a child", one)])
    for illustration in (result, three):
        assert illustration.dtype == np.uint8 and illustration.shape[0] > 560 and illustration.std() > 20
