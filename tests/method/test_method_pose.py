"""Pose registration where there is no pose: bones at one place, or almost."""

import warnings

import numpy as np
import pytest

from handbone.anatomy import COUNT
from handbone.core.bone_masks import BoneMasks
from handbone.core.bone_probabilities import BoneProbabilities
from handbone.method.calibration.presence import features
from handbone.method.pose.canonical import CENTROIDS_XY
from handbone.method.pose.registration import fit_pose

ALL = tuple(range(COUNT))


@pytest.fixture(autouse=True)
def _no_warning():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


@pytest.mark.parametrize("scatter", [0.0, 1e-5])
def test_bones_at_one_place_have_no_pose(scatter):
    rng = np.random.default_rng(0)
    assert fit_pose(np.full((COUNT, 2), 40.0) + scatter * rng.random((COUNT, 2)), ALL) is None


def test_bones_at_one_place_but_for_a_few_have_a_finite_fit():
    centroids = np.full((COUNT, 2), 40.0)
    centroids[:3] = 100 + 50 * CENTROIDS_XY[:3]
    for fit in fit_pose(centroids, ALL):
        assert np.isfinite([fit.turn, fit.shift, fit.cost]).all() and fit.mc3_length_px > 0


def test_masks_at_one_place_have_features_that_are_numbers():
    crops = {bone: (np.ones((20, 20), bool), (30, 30)) for bone in ALL}
    table, seen = features(BoneProbabilities.from_masks(BoneMasks.from_crops(crops, (80, 80))))
    assert seen.all() and np.isfinite(table).all()
