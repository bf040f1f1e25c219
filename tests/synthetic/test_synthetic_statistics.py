"""How drawn patients and poses differ from each other: spreads, bounds, and what they have in common."""

import itertools
from dataclasses import replace

import numpy as np
import pytest

from handbone import anatomy
from handbone.synthetic.growth import draw_age, infancy
from handbone.synthetic.patients import average_patient, draw_patient, draw_pose
from handbone.synthetic.population import FINGERS, PARAMETERS, Population, load_population
from handbone.synthetic.skeleton import PLACED

COUNT = 3000
CARPALS = list(anatomy.CARPALS)
PHALANGES = [i for i in range(19) if i not in anatomy.METACARPALS]


@pytest.fixture(scope="module")
def drawn() -> np.ndarray:
    rng = np.random.default_rng(0)
    return np.array([load_population().draw(rng) for _ in range(COUNT)])


@pytest.fixture(scope="module")
def people():
    return {v: [draw_patient(np.random.default_rng(s), v) for s in range(60)] for v in ("upright_adult", "diverse")}


@pytest.fixture(scope="module")
def poses():
    return {
        (variety, bent): [draw_pose(np.random.default_rng(s), variety, bent=bent) for s in range(200)]
        for variety in ("upright_adult", "diverse")
        for bent in (False, True)
    }


def test_patients_differ_by_the_stated_spreads_about_the_mean(drawn):
    std = load_population().std
    np.testing.assert_allclose(drawn.mean(0), 0, atol=0.08 * std.max(0).max())
    known = std > 0
    ratio = drawn.std(0)[known] / std[known]
    # Cut at 2.3 deviations, a normal distribution keeps .97 of its own.
    assert ratio.min() > 0.9 and ratio.max() < 1.06 and np.median(ratio) == pytest.approx(0.97, abs=0.02)
    assert (np.abs(drawn) <= 2.3 * std + 1e-12).all()


def test_neighbours_lie_off_their_places_together_and_phalanges_alone(drawn):
    x = PARAMETERS.index("x")

    def correlation(first: str, second: str) -> float:
        return float(np.corrcoef(drawn[:, anatomy.INDEX[first], x], drawn[:, anatomy.INDEX[second], x])[0, 1])

    assert correlation("Capitate", "Hamate") > 0.5
    assert correlation("Radius", "Ulna") > 0.5
    assert correlation("finger-3", "Ulna") < 0.4 * correlation("Capitate", "Hamate")
    hung = [i for i in range(anatomy.COUNT) if i not in PLACED and load_population().std[i, x] > 0]
    for first, second in itertools.pairwise(hung):
        assert abs(np.corrcoef(drawn[:, first, x], drawn[:, second, x])[0, 1]) < 0.08


def test_half_of_the_widths_variance_is_the_patients_and_wide_carpals_are_long(drawn):
    width, length, turn = (PARAMETERS.index(name) for name in ("width", "length", "turn"))
    widths = np.corrcoef(drawn[:, :, width].T)
    assert np.median(widths[np.triu_indices(29, 1)]) == pytest.approx(0.5, abs=0.05)
    turned = [i for i in range(29) if load_population().std[i, turn] > 0]
    turns = np.corrcoef(drawn[:, turned, turn].T)
    assert abs(np.median(turns[np.triu_indices(len(turned), 1)])) < 0.03
    for carpal in CARPALS:
        assert np.corrcoef(drawn[:, carpal, width], drawn[:, carpal, length])[0, 1] == pytest.approx(0.6, abs=0.12)


@pytest.mark.parametrize("bent", [False, True])
def test_fingers_sway_as_far_as_stated_and_lean_together(bent):
    rng = np.random.default_rng(1)
    sway = np.array([load_population().draw_sway(rng, bent=bent) for _ in range(COUNT)])
    stated = load_population().sway[:, int(bent)]
    np.testing.assert_allclose(sway.std(0), stated, rtol=0.08, atol=1e-9)
    assert set(np.flatnonzero(sway.any(0))) <= set(FINGERS)
    knuckles = np.corrcoef(sway[:, [5, 9, 13, 17]].T)
    assert knuckles[0, 1] > 0.5 > knuckles[0, 3]


def test_the_mean_shape_is_that_of_the_measurements():
    population, shape = load_population(), load_population().mean_shape()
    np.testing.assert_allclose(np.log(shape.scale[:, 0]), population.mean[:, 0])
    np.testing.assert_allclose(shape.scale[:, 2], shape.scale[:, 0])
    np.testing.assert_allclose(np.log(shape.scale[:, 1]), population.mean[:, 1])
    np.testing.assert_allclose(shape.shift[:, :2], population.mean[:, 2:4])
    assert not shape.shift[:, 2].any() and np.array_equal(shape.waves[:, 1], population.waist)
    shape.drift[:] = 7
    shape.roll[:] = 7
    assert not (load_population().drift == 7).any(), "a shape that is changed changes no other"
    assert not (load_population().mean_shape().roll == 7).any()


