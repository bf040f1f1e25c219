"""How patients and poses differ: the spreads and the ties between bones that the measurements of real hands ask for."""

from dataclasses import fields, replace

import numpy as np
import pytest

from handbone import anatomy
from handbone.synthetic import fit
from handbone.synthetic.body import Pose
from handbone.synthetic.fit_overlaps import _share
from handbone.synthetic.patients import Patient, average_patient, draw_patient, draw_pose
from handbone.synthetic.population import FINGERS, PARAMETERS, load_population
from handbone.synthetic.posture import personal_pose
from handbone.synthetic.skeleton import PLACED

WIDTH, LENGTH, X, Y, TURN = range(len(PARAMETERS))
CARPALS = list(anatomy.CARPALS)
HUNG = [index for index in range(anatomy.COUNT) if index not in PLACED]
PROXIMAL = (5, 9, 13, 17)


def rng(*seed):
    return np.random.default_rng(seed)


@pytest.fixture(scope="module")
def draws():
    """(3000, 29, 5) patients' differences from the mean, in standard deviations where there is one."""
    population, generator = load_population(), rng(1)
    drawn = np.array([population.draw(generator) for _ in range(3000)])
    assert (drawn[:, population.std == 0] == 0).all()
    return np.divide(drawn, population.std, out=np.full_like(drawn, np.nan), where=population.std > 0)


def tied(draws, one, other):
    """Correlation of two parameters, each (bone, parameter)."""
    return np.corrcoef(draws[:, one[0], one[1]], draws[:, other[0], other[1]])[0, 1]


def test_patients_differ_by_the_standard_deviations_and_never_far_beyond(draws):
    assert np.nanmax(np.abs(draws)) <= 2.3 + 1e-9
    known = draws[:, np.isfinite(draws[0])]
    assert np.abs(known.mean(0)).max() < 0.09
    # Cut off at 2.3, a normal distribution keeps .97 of its deviation.
    assert np.abs(known.std(0) - 0.97).max() < 0.06


def test_all_bones_of_a_broad_hand_are_broad_and_turns_are_each_bone_s_own(draws):
    pairs = [(3, 9), (10, 21), (6, 27), (14, 18)]
    for a, b in pairs:
        assert tied(draws, (a, WIDTH), (b, WIDTH)) == pytest.approx(0.5, abs=0.08)
    for a, b in [(19, 23), (20, 25), (6, 24)]:
        assert abs(tied(draws, (a, TURN), (b, TURN))) < 0.08
    assert tied(draws, (6, LENGTH), (18, LENGTH)) == pytest.approx(0.15, abs=0.06)


def test_a_carpal_that_is_wide_is_long_too(draws):
    for index in CARPALS:
        assert tied(draws, (index, WIDTH), (index, LENGTH)) == pytest.approx(0.6, abs=0.1)
    assert abs(tied(draws, (6, WIDTH), (6, LENGTH))) < 0.08, "a metacarpal is not"


def test_neighbours_lie_off_their_places_together_and_distant_bones_do_not(draws):
    index = anatomy.INDEX
    for axis in (X, Y):
        near = tied(draws, (index["Capitate"], axis), (index["Hamate"], axis))
        far = tied(draws, (index["Trapezium"], axis), (index["Ulna"], axis))
        assert near > 0.5 and near > far + 0.2
        forearm = tied(draws, (index["Radius"], axis), (index["Ulna"], axis))
        assert forearm > 0.6, "the forearm's bones are tied to each other"
    assert abs(tied(draws, (index["Capitate"], X), (index["Capitate"], Y))) < 0.08
    known = [(i, Y) for i in HUNG if np.isfinite(draws[0, i, Y])]
    assert len(known) == len(HUNG)
    assert max(abs(tied(draws, known[n], known[n + 1])) for n in range(len(known) - 1)) < 0.08, "joint spaces"


