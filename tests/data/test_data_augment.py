"""Outlines move exactly with the picture, whatever the change."""

import numpy as np
import pytest
from data_toys import toy_hand

from handbone.anatomy import INDEX
from handbone.core.polygons import ring_centroids_xy
from handbone.core.rasterise import coverage
from handbone.data.augment import Augmenter
from handbone.data.bend import Bend, Wrist
from handbone.data.pose import bend_degrees
from handbone.recipe.schema import Augment

SIZE = 256
STILL = {
    k: 0 for k in ("rotate", "wrist_bend", "scale", "shift", "flip", "brightness", "contrast", "gamma", "noise", "blur")
}


def dense_hand(**hand):
    """Outlines of a toy hand with 120 vertices each, so that straight edges follow a bend."""
    outlines = {}
    for index, points in enumerate(toy_hand(size=SIZE, **hand).values()):
        closed = np.vstack([points, points[:1]])
        t = np.linspace(0, len(points), 120, endpoint=False)
        ring = np.column_stack([np.interp(t, np.arange(len(closed)), closed[:, i]) for i in (0, 1)])
        outlines[index] = [ring.astype(np.float32)]
    return outlines


RINGS = dense_hand()
BONES = coverage(RINGS, size_hw=(SIZE, SIZE), outline=1).max(0).astype(np.float32) / 255


def changed(seed=0, rings=RINGS, image=BONES, **settings):
    return Augmenter(Augment(**{**STILL, **settings}))(image, rings, seed)


@pytest.mark.parametrize(
    "settings",
    [
        {"rotate": 30, "probability": 1},
        {"scale": 0.3, "probability": 1},
        {"shift": 0.1, "probability": 1},
        {"flip": 1},
        {"elastic": 1},
        {"wrist_bend": 60, "wrist_bend_probability": 1},
        {
            "rotate": 20,
            "scale": 0.2,
            "shift": 0.1,
            "flip": 0.5,
            "elastic": 0.5,
            "wrist_bend": 60,
            "wrist_bend_probability": 1,
        },
    ],
    ids=lambda settings: "+".join(k for k in settings if "probability" not in k),
)
@pytest.mark.parametrize("seed", range(4))
def test_the_picture_and_the_outlines_agree(settings, seed):
    image, rings = changed(seed, **settings)
    shown, redrawn = image > 0.5, coverage(rings, size_hw=(SIZE, SIZE), outline=1).max(0) > 127
    assert (shown & redrawn).sum() / (shown | redrawn).sum() > 0.93  # half a pixel off gives 0.91
    assert np.abs(image - BONES).mean() > 0.005
    assert [len(rings[b][0]) for b in rings] == [120] * 29


def test_no_change_leaves_all_as_it_is():
    image, rings = changed()
    np.testing.assert_array_equal(image, BONES)
    np.testing.assert_array_equal(rings[5][0], RINGS[5][0])


def test_the_same_seed_gives_the_same_change_and_another_one_another():
    full = Augmenter(Augment(elastic=0.5))
    (first, a), (again, b), (other, c) = (full(BONES, RINGS, np.random.default_rng(s)) for s in (3, 3, 4))
    np.testing.assert_array_equal(first, again)
    np.testing.assert_array_equal(a[11][0], b[11][0])
    assert not np.array_equal(first, other) and not np.array_equal(a[11][0], c[11][0])


def test_changes_are_drawn_independently_of_each_other():
    augmenter = Augmenter(Augment(**{**STILL, "flip": 0.5, "invert": 0.5}))
    seen = set()
    for seed in range(40):
        image, rings = augmenter(BONES, RINGS, seed)
        seen.add((bool(rings[0][0][0, 0] != RINGS[0][0][0, 0]), bool(image.mean() > 0.5)))
    assert len(seen) == 4


def test_values_stay_in_range_and_outlines_stay_under_photometric_changes():
    for seed in range(5):
        image, rings = changed(seed, brightness=0.5, contrast=0.5, gamma=0.5, noise=0.2, blur=1, invert=0.5)
        assert image.dtype == np.float32 and image.min() >= 0 and image.max() <= 1
        np.testing.assert_array_equal(rings[3][0], RINGS[3][0])


