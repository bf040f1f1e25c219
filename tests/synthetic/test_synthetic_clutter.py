"""Metal, casts, other hands and folds change what a picture shows, never what the masks say."""

import numpy as np
import pytest

from handbone.synthetic import clutter
from handbone.synthetic.hand import draw_hand
from handbone.synthetic.tissue import add_folds

SIZE = 256

KINDS = {
    "hardware": lambda a, skin, ends, mm, rng: clutter._hardware(a, ends, mm, rng),
    "cast": clutter._cast,
    "bracelet": lambda a, skin, ends, mm, rng: clutter._bracelet(a, ends, mm, rng),
    "other hand": lambda a, skin, ends, mm, rng: clutter._other_hand(a, skin, rng),
    "dust": lambda a, skin, ends, mm, rng: clutter._dust(a, mm, rng),
}


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_changes_a_mask(kind, monkeypatch):
    changed = 0
    for seed in range(5):
        hands = []
        for draw in (lambda *_: None, KINDS[kind]):

            def add(attenuation, skin, ends, mm, _rng, draw=draw, seed=seed):
                # Its own randomness: the rest of the picture stays the same.
                draw(attenuation, skin, ends, mm, np.random.default_rng(seed))

            monkeypatch.setattr("handbone.synthetic.hand.add_clutter", add)
            hands.append(draw_hand(seed, size=SIZE, variety="wide"))
        assert hands[0].masks == hands[1].masks
        changed += not np.array_equal(hands[0].image, hands[1].image)
    assert changed >= 2


def test_clutter_is_rare_and_stays_finite():
    y, x = np.mgrid[:SIZE, :SIZE].astype(np.float32)
    skin = np.hypot(x - 120, y - 120) - 60
    ends = np.random.default_rng(0).uniform(60, 180, (29, 2, 2))
    drawn = 0
    for seed in range(200):
        attenuation = np.zeros((SIZE, SIZE), np.float32)
        clutter.add_clutter(attenuation, skin, ends, 1.2, np.random.default_rng(seed))
        assert np.isfinite(attenuation).all()
        drawn += attenuation.any()
    assert 20 < drawn < 90


def test_another_hand_keeps_clear_of_the_hand():
    y, x = np.mgrid[:SIZE, :SIZE].astype(np.float32)
    for centre in (70, 128, 190):
        skin = np.hypot(x - centre, y - 120) - 50
        attenuation = np.where(skin < 0, 0.5, 0).astype(np.float32)
        before = attenuation.copy()
        clutter._other_hand(attenuation, skin, np.random.default_rng(1))
        np.testing.assert_array_equal(attenuation[skin < 0], before[skin < 0])
        assert (attenuation > before).any()


def test_detector_marks_stay_within_the_range_of_grey_values():
    for seed in range(40):
        image = np.full((90, 70), 0.98, np.float32)
        clutter.mark_detector(image, np.random.default_rng(seed))
        assert 0 <= image.min() <= image.max() <= 1


def test_folds_stay_on_the_hand_and_leave_no_negative_thickness():
    thickness = np.zeros((SIZE, SIZE), np.float32)
    thickness[40:220, 40:200] = 1.0
    ends = np.random.default_rng(0).uniform(50, 190, (29, 2, 2))
    changed = False
    for seed in range(10):
        folded = thickness.copy()
        add_folds(folded, ends, 1.5, np.random.default_rng(seed))
        assert folded.min() >= 0
        assert not folded[thickness == 0].any()
        changed = changed or not np.array_equal(folded, thickness)
    assert changed
