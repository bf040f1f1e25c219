"""Contours move exactly with the image, whatever the change."""

import numpy as np
import pytest
from data_toys import toy_hand

from handbone.anatomy import INDEX
from handbone.core.polygons import polygon_centroids_xy
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
    """Contours of a toy hand with 120 vertices each, so that straight edges follow a bend."""
    contours = {}
    for index, points in enumerate(toy_hand(size=SIZE, **hand).values()):
        closed = np.vstack([points, points[:1]])
        t = np.linspace(0, len(points), 120, endpoint=False)
        polygon = np.column_stack([np.interp(t, np.arange(len(closed)), closed[:, i]) for i in (0, 1)])
        contours[index] = [polygon.astype(np.float32)]
    return contours


POLYGONS = dense_hand()
BONES = coverage(POLYGONS, size_hw=(SIZE, SIZE), outline=1).max(0).astype(np.float32) / 255


def changed(seed=0, polygons=POLYGONS, image=BONES, **settings):
    return Augmenter(Augment(**{**STILL, **settings}))(image, polygons, seed)


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
def test_the_image_and_the_contours_agree(settings, seed):
    image, polygons = changed(seed, **settings)
    shown, redrawn = image > 0.5, coverage(polygons, size_hw=(SIZE, SIZE), outline=1).max(0) > 127
    assert (shown & redrawn).sum() / (shown | redrawn).sum() > 0.93  # half a pixel off gives 0.91
    assert np.abs(image - BONES).mean() > 0.005
    assert [len(polygons[b][0]) for b in polygons] == [120] * 29


def test_no_change_leaves_all_as_it_is():
    image, polygons = changed()
    np.testing.assert_array_equal(image, BONES)
    np.testing.assert_array_equal(polygons[5][0], POLYGONS[5][0])


def test_the_same_seed_gives_the_same_change_and_another_one_another():
    full = Augmenter(Augment(elastic=0.5))
    (first, a), (again, b), (other, c) = (full(BONES, POLYGONS, np.random.default_rng(s)) for s in (3, 3, 4))
    np.testing.assert_array_equal(first, again)
    np.testing.assert_array_equal(a[11][0], b[11][0])
    assert not np.array_equal(first, other) and not np.array_equal(a[11][0], c[11][0])


def test_changes_are_drawn_independently_of_each_other():
    augmenter = Augmenter(Augment(**{**STILL, "flip": 0.5, "invert": 0.5}))
    seen = set()
    for seed in range(40):
        image, polygons = augmenter(BONES, POLYGONS, seed)
        seen.add((bool(polygons[0][0][0, 0] != POLYGONS[0][0][0, 0]), bool(image.mean() > 0.5)))
    assert len(seen) == 4


def test_values_stay_in_range_and_contours_stay_under_photometric_changes():
    for seed in range(5):
        image, polygons = changed(seed, brightness=0.5, contrast=0.5, gamma=0.5, noise=0.2, blur=1, invert=0.5)
        assert image.dtype == np.float32 and image.min() >= 0 and image.max() <= 1
        np.testing.assert_array_equal(polygons[3][0], POLYGONS[3][0])


def textured(seed=0):
    """Bones with fine texture, whose mean is clear of black and white."""
    noise = np.random.default_rng(seed).normal(0, 0.03, (SIZE, SIZE))
    return (0.35 + 0.3 * BONES + noise).astype(np.float32)


@pytest.mark.parametrize("key", ["grain", "clahe", "sharpen", "halo"])
def test_looks_of_real_images_leave_contours_and_are_off_by_default(key):
    assert getattr(Augment(), key) == 0
    before = textured()
    after = [changed(seed, image=before, **{key: 0.05 if key == "grain" else 1}) for seed in range(8)]
    assert sum(not np.array_equal(image, before) for image, _ in after) >= (2 if key == "grain" else 8)
    for image, polygons in after:
        assert image.dtype == np.float32 and image.min() >= 0 and image.max() <= 1
        np.testing.assert_array_equal(polygons[3][0], POLYGONS[3][0])
    again, _ = changed(7, image=before, **{key: 0.05 if key == "grain" else 1})
    np.testing.assert_array_equal(again, after[7][0])


