"""Distances between boundaries: both ways of finding them against all distances between all boundary pixels."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import cdist

from handbone.anatomy import COUNT
from handbone.core.bone_masks import BoneMasks
from handbone.evaluation import boundaries
from handbone.evaluation.boundaries import compare_boundaries

SIZE = (60, 83)


def pieces(seed: int) -> np.ndarray:
    """Masks (29, H, W): every bone a box or two, and in some a speck far away or at the edge; some are empty."""
    random = np.random.default_rng(seed)
    planes = np.zeros((COUNT, *SIZE), bool)
    for plane in planes[random.random(COUNT) < 0.8]:
        for _ in range(random.integers(1, 3)):
            top, left = random.integers(20, 40), random.integers(20, 60)
            plane[top : top + random.integers(1, 12), left : left + random.integers(1, 9)] = True
        if random.random() < 0.5:
            plane[random.choice([0, 3, SIZE[0] - 1]), random.choice([0, 5, SIZE[1] - 1])] = True
    planes[0] = False
    planes[1] = random.random(SIZE) < 0.3
    return planes


def edge(plane: np.ndarray) -> np.ndarray:
    padded = np.pad(plane, 1)
    inner = padded[:-2, 1:-1] & padded[2:, 1:-1] & padded[1:-1, :-2] & padded[1:-1, 2:]
    return np.argwhere(plane & ~inner).reshape(-1, 2)


def band(plane: np.ndarray, width: float) -> set[tuple[int, int]]:
    pixels, boundary = np.argwhere(plane), edge(plane)
    return (
        {tuple(p) for p, d in zip(pixels, cdist(pixels, boundary).min(1), strict=True) if d < width}
        if len(pixels)
        else set()
    )


@pytest.mark.parametrize("way", ["in the box", "by points", "as it chooses"])
@settings(deadline=None, max_examples=15)
@given(st.integers(0, 10**6), st.sampled_from([1.0, 2.0, 3.5]), st.sampled_from([(1.0, 1.0), (0.25, 0.1)]))
def test_distances_and_bands_are_those_of_all_pairs(way, seed, width, pixel_hw):
    truth, predicted = pieces(seed), pieces(seed + 1)
    with pytest.MonkeyPatch.context() as patch:
        if way != "as it chooses":
            patch.setattr(boundaries, "_MOSTLY_EMPTY", np.inf if way == "in the box" else 0)
        found = compare_boundaries(
            BoneMasks.from_dense(truth), BoneMasks.from_dense(predicted), band_px=width, pixel_hw=pixel_hw
        )
    for pair, a, b in zip(found, truth, predicted, strict=True):
        first, second = edge(a), edge(b)
        if len(first) and len(second):
            between = cdist(first * pixel_hw, second * pixel_hw)
            np.testing.assert_allclose(pair.there, between.min(1), rtol=1e-6)
            np.testing.assert_allclose(pair.back, between.min(0), rtol=1e-6)
        else:
            assert (len(pair.there), len(pair.back)) == (len(first), len(second))
            assert np.isinf(pair.there).all() and np.isinf(pair.back).all()
        one, other = band(a, width), band(b, width)
        assert (pair.shared_band, pair.either_band) == (len(one & other), len(one | other))


def test_a_far_speck_is_compared_by_points(monkeypatch):
    plane = np.zeros((COUNT, 300, 300), bool)
    plane[:, 100:120, 100:130] = True
    near, far = BoneMasks.from_dense(plane), plane.copy()
    far[:, 0, 299] = True
    monkeypatch.setattr(boundaries, "_compare_in_box", None)
    assert compare_boundaries(near, BoneMasks.from_dense(far))[0].back.max() == pytest.approx(np.hypot(100, 170))
    with pytest.raises(TypeError):
        compare_boundaries(near, near)
