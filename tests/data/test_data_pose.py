"""The bend that centroids show is the bend of the bones' axes."""

import numpy as np
import pytest

from handbone.anatomy import COUNT, INDEX
from handbone.data.pose import BENT_DEGREES, bend_degrees, pose

#: Mean centroids of real straight and bent hands, x to the thumb, y to the fingertips, and their mean bend in degrees.
REAL = {
    "straight": (
        2.8,
        {"finger-7": (0.28, -0.06), "finger-19": (-0.43, -0.19), "Capitate": (-0.03, -0.67), "Radius": (0.07, -1.43)},
    ),
    "bent": (
        41.7,
        {"finger-7": (0.28, -0.06), "finger-19": (-0.45, -0.17), "Capitate": (-0.04, -0.67), "Radius": (-0.49, -1.44)},
    ),
}


def _centroids(places: dict, mirrored: bool) -> np.ndarray:
    centroids = np.full((COUNT, 2), np.nan)
    centroids[INDEX["finger-11"]] = 0.0
    for name, (x, y) in places.items():
        centroids[INDEX[name]] = (x if mirrored else -x), -y
    return centroids


@pytest.mark.parametrize("mirrored", [False, True])
@pytest.mark.parametrize("name", REAL)
def test_real_hands_are_told_apart(name, mirrored):
    degrees, places = REAL[name]
    bend = bend_degrees(_centroids(places, mirrored))
    assert bend == pytest.approx(degrees, abs=2.5)
    assert pose(bend) == name


def test_without_the_thumbs_side_the_plain_angle_counts():
    centroids = _centroids(REAL["bent"][1], False)
    centroids[INDEX["finger-19"]] = np.nan
    assert BENT_DEGREES < bend_degrees(centroids) < 30
    centroids[INDEX["Capitate"]] = np.nan
    assert np.isnan(bend_degrees(centroids))
    assert pose(np.nan) == "unknown"
