"""The drawn adults are as real ones: where bones lie, how they are turned, how large they are, what overlaps."""

import numpy as np
import pandas as pd
import pytest

from handbone import anatomy
from handbone.core.bone_masks import BoneMasks
from handbone.synthetic import measure
from handbone.synthetic.body import Pose, pose_body
from handbone.synthetic.contours import hand_contours
from handbone.synthetic.patients import average_patient, draw_patient, draw_pose
from handbone.synthetic.population import load_population

HANDS = 80


def _table(variety: str, hands: int) -> pd.DataFrame:
    """Agreement of adults of a variety, half of them bent, all laid on the detector as in the reference."""
    masks = []
    for number in range(hands):
        rng = np.random.default_rng([17, number])
        patient = draw_patient(rng, variety, age=18.0)
        pose = draw_pose(rng, variety, bent=number % 2 == 1)
        if not patient.absent:
            masks.append(hand_contours(patient, pose, rng))
    return measure.agreement(masks)


@pytest.fixture(scope="module")
def upright() -> pd.DataFrame:
    return _table("upright_adult", HANDS)


@pytest.fixture(scope="module")
def measurements(upright) -> pd.DataFrame:
    return upright[upright["std"].notna()]


@pytest.mark.slow
def test_every_bone_lies_where_real_ones_do(measurements):
    apart = measurements["apart"].abs()
    assert len(measurements) > 320
    assert list(apart[apart > 2].index) == []
    assert (apart > 1).mean() <= 0.1


@pytest.mark.slow
def test_patients_differ_as_much_as_real_ones(measurements):
    ratio = measurements["drawn_std"] / measurements["std"]
    assert ((ratio > 1.5) | (ratio < 1 / 1.5)).mean() <= 0.05
    assert 0.9 < ratio.median() < 1.15


@pytest.mark.slow
def test_bones_overlap_as_real_ones_do(upright):
    overlaps = upright[upright["std"].isna()]
    assert overlaps["apart"].abs().mean() < 0.015
    assert overlaps["apart"].abs().max() < 0.1


@pytest.mark.slow
def test_adults_of_the_wide_variety_vary_more_about_the_same_mean():
    table = _table("diverse", 60)
    table = table[table["std"].notna()]
    assert (table["apart"].abs() > 1).mean() < 0.15
    assert 1.2 < (table["drawn_std"] / table["std"]).median() < 2.2


@pytest.mark.parametrize("bend", [-15, 0, 20, 34, 50, 66])
def test_fingers_hold_together_at_every_bend(bend):
    ends = pose_body(average_patient().shape, Pose(bend=bend)).ends[:, :, :2]
    for index in set(range(19)) - set(anatomy.METACARPALS):
        assert np.linalg.norm(ends[index, 1] - ends[index + 1, 0]) < 5.0, anatomy.NAMES[index]


def test_a_bone_that_is_missing_gives_no_metrics():
    pose, rng = Pose(), np.random.default_rng(1)
    masks = hand_contours(average_patient(), pose, rng, size=512)
    assert measure.bone_measurements(masks)["wrist", "bend"] == pytest.approx(0, abs=4)
    without = BoneMasks.from_dense(masks.dense() & (np.arange(anatomy.COUNT) != 3)[:, None, None])
    assert measure.bone_measurements(without) is None


def test_the_metrics_come_back_from_a_file(tmp_path, monkeypatch):
    population = load_population()
    population.write(tmp_path / "proportions.json")
    monkeypatch.setattr("handbone.synthetic.population.PROPORTIONS", tmp_path / "proportions.json")
    again = load_population.__wrapped__()
    for field in ("mean", "std", "waist", "sway"):
        np.testing.assert_allclose(getattr(again, field), getattr(population, field), atol=1e-3)
    np.testing.assert_allclose(again.drift, population.drift, atol=1e-4)
