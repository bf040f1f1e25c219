"""Metal, casts, other hands and folds change what an image shows, never what the masks say."""

import numpy as np
import pytest

from handbone.synthetic import clutter, supports
from handbone.synthetic.hand import draw_hand
from handbone.synthetic.tissue import add_folds

SIZE = 256


def _support(kind: str, attenuation, skin, ends, mm, rng) -> None:
    getattr(supports, kind)(attenuation, skin, supports._Limb(attenuation.shape, ends, mm), rng)


KINDS = {
    "hardware": lambda a, skin, ends, mm, rng: clutter._hardware(a, ends, mm, rng),
    "plaster": lambda *given: _support("_plaster", *given),
    "bandage": lambda *given: _support("_bandage", *given),
    "splint": lambda *given: _support("_splint", *given),
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
                # Its own randomness: the rest of the image stays the same.
                draw(attenuation, skin, ends, mm, np.random.default_rng(seed))

            monkeypatch.setattr("handbone.synthetic.hand.add_clutter", add)
            hands.append(draw_hand(seed, size=SIZE, variety="diverse"))
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


def test_supports_come_in_the_share_that_is_stated(monkeypatch):
    drawn = []
    monkeypatch.setattr(clutter, "add_support", lambda *_: drawn.append(1))
    skin, ends = np.full((SIZE, SIZE), 9.0, np.float32), np.zeros((29, 2, 2))
    for seed in range(1000):
        clutter.add_clutter(np.zeros((SIZE, SIZE), np.float32), skin, ends, 1.2, np.random.default_rng(seed))
    assert 50 <= len(drawn) <= 80


def test_supports_are_of_all_kinds_and_lie_on_the_limb_or_close_by(monkeypatch):
    x = np.tile(np.arange(SIZE, dtype=np.float32), (SIZE, 1))
    skin = (np.abs(x - 128) - 40) / np.float32(1.2)
    ends = np.tile([[128.0, 60.0], [128.0, 180.0]], (29, 1, 1))
    kinds = set()
    for kind in ("_plaster", "_bandage", "_splint"):
        draw = getattr(supports, kind)
        monkeypatch.setattr(supports, kind, lambda *given, k=kind, d=draw: (kinds.add(k), d(*given)))
    for seed in range(30):
        attenuation = np.zeros((SIZE, SIZE), np.float32)
        supports.add_support(attenuation, skin, ends, 1.2, np.random.default_rng(seed))
        assert np.isfinite(attenuation).all()
        assert attenuation.max() > 0.01
        assert not attenuation[skin > 20].any()
    assert len(kinds) == 3


def test_splints_hold_metal_that_stops_more_than_cloth_and_straps():
    skin = np.full((SIZE, SIZE), -8.0, np.float32)
    ends = np.tile([[128.0, 60.0], [128.0, 180.0]], (29, 1, 1))
    densest = []
    for seed in range(20):
        attenuation = np.zeros((SIZE, SIZE), np.float32)
        supports._splint(attenuation, skin, supports._Limb(skin.shape, ends, 1.2), np.random.default_rng(seed))
        densest.append(attenuation.max())
    assert max(densest) > 0.6


def test_another_hand_keeps_clear_or_covers_the_hands_edge_alone():
    y, x = np.mgrid[:SIZE, :SIZE].astype(np.float32)
    clear = covered = 0
    for seed in range(60):
        # Little room beside the hand.
        skin = np.hypot(x - (110 + seed % 3 * 18), y - 120) - 90
        attenuation = np.where(skin < 0, 0.5, 0).astype(np.float32)
        before = attenuation.copy()
        clutter._other_hand(attenuation, skin, np.random.default_rng(seed))
        changed = attenuation != before
        assert changed.any()
        assert (attenuation[changed] > before[changed]).all()
        columns = np.flatnonzero((skin < 0).any(0))
        touched = np.flatnonzero((changed & (skin < 0)).any(0))
        if touched.size:
            covered += 1
            edge = 0.13 * columns.size
            assert touched.max() < columns[0] + edge or touched.min() > columns[-1] - edge
        else:
            clear += 1
    assert clear > 10
    assert covered > 10


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
