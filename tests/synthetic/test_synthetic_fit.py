"""The fit that writes `assets/proportions.json`: each part brings back a hand that was put wrong."""

from dataclasses import replace

import numpy as np
import pytest

from handbone import anatomy
from handbone.synthetic import fit
from handbone.synthetic.fit_carpals import fit_carpal, silhouette_measurements
from handbone.synthetic.fit_overlaps import moves_for_overlaps
from handbone.synthetic.measure import POSES, reference
from handbone.synthetic.population import PARAMETERS, load_population

WIDTH, LENGTH, X, Y, TURN = range(len(PARAMETERS))
LITTLE, HAMATE = anatomy.INDEX["finger-18"], anatomy.INDEX["Hamate"]


@pytest.fixture
def few(monkeypatch):
    monkeypatch.setattr(fit, "_HANDS", 6)


def test_a_step_turns_and_moves_bones_back(few):
    real = load_population()
    mean = real.mean.copy()
    mean[LITTLE, TURN] += 12.0
    mean[HAMATE, X] += 4.0
    wrong = replace(real, mean=mean)
    better = fit.step(wrong, fit.lack_of(fit.draw_ensemble(wrong)), np.zeros((2, anatomy.COUNT)))
    assert abs(better.mean[LITTLE, TURN] - real.mean[LITTLE, TURN]) < 7.0
    assert abs(better.mean[HAMATE, X] - real.mean[HAMATE, X]) < 2.0


def test_the_ensemble_is_the_same_at_every_call(few):
    first, second = (fit.draw_ensemble(load_population()) for _ in range(2))
    assert first == second


def test_overlaps_pull_a_bone_back_into_its_neighbours(few):
    real = load_population()
    mean = real.mean.copy()
    # A hundredth of the unit is about half a millimetre: the hamate leaves the little finger's base.
    mean[HAMATE, Y] += 1.5
    hands = fit.draw_ensemble(replace(real, mean=mean))["straight"]
    moves = moves_for_overlaps(hands, "straight", np.zeros((anatomy.COUNT, 2)))
    assert moves[HAMATE, 1] > 0.003
    assert (moves[anatomy.INDEX["finger-11"]] == 0).all()


def test_a_carpal_gets_the_silhouette_of_real_ones():
    index, unit = anatomy.INDEX["Capitate"], 56.0
    start, slope, waist = fit_carpal(index, unit)
    for pose, bend in zip(POSES, (2.8, 41.7), strict=True):
        measurements = silhouette_measurements(index, *(start + slope * bend), waist, bend, unit)
        for measurement, value in measurements.items():
            mean, std = reference().loc[("Capitate", measurement, pose), ["mean", "std"]]
            assert abs(value - mean) < 0.5 * std, measurement
