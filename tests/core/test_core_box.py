"""The arithmetic of boxes against sets of pixels."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from handbone.core.box import Box

SIDE = 9


@st.composite
def boxes(draw):
    """A box in an image of 9 x 9, sometimes without pixels."""
    left, right = sorted((draw(st.integers(0, SIDE)), draw(st.integers(0, SIDE))))
    top, bottom = sorted((draw(st.integers(0, SIDE)), draw(st.integers(0, SIDE))))
    return Box(left, top, right, bottom)


def pixels(box):
    image = np.zeros((SIDE, SIDE), bool)
    image[box[1] : box[3], box[0] : box[2]] = True
    return image


@given(boxes(), boxes())
def test_two_boxes_share_the_pixels_of_both(one, other):
    shared = one.shared(other)
    assert np.array_equal(pixels(shared), pixels(one) & pixels(other))
    assert shared.is_empty == (not pixels(shared).any())
    assert other[0] <= shared.left <= shared.right <= other[2] and other[1] <= shared.top <= shared.bottom <= other[3]


@given(st.lists(boxes(), max_size=4))
def test_the_box_around_boxes_is_the_smallest(several):
    wide = [box for box in several if box.left < box.right]
    around = Box.around(several)
    if not wide:
        assert around == (0, 0, 0, 0)
    else:
        assert around == tuple(f(box[i] for box in wide) for i, f in enumerate((min, min, max, max)))


@given(boxes(), boxes())
def test_a_box_shows_its_part_of_others_and_zeros_beside_it(box, at):
    image = np.arange(1, SIDE * SIDE + 1).reshape(SIDE, SIDE)
    part = image[at.top : at.bottom, at.left : at.right]
    wanted = np.where(pixels(at), image, 0)[box.top : box.bottom, box.left : box.right]
    assert np.array_equal(box.cut(part, at), wanted)


def test_a_box_is_a_tuple_with_a_size():
    box = Box.whole((3, 5))
    assert box == (0, 0, 5, 3) and box.size_hw == (3, 5) and hash(box) == hash((0, 0, 5, 3))
    assert box.inside((-2, -1, 9, 9)) == (slice(1, 4), slice(2, 7))
    with pytest.raises(AttributeError):
        box.left = 1