def test_a_population_comes_back_from_its_file(tmp_path, monkeypatch):
    population = load_population()
    other = replace(population, mean=population.mean + 0.01, sway=population.sway * 2)
    other.write(tmp_path / "proportions.json")
    monkeypatch.setattr("handbone.synthetic.population.PROPORTIONS", tmp_path / "proportions.json")
    again: Population = load_population.__wrapped__()
    for name, digits in (("mean", 4), ("drift", 5), ("std", 4), ("waist", 4), ("sway", 2)):
        np.testing.assert_allclose(getattr(again, name), getattr(other, name), atol=0.6 * 10**-digits, err_msg=name)


def test_upright_adults_are_whole_and_grown(people):
    for patient in people["upright_adult"]:
        assert (patient.age, patient.absent, patient.rheumatism, patient.cortex) == (18.0, (), 0.0, 1.0)
        assert not patient.plates.any() and 0.85 < patient.growth < 1.1 and 0.8 <= patient.fullness <= 1.3


def test_children_are_smaller_the_younger_they_are():
    sizes = [
        np.mean([draw_patient(np.random.default_rng(s), "diverse", age=age).growth for s in range(6)])
        for age in (2.0, 6.0, 10.0, 14.0, 18.0)
    ]
    assert (np.diff(sizes) > 0.05).all()
    assert sizes[0] == pytest.approx(0.5, abs=0.08) and sizes[-1] == pytest.approx(1, abs=0.04)


def test_the_same_seed_gives_the_same_patient_and_the_asked_age_is_theirs(people):
    again = draw_patient(np.random.default_rng(7), "diverse")
    for field in ("scale", "shift", "waves", "roll", "turn", "epiphysis", "spurs"):
        np.testing.assert_array_equal(getattr(again.shape, field), getattr(people["diverse"][7].shape, field))
    assert draw_patient(np.random.default_rng(7), "diverse", age=33.0).age == 33.0


@pytest.mark.parametrize("spread", [0.0, 0.5, 2.0])
def test_spread_multiplies_how_patients_differ(spread):
    mean = average_patient().shape
    one, other = (draw_patient(np.random.default_rng(3), "upright_adult", spread=each).shape for each in (1.0, spread))
    np.testing.assert_allclose(
        np.log(other.scale[:, :2] / mean.scale[:, :2]), spread * np.log(one.scale[:, :2] / mean.scale[:, :2]), atol=1e-9
    )
    np.testing.assert_allclose(other.shift - mean.shift, spread * (one.shift - mean.shift), atol=1e-9)
    np.testing.assert_allclose(other.turn - mean.turn, spread * (one.turn - mean.turn), atol=1e-9)


@pytest.mark.parametrize("variety", ["upright_adult", "diverse"])
def test_bent_wrists_are_bent_by_34_to_66_degrees_and_others_are_not(poses, variety):
    bends = {bent: np.array([pose.bend for pose in poses[variety, bent]]) for bent in (False, True)}
    assert bends[True].min() >= 34 and bends[True].max() <= 66
    assert bends[True].mean() == pytest.approx(41.7, abs=1.2) and bends[True].std() == pytest.approx(5.0, abs=0.8)
    assert bends[False].max() < 34
    if variety == "upright_adult":
        assert bends[False].mean() == pytest.approx(2.8, abs=0.8) and bends[False].std() == pytest.approx(4, abs=0.7)


def test_diverse_hands_lie_less_flat(poses):
    for name in ("extension", "pronation", "tilt", "turn"):
        upright, diverse = (
            np.std([getattr(pose, name) for pose in poses[variety, False]]) for variety in ("upright_adult", "diverse")
        )
        assert diverse > 1.6 * upright, name
    curled = [np.max([pose.flexion[PHALANGES].max() for pose in poses[v, False]]) for v in ("upright_adult", "diverse")]
    assert curled[0] < 30 < 45 < curled[1]
    assert not any(pose.flexion[CARPALS].any() for pose in poses["diverse", False])


def test_spread_fingers_spread_like_a_fan(poses):
    knuckles = np.array([pose.abduction[[5, 9, 13, 17]] for pose in poses["diverse", False]])
    assert (np.sign(knuckles[:, 0]) == -np.sign(knuckles[:, 3])).all()
    np.testing.assert_allclose(knuckles[:, 2] / knuckles[:, 0], -0.5)
    assert not np.any([pose.abduction[[5, 9, 13, 17]] for pose in poses["upright_adult", False]])


def test_ages_are_those_of_radiographs_and_infancy_falls_from_one_to_five():
    ages = [draw_age(np.random.default_rng(s)) for s in range(400)]
    assert all(1 <= age <= 18 or 50 <= age <= 90 for age in ages)
    values = [infancy(age) for age in (0.5, 1, 2, 3, 4, 5, 20)]
    assert values == [1, 1, 0.75, 0.5, 0.25, 0, 0]
