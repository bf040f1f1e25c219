"""Close points of two contours, against scipy's tree over all points."""

import numpy as np
import pytest
from scipy.spatial import KDTree

from handbone.measure.nearest import close_points


def contour(seed, count, centre):
    rng, angles = np.random.default_rng(seed), np.linspace(0, 2 * np.pi, count, endpoint=False)
    radii = 40 + sum(rng.normal(0, 6 / k) * np.cos(k * angles + rng.uniform(0, 6)) for k in range(1, 6))
    return np.stack([radii * np.cos(angles), radii * np.sin(angles)], 1) + centre


@pytest.mark.parametrize("slack", [0.0, 1.5, 500.0])
@pytest.mark.parametrize(("counts", "apart"), [((400, 333), 110), ((997, 64), 60), ((5, 3), 90), ((1, 1), 0)])
def test_they_are_those_of_all_pairs(slack, counts, apart):
    for seed in range(5):
        mine, theirs = contour(seed, counts[0], (0, 0)), contour(seed + 99, counts[1], (apart, 7))
        distances, indices = KDTree(theirs).query(mine)
        kept = distances <= distances.min() + slack + 1e-12
        points, nearest, found = close_points(mine, theirs, slack + 1e-12)
        assert np.array_equal(points, mine[kept]) and np.array_equal(nearest, theirs[indices[kept]])
        assert found == pytest.approx(distances[kept], abs=1e-9)