@pytest.mark.parametrize("bent", [False, True])
def test_fingers_stand_aside_by_their_spread_and_neighbours_lean_together(bent):
    population, generator = load_population(), rng(2, bent)
    sway = np.array([population.draw_sway(generator, bent=bent) for _ in range(2500)])
    expected = population.sway[:, int(bent)]
    assert not sway[:, expected == 0].any() and set(np.flatnonzero(expected).tolist()) <= set(FINGERS)
    swaying = expected > 0
    assert sway[:, swaying].std(0) / expected[swaying] == pytest.approx(1, abs=0.07)
    if (expected[list(PROXIMAL)] > 0).all():
        ties = np.corrcoef(sway[:, PROXIMAL].T)
        assert min(ties[0, 1], ties[1, 2], ties[2, 3]) > 0.5 > ties[0, 3]


@pytest.mark.parametrize("variety", ["upright_adult", "diverse"])
def test_bent_wrists_are_bent_as_real_ones(variety):
    """Real ones have a mean of 41.7 degrees and a standard deviation of 5.0, see `_draw_bend`."""
    generator = rng(3)
    bends = np.array([draw_pose(generator, variety, bent=True).bend for _ in range(800)])
    assert bends.min() >= 34 and bends.max() <= 66
    assert bends.mean() == pytest.approx(41.7, abs=0.8) and bends.std() == pytest.approx(5.0, abs=0.7)


def test_straight_upright_wrists_are_straight_and_diverse_ones_fill_the_range_between():
    upright, diverse = (
        np.array([draw_pose(generator, variety, bent=False).bend for _ in range(600)])
        for variety, generator in (("upright_adult", rng(4)), ("diverse", rng(4)))
    )
    assert upright.mean() == pytest.approx(2.8, abs=0.5) and upright.std() == pytest.approx(4.0, abs=0.4)
    assert (np.abs(diverse) > 15).mean() > 0.1 and diverse.max() <= 34 and diverse.min() >= -25
    assert (np.abs(upright) > 15).mean() < 0.02


def test_upright_hands_lie_flat_and_spread_no_finger():
    generator = rng(5)
    poses = [draw_pose(generator, "upright_adult", bent=number % 2 == 1) for number in range(200)]
    for pose in poses:
        assert not pose.abduction[3:].any() and not pose.flexion[[6, 10, 14, 18, *range(19, 29)]].any()
    for name, spread in (("extension", 3.0), ("pronation", 5.0), ("tilt", 2.0), ("turn", 2.5)):
        values = np.array([getattr(pose, name) for pose in poses])
        assert abs(values.mean()) < 0.25 * spread and values.std() == pytest.approx(spread, rel=0.15)


@pytest.mark.parametrize(("age", "size"), [(6.0, 0.58), (12.0, 0.79), (18.0, 1.0), (70.0, 1.0)])
def test_hands_are_as_large_as_their_age_says(age, size):
    patients = [draw_patient(rng(6, number), "diverse", age=age) for number in range(60)]
    assert np.mean([patient.growth for patient in patients]) == pytest.approx(size, abs=0.02)
    assert {patient.age for patient in patients} == {age}
    assert all((patient.mineral < 1) is (age >= 50) for patient in patients)


def test_an_adult_lacks_no_bone_but_for_a_rare_amputation():
    diverse = [draw_patient(rng(7, number), "diverse", age=18.0).absent for number in range(250)]
    lacking = [absent for absent in diverse if absent]
    assert 0 < len(lacking) < 15 and all(len(absent) == 1 and absent[0] < 19 for absent in lacking)
    assert not any(draw_patient(rng(7, number), "upright_adult").absent for number in range(60))


def parts(value):
    """Every array and number in a patient, by name."""
    if not hasattr(value, "__dataclass_fields__"):
        return {"": value}
    return {f.name + "." + name: part for f in fields(value) for name, part in parts(getattr(value, f.name)).items()}