def test_outlines_beyond_the_picture_are_neither_dropped_nor_clipped():
    crop = {b: [r - np.float32([60, 120]) for r in rings] for b, rings in RINGS.items()}
    _, moved = changed(1, rings=crop, image=BONES[120:184, 60:124].copy(), rotate=90, probability=1)
    assert all(len(moved[b][0]) == 120 for b in crop)
    assert min(m[0].min() for m in moved.values()) < -20


def test_further_outlines_move_along():
    rings = RINGS | {29 + b: r for b, r in RINGS.items()}
    _, moved = changed(2, rings=rings, rotate=20, probability=1, wrist_bend=60, wrist_bend_probability=1)
    for bone in RINGS:
        np.testing.assert_array_equal(moved[bone][0], moved[29 + bone][0])


def test_a_picture_without_a_wrist_is_not_bent():
    fingers = {b: RINGS[b] for b in range(6)}
    _, moved = changed(0, rings=fingers, wrist_bend=60, wrist_bend_probability=1)
    np.testing.assert_array_equal(moved[0][0], fingers[0][0])
    image, none = changed(0, rings={}, wrist_bend=60, wrist_bend_probability=1)
    np.testing.assert_array_equal(image, BONES)
    assert none == {}


@pytest.mark.parametrize("mirrored", [False, True])
@pytest.mark.parametrize("degrees", [-55, -30, 30, 60])
def test_a_bend_turns_the_hand_and_leaves_the_forearm(degrees, mirrored):
    centroids = ring_centroids_xy(dense_hand(mirrored=mirrored))
    bend = Bend(Wrist.find(centroids), np.deg2rad(degrees))
    moved = bend.move(centroids)
    metacarpal, radius = INDEX["finger-11"], INDEX["Radius"]
    np.testing.assert_allclose(moved[radius], centroids[radius], atol=1e-6)
    pivot = np.array(bend.wrist.pivot_xy)
    before, after = (c[metacarpal] - pivot for c in (centroids, moved))
    turned = np.degrees(np.arctan2(before[0] * after[1] - before[1] * after[0], before @ after))
    np.testing.assert_allclose(turned, np.degrees(bend.angle), atol=1e-6)
    assert turned / degrees > 0.85  # a toy hand is not quite straight: a little less room on one side
    assert bend_degrees(moved) > abs(degrees) - 25


def test_the_inverse_of_a_bend_is_exact():
    wrist = Wrist.find(ring_centroids_xy(RINGS))
    bend = Bend(wrist, np.deg2rad(58), shift_x=7)
    x, y = bend.sources((SIZE, SIZE))
    back = bend.move(np.column_stack([x.ravel(), y.ravel()]))
    columns, rows = np.meshgrid(np.arange(SIZE), np.arange(SIZE))
    np.testing.assert_allclose(back, np.column_stack([columns.ravel(), rows.ravel()]), atol=2e-3)


def test_a_bent_hand_is_bent_further_only_as_far_as_no_sector_folds():
    wrist = Wrist((100.0, 100.0), hand=np.deg2rad(-20), forearm=np.deg2rad(90))
    angles = [np.degrees(Bend(wrist, np.deg2rad(d)).angle) for d in (-60, 60)]
    assert angles[0] == pytest.approx(-60) and 0 < angles[1] < 25


def test_bends_mostly_take_the_fingers_away_from_the_thumb_and_stay_in_the_picture():
    rings, away = dense_hand(), 0
    augmenter = Augmenter(Augment(**{**STILL, "wrist_bend": 60, "wrist_bend_probability": 1}))
    for seed in range(60):
        _, moved = augmenter(BONES, rings, seed)
        fingertip = moved[INDEX["finger-8"]][0].mean(0)
        away += fingertip[0] - moved[INDEX["Capitate"]][0].mean(0)[0] > 0  # the thumb is on the left
        assert min(m[0][:, 0].min() for m in moved.values()) > -1
        assert max(m[0][:, 0].max() for m in moved.values()) < SIZE
    assert 35 <= away <= 54
