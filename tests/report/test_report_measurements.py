"""The image of a hand's measurements: its size, its lines, the hand below them, and values in their units."""

import numpy as np
import pytest
from plain_hands import PlainHand

from handbone.anatomy import COUNT
from handbone.core.bone_masks import BoneMasks
from handbone.measure import Scale, measure_hand
from handbone.report.measurements import draw_measurements, number_text, value_text


@pytest.fixture(scope="module")
def hand():
    plain = PlainHand()
    masks, image = plain.masks(), plain.image()
    return image, masks, measure_hand(masks, image=image, scale=Scale("user", (0.25, 0.25)))


@pytest.fixture(scope="module")
def drawn(hand):
    return draw_measurements(*hand, title="p1/a.png")


@pytest.mark.parametrize(
    ("value", "unit", "kind", "text"),
    [
        (61.44, "mm", "length", "61.4 mm"),
        (0.5432, "", "ratio", "0.543"),
        (1.2344, "mm^0.34", "mm^0.34", "1.234 mm^0.34"),
        (-12.06, "degrees", "angle", "-12.1 degrees"),
        (0.0, "px", "length", "0.0 px"),
        (None, "mm", "length", "-"),
    ],
)
def test_a_value_has_the_digits_of_its_kind(value, unit, kind, text):
    assert number_text(value, unit, kind) == text


def test_every_measurement_has_a_text_in_letters_that_the_font_has(hand):
    for measurement in hand[2]:
        text = value_text(measurement)
        assert text.isascii() and (text == "-") is (measurement.value is None)


def test_the_image_is_the_radiograph_with_a_legend_of_its_height(hand, drawn):
    image, _, _ = hand
    assert drawn.dtype == np.uint8 and drawn.ndim == 3 and drawn.shape[2] == 3
    height, width = image.shape
    scale = min(1, 1600 / max(height, width))
    assert drawn.shape[0] == round(height * scale) and drawn.shape[1] > round(width * scale)
    legend = drawn[:, round(width * scale) :]
    assert (legend[:, -1] == 16).all(), "an empty right margin in the colour of the ground"
    assert (legend > 200).any(), "and texts"


def test_the_radiograph_stays_grey_where_nothing_is_drawn(drawn):
    corner = drawn[:20, :20].astype(int)
    assert (corner.max(2) - corner.min(2)).max() <= 1


def test_values_are_drawn_on_the_bones(hand, drawn):
    image, masks, measured = hand
    bare = draw_measurements(image, masks, type(measured)(measured.side, measured.scale, ()))
    width = min(drawn.shape[1], bare.shape[1], round(image.shape[1] * min(1, 1600 / max(image.shape))))
    assert (drawn[:, :width] != bare[:, :width]).any(2).mean() > 0.01


def test_a_large_radiograph_is_drawn_smaller():
    masks = BoneMasks.from_crops({0: (np.ones((40, 30), bool), (100, 200))}, (3000, 2000))
    measured = measure_hand(masks)
    drawn = draw_measurements(np.zeros((3000, 2000), np.uint8), masks, measured)
    assert drawn.shape[0] == 1600


@pytest.mark.parametrize("size_hw", [(40, 60), (64, 48)])
def test_a_hand_without_a_bone_is_drawn_all_the_same(size_hw):
    masks = BoneMasks.from_dense(np.zeros((COUNT, *size_hw), bool))
    measured = measure_hand(masks)
    assert all(measurement.value is None for measurement in measured)
    drawn = draw_measurements(np.full(size_hw, 0.5, np.float32), masks, measured)
    assert drawn.shape[0] == size_hw[0] and drawn.shape[1] > size_hw[1]
