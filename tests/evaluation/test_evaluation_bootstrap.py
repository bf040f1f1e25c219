"""Patient-level intervals: against loops over resamples, and on made-up patients whose true mean is known."""

import numpy as np
import pandas as pd
import pytest

from handbone.anatomy import NAMES
from handbone.core.errors import ShapeError
from handbone.evaluation import summarise
from handbone.evaluation.bootstrap import PatientBootstrap

PATIENTS = ("b", "a", "a", "c", "d", "c", "c")


def mean_of(values: np.ndarray) -> float:
    """Over images and then over bones, by loops."""
    bones = [[value for value in column if not np.isnan(value)] for column in values.T]
    return float(np.mean([np.mean(bone) for bone in bones if bone])) if any(bones) else np.nan


def drawn(patients, resamples, seed) -> list[list[int]]:
    """The images of every resample, a patient's as often as the patient is drawn."""
    names = sorted(set(patients))
    counts = np.random.default_rng(seed).multinomial(len(names), [1 / len(names)] * len(names), resamples)
    of = {name: [at for at, patient_id in enumerate(patients) if patient_id == name] for name in names}
    return [[at for name, times in zip(names, row, strict=True) for at in of[name] * times] for row in counts]


@pytest.fixture
def values():
    rng = np.random.default_rng(3)
    values = rng.uniform(0.5, 1.0, (len(PATIENTS), 4))
    values[rng.random(values.shape) < 0.2] = np.nan
    values[:, 2] = np.nan  # a bone that nobody has
    return values


def test_intervals_agree_with_loops_over_resamples(values):
    interval = PatientBootstrap(PATIENTS, resamples=150, seed=5).mean(values)
    means = [mean_of(values[images]) for images in drawn(PATIENTS, 150, 5)]
    assert interval.mean == pytest.approx(mean_of(values))
    assert (interval.low, interval.high) == pytest.approx(tuple(np.nanpercentile(means, [2.5, 97.5])))
    assert interval.low < interval.mean < interval.high


def test_differences_are_paired(values):
    better = values + np.random.default_rng(1).normal(0.01, 0.002, values.shape)
    bootstrap = PatientBootstrap(PATIENTS, resamples=150, seed=5)
    change = bootstrap.difference(values, better)
    differences = [mean_of(better[p]) - mean_of(values[p]) for p in drawn(PATIENTS, 150, 5)]
    assert (change.low, change.high) == pytest.approx(tuple(np.nanpercentile(differences, [2.5, 97.5])))
    # Patients differ far more from each other than the two runs do.
    assert change.high - change.low < 0.2 * (bootstrap.mean(values).high - bootstrap.mean(values).low)
    assert change.low > 0


def test_the_mean_is_the_one_of_the_summary():
    rng = np.random.default_rng(2)
    images = [f"{n}.png" for n in range(5)]
    rows = pd.DataFrame(
        [(image, bone, "coarse", rng.random(), False, "bent") for image in images for bone in NAMES],
        columns=["image_name", "bone", "stage", "dice", "both_empty", "pose"],
    )
    rows = rows.drop(rows.index[[3, 40]])
    values = rows.pivot(index="image_name", columns="bone", values="dice").to_numpy()
    found = summarise(rows).set_index("name").loc["all", "coarse_dice"]
    assert PatientBootstrap(images).mean(values).mean == pytest.approx(found)


def test_intervals_hold_the_true_mean_about_as_often_as_they_say():
    rng, held, narrow = np.random.default_rng(0), 0, 0
    for trial in range(200):
        patients = np.repeat(np.arange(30).astype(str), 4)
        values = 0.9 + np.repeat(rng.normal(0, 0.03, 30), 4)[:, None] + rng.normal(0, 0.01, (120, 3))
        interval = PatientBootstrap(patients, resamples=400, seed=trial).mean(values)
        held += interval.low <= 0.9 <= interval.high
        images = PatientBootstrap(np.arange(120).astype(str), resamples=400, seed=trial).mean(values)
        narrow += images.low <= 0.9 <= images.high
    assert 0.88 <= held / 200 <= 0.99
    assert narrow / 200 < 0.8, "images of a patient drawn one by one say too much"


def test_the_same_seed_draws_the_same_patients(values):
    patients = [str(number) for number in range(len(values))]
    assert PatientBootstrap(patients, seed=1).mean(values) == PatientBootstrap(patients, seed=1).mean(values)
    assert PatientBootstrap(patients, seed=1).mean(values) != PatientBootstrap(patients, seed=2).mean(values)


@pytest.mark.parametrize(
    ("patients", "values", "reason"),
    [
        (["a", "a"], [[0.5], [0.7]], "images of 1 patient: none to draw from"),
        ([], np.zeros((0, 3)), "images of 0 patients: none to draw from"),
        (["a", "b"], [[np.nan], [np.nan]], "there are no metrics"),
    ],
)
def test_where_there_is_no_interval_it_says_why(patients, values, reason):
    interval = PatientBootstrap(patients).mean(np.array(values))
    assert np.isnan([interval.low, interval.high]).all()
    assert interval.reason == reason
    change = PatientBootstrap(patients).difference(np.array(values), np.array(values))
    assert np.isnan(change.low) and change.reason == reason


def test_metrics_of_other_images_are_refused():
    with pytest.raises(ShapeError, match=r"\(2, bones\), a row an image, but got \(3, 1\)"):
        PatientBootstrap(["a", "b"]).mean(np.zeros((3, 1)))