@pytest.mark.parametrize("variety", ["upright_adult", "diverse"])
def test_a_patient_is_the_same_to_the_bit_for_the_same_seed_and_another_for_another(variety):
    one, again, other = (parts(draw_patient(rng(8, seed), variety, age=30.0)) for seed in (0, 0, 1))
    for name, value in one.items():
        if isinstance(value, np.ndarray):
            assert value.tobytes() == again[name].tobytes(), name
        elif isinstance(value, int | float):
            assert value == again[name], name
    for name in ("shape.scale.", "shape.shift.", "shape.waves.", "shape.roll.", "shape.turn."):
        assert (one[name] != other[name]).mean() > 0.3, name


def test_a_grown_healthy_patient_takes_the_pose_as_it_is():
    pose = draw_pose(rng(9), "diverse", bent=True)
    assert personal_pose(rng(9), pose, average_patient()) is pose
    ill = replace(average_patient(), age=70.0, rheumatism=1.0)
    changed = personal_pose(rng(9), pose, ill)
    assert (changed.abduction - pose.abduction)[list(PROXIMAL)].min() > 3, "away from the thumb"
    untouched = [f.name for f in fields(Pose) if f.name not in ("flexion", "abduction")]
    assert all(getattr(changed, name) is getattr(pose, name) for name in untouched)


@pytest.mark.parametrize("rheumatism", [0.25, 0.5])
def test_fingers_drift_in_proportion_to_the_illness(rheumatism):
    pose, ill = Pose(), Patient(average_patient().shape, 70.0, 1.0, 1.0, rheumatism=1.0)
    whole = personal_pose(rng(10), pose, ill).abduction
    part = personal_pose(rng(10), pose, replace(ill, rheumatism=rheumatism)).abduction
    assert part[PROXIMAL[0]] == pytest.approx(rheumatism * whole[PROXIMAL[0]])


def nothing_lacks():
    return fit.Lack(np.zeros((2, anatomy.COUNT, 6)), np.zeros((2, anatomy.COUNT, 6)), np.array([2.8, 41.7]))


def test_a_fit_that_lacks_nothing_changes_nothing():
    before = load_population()
    joints = np.zeros((2, anatomy.COUNT))
    after = fit.step(before, nothing_lacks(), joints)
    for name in ("mean", "drift"):
        np.testing.assert_allclose(getattr(after, name), getattr(before, name), atol=1e-12)
    assert (after.std <= np.maximum(before.std, 0.25) + 1e-9).all()


@pytest.mark.parametrize("pose", ["both", "bent"])
def test_what_bones_lack_in_length_goes_to_the_mean_and_what_they_lack_when_bent_to_the_drift(pose):
    before, lack, index = load_population(), nothing_lacks(), anatomy.INDEX["finger-7"]
    lack.mean[slice(None) if pose == "both" else 1, index, LENGTH] = 0.1
    after = fit.step(before, lack, np.zeros((2, anatomy.COUNT)))
    change = [
        (after.mean + bend * after.drift - before.mean - bend * before.drift)[index, LENGTH] / 0.7
        for bend in (2.8, 41.7)
    ]
    assert change == pytest.approx([0.1 if pose == "both" else 0.0, 0.1], abs=1e-9), "the step is damped by .7"
    others = np.arange(anatomy.COUNT) != index
    np.testing.assert_allclose(after.mean[others, LENGTH], before.mean[others, LENGTH], atol=1e-12)


def test_overlaps_of_moved_bones_are_those_of_whole_arrays():
    generator = rng(11)
    dense = np.zeros((anatomy.COUNT, 60, 60), bool)
    dense[3, 20:40, 15:33] = generator.random((20, 18)) > 0.4
    dense[5, 25:36, 22:50] = generator.random((11, 28)) > 0.3
    masks = fit.BoneMasks.from_dense(dense)
    for move in generator.integers(-14, 15, (40, 2)):
        shifted = np.roll(dense[5], move[::-1], (0, 1))
        expected = (dense[3] & shifted).sum() / min(dense[3].sum(), dense[5].sum())
        assert _share(masks, 3, 5, move + generator.uniform(-0.4, 0.4, 2)) == pytest.approx(expected)