def test_grain_has_more_power_at_low_frequencies_than_noise_and_most_in_bright_places():
    flat = np.full((SIZE, SIZE), 0.2, np.float32)
    flat[:, SIZE // 2 :] = 0.8
    seen = 0
    for seed in range(12):
        grain = changed(seed, image=flat, grain=0.04)[0] - flat
        if not grain.any():
            continue
        seen += 1
        dark, bright = grain[:, : SIZE // 2], grain[:, SIZE // 2 :]
        fine = np.diff(bright, axis=0).std() / bright.std()
        assert fine < 1.1  # white noise has the root of two
        assert 1.3 < bright.std() / dark.std() < 2.6
        assert bright.std() < 0.06
    assert seen >= 3


def test_halos_lie_on_both_sides_of_an_edge_and_sharpening_raises_fine_detail():
    step = np.full((SIZE, SIZE), 0.35, np.float32)
    step[:, SIZE // 2 :] = 0.65
    for seed in range(6):
        row = changed(seed, image=step, halo=1)[0][SIZE // 2]
        assert row[SIZE // 2 - 1] < 0.3 and row[SIZE // 2] > 0.7
        np.testing.assert_allclose(row[[20, -20]], [0.35, 0.65], atol=0.01)
    before = textured()
    for key in ("sharpen", "halo"):
        assert np.diff(changed(0, image=before, **{key: 1})[0]).std() > 1.1 * np.diff(before).std()


def test_clahe_raises_weak_contrast():
    faint = (0.4 + 0.02 * BONES).astype(np.float32)
    assert changed(0, image=faint, clahe=1)[0].std() > 1.3 * faint.std()


def test_contours_beyond_the_image_are_neither_dropped_nor_clipped():
    crop = {b: [r - np.float32([60, 120]) for r in polygons] for b, polygons in POLYGONS.items()}
    _, moved = changed(1, polygons=crop, image=BONES[120:184, 60:124].copy(), rotate=90, probability=1)
    assert all(len(moved[b][0]) == 120 for b in crop)
    assert min(m[0].min() for m in moved.values()) < -20


def test_further_contours_move_along():
    polygons = POLYGONS | {29 + b: r for b, r in POLYGONS.items()}
    _, moved = changed(2, polygons=polygons, rotate=20, probability=1, wrist_bend=60, wrist_bend_probability=1)
    for bone in POLYGONS:
        np.testing.assert_array_equal(moved[bone][0], moved[29 + bone][0])


def test_an_image_without_a_wrist_is_not_bent():
    fingers = {b: POLYGONS[b] for b in range(6)}
    _, moved = changed(0, polygons=fingers, wrist_bend=60, wrist_bend_probability=1)
    np.testing.assert_array_equal(moved[0][0], fingers[0][0])
    image, none = changed(0, polygons={}, wrist_bend=60, wrist_bend_probability=1)
    np.testing.assert_array_equal(image, BONES)
    assert none == {}


@pytest.mark.parametrize("mirrored", [False, True])
@pytest.mark.parametrize("degrees", [-55, -30, 30, 60])
def test_a_bend_turns_the_hand_and_leaves_the_forearm(degrees, mirrored):
    centroids = polygon_centroids_xy(dense_hand(mirrored=mirrored))
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
    wrist = Wrist.find(polygon_centroids_xy(POLYGONS))
    bend = Bend(wrist, np.deg2rad(58), shift_x=7)
    x, y = bend.sources((SIZE, SIZE))
    back = bend.move(np.column_stack([x.ravel(), y.ravel()]))
    columns, rows = np.meshgrid(np.arange(SIZE), np.arange(SIZE))
    np.testing.assert_allclose(back, np.column_stack([columns.ravel(), rows.ravel()]), atol=2e-3)


def test_a_bent_hand_is_bent_further_only_as_far_as_no_sector_folds():
    wrist = Wrist((100.0, 100.0), hand=np.deg2rad(-20), forearm=np.deg2rad(90))
    angles = [np.degrees(Bend(wrist, np.deg2rad(d)).angle) for d in (-60, 60)]
    assert angles[0] == pytest.approx(-60) and 0 < angles[1] < 25


def test_bends_mostly_take_the_fingers_away_from_the_thumb_and_stay_in_the_image():
    polygons, away = dense_hand(), 0
    augmenter = Augmenter(Augment(**{**STILL, "wrist_bend": 60, "wrist_bend_probability": 1}))
    for seed in range(60):
        _, moved = augmenter(BONES, polygons, seed)
        fingertip = moved[INDEX["finger-8"]][0].mean(0)
        away += fingertip[0] - moved[INDEX["Capitate"]][0].mean(0)[0] > 0  # the thumb is on the left
        assert min(m[0][:, 0].min() for m in moved.values()) > -1
        assert max(m[0][:, 0].max() for m in moved.values()) < SIZE
    assert 35 <= away <= 54
