"""What else lies on a radiograph: it keeps clear of the hand, ends at the image's edge, and has its stated mass."""

import numpy as np
import pytest

from handbone.synthetic import scene

SIZE = 240


def round_hand(radius=70.0, size=SIZE):
    y, x = np.mgrid[:size, :size].astype(np.float32)
    return np.hypot(x - size / 2, y - size / 2) - radius


def empty(size=SIZE):
    return np.zeros((size, size), np.float32)


def rng(seed):
    return np.random.default_rng(seed)


@pytest.mark.parametrize("reach", [0, 3, 10, 25])
def test_free_spots_lie_off_the_hand_and_off_the_edge(reach):
    skin, found = round_hand(), 0
    for seed in range(60):
        spot = scene.free_spot(skin, rng(seed), reach)
        if spot is None:
            continue
        found += 1
        x, y = spot
        assert reach <= x < SIZE - reach and reach <= y < SIZE - reach
        # Every eighth pixel is looked at.
        assert skin[y, x] > reach - 8
    assert found > 30


@pytest.mark.parametrize(("radius", "reach"), [(400.0, 5), (70.0, SIZE // 2), (70.0, 119)])
def test_where_there_is_no_room_there_is_no_spot(radius, reach):
    assert scene.free_spot(round_hand(radius), rng(0), reach) is None


@pytest.mark.parametrize("variety", ["upright_adult", "diverse"])
def test_markers_are_drawn_off_the_hand_in_the_stated_share(variety):
    skin, marked = round_hand(50.0), 0
    for seed in range(120):
        attenuation = empty()
        scene.add_markers(attenuation, skin, "L", 1.0, rng(seed), variety)
        assert attenuation.min() >= 0 and np.isfinite(attenuation).all()
        marked += attenuation.any()
        if variety == "upright_adult":
            assert not attenuation[skin < -20].any()
    assert (0.45 if variety == "upright_adult" else 0.8) < marked / 120 < (0.72 if variety == "upright_adult" else 1.0)


def test_letters_name_the_side():
    skin = np.full((SIZE, SIZE), 50.0, np.float32)
    pairs = [(empty(), empty()) for _ in range(30)]
    for seed, (left, right) in enumerate(pairs):
        scene.add_markers(left, skin, "L", 1.0, rng(seed), "upright_adult")
        scene.add_markers(right, skin, "R", 1.0, rng(seed), "upright_adult")
    drawn = [(a, b) for a, b in pairs if a.any()]
    assert drawn and not any(np.array_equal(a, b) for a, b in drawn)


def ends_with_thumb(tip, root, size=SIZE):
    ends = np.full((29, 2, 2), size * 3.0)
    ends[2] = tip, root
    ends[10] = [[size / 2, size / 4], [size / 2, size / 2]]
    return ends


def test_a_sesamoid_weighs_as_much_as_a_ball_of_its_density():
    # One ball lies off the thumb's knuckle; the sum of its chords is the volume of an ellipsoid of revolution.
    masses = []
    for seed in range(80):
        attenuation = empty()
        scene.add_sesamoids(attenuation, ends_with_thumb((120, 120), (120, 190)), 4.0, 1.0, 0.05, rng(seed))
        if attenuation.any():
            masses.append(float(attenuation.sum()) / 0.05 / 4.0**2)
    # 1.4 to 2.8 mm: between 11 and 92 cubic millimetres each, one or two of them.
    assert len(masses) > 60
    assert 4 / 3 * np.pi * 1.4**3 * 0.9 < min(masses) and max(masses) < 2 * 4 / 3 * np.pi * 2.8**3 * 1.1


@pytest.mark.parametrize("size", [0.5, 1.0])
def test_sesamoids_lie_beside_the_knuckle_within_ten_millimetres(size):
    for seed in range(30):
        attenuation = empty()
        scene.add_sesamoids(attenuation, ends_with_thumb((120, 120), (120, 190)), 4.0, size, 0.05, rng(seed))
        y, x = np.nonzero(attenuation)
        if len(x):
            assert np.hypot(x - 120, y - 120).max() < 4.0 * size * 13
            assert np.abs(x - 120).max() > 4.0 * size * 1.5


@pytest.mark.parametrize("tip", [(2, 2), (SIZE - 2, 120), (120, SIZE - 1), (-500, 40)])
def test_what_reaches_over_the_images_edge_is_cut(tip):
    for seed in range(12):
        attenuation = empty()
        scene.add_sesamoids(attenuation, ends_with_thumb(tip, (tip[0], tip[1] + 60)), 4.0, 1.0, 0.05, rng(seed))
        assert attenuation.shape == (SIZE, SIZE) and attenuation.min() == 0
        assert not attenuation.any() if tip[0] == -500 else True


def test_a_cut_ball_is_a_part_of_the_whole_one():
    whole, cut = empty(), empty()
    for canvas, at in ((whole, np.array([120.0, 120.0])), (cut, np.array([1.0, 120.0]))):
        scene.add_sesamoids(canvas, ends_with_thumb(at, at + np.array([0, 60])), 4.0, 1.0, 0.05, rng(3))
    moved = whole[:, 119:]
    near = np.abs(moved[:, :60] - cut[:, :60])
    assert near[:, :20].max() < 0.2 * max(whole.max(), 1e-6) and whole.any()


def test_a_ring_goes_round_its_phalanx_and_is_metal():
    tip, root = np.array([120.0, 60.0]), np.array([120.0, 140.0])
    for seed in range(10):
        attenuation = empty()
        scene.add_ring(attenuation, tip, root, 2.0, rng(seed))
        y, x = np.nonzero(attenuation > 0.5)
        assert 60 < y.mean() < 140 and x.mean() == pytest.approx(120, abs=2)
        # It lies across the finger: nine millimetres to each side, two along.
        assert 2 * np.ptp(y) < np.ptp(x) and np.ptp(x) == pytest.approx(2 * 9.4 * 2.0, abs=8)
        assert attenuation.max() > 1.4


@pytest.mark.parametrize("radius", [70.0, 110.0])
def test_boxes_and_corners_cover_no_part_of_the_hand(radius):
    skin, touched = round_hand(radius), 0
    for seed in range(150):
        image = np.full((SIZE, SIZE), 0.4, np.float32)
        scene.cover_parts(image, skin, rng(seed))
        assert image.min() >= 0 and image.max() <= 1
        assert (image[skin < 0] == np.float32(0.4)).all()
        touched += bool((image != np.float32(0.4)).any())
    assert 5 < touched < 100


def test_the_strip_lies_along_the_upper_edge_and_fades_out():
    for seed in range(20):
        image = np.full((SIZE, SIZE), 0.2, np.float32)
        scene.top_strip(image, rng(seed))
        rows = image[:, 0]
        assert (image == rows[:, None]).all() and rows[0] >= 0.55 and image.max() <= 1
        assert (np.diff(rows) <= 1e-6).all() and (rows[int(0.04 * SIZE) :] == np.float32(0.2)).all()
