"""Person-level intervals: against loops over resamples, and on made-up people whose true mean is known."""

import numpy as np
import pandas as pd
import pytest

from handbone.anatomy import NAMES
from handbone.core.errors import ShapeError
from handbone.evaluation import summarise
from handbone.evaluation.bootstrap import PersonBootstrap

PEOPLE = ("b", "a", "a", "c", "d", "c", "c")


def mean_of(values: np.ndarray) -> float:
    """Over pictures and then over bones, by loops."""
    bones = [[value for value in column if not np.isnan(value)] for column in values.T]
    return float(np.mean([np.mean(bone) for bone in bones if bone])) if any(bones) else np.nan


def drawn(people, resamples, seed) -> list[list[int]]:
    """The pictures of every resample, a person's as often as the person is drawn."""
    names = sorted(set(people))
    counts = np.random.default_rng(seed).multinomial(len(names), [1 / len(names)] * len(names), resamples)
    of = {name: [at for at, person in enumerate(people) if person == name] for name in names}
    return [[at for name, times in zip(names, row, strict=True) for at in of[name] * times] for row in counts]


@pytest.fixture
def values():
    rng = np.random.default_rng(3)
    values = rng.uniform(0.5, 1.0, (len(PEOPLE), 4))
    values[rng.random(values.shape) < 0.2] = np.nan
    values[:, 2] = np.nan  # a bone that nobody has
    return values


def test_intervals_agree_with_loops_over_resamples(values):
    interval = PersonBootstrap(PEOPLE, resamples=150, seed=5).mean(values)
    means = [mean_of(values[pictures]) for pictures in drawn(PEOPLE, 150, 5)]
    assert interval.mean == pytest.approx(mean_of(values))
    assert (interval.low, interval.high) == pytest.approx(tuple(np.nanpercentile(means, [2.5, 97.5])))
    assert interval.low < interval.mean < interval.high


def test_differences_are_paired(values):
    better = values + np.random.default_rng(1).normal(0.01, 0.002, values.shape)
    bootstrap = PersonBootstrap(PEOPLE, resamples=150, seed=5)
    change = bootstrap.difference(values, better)
    differences = [mean_of(better[p]) - mean_of(values[p]) for p in drawn(PEOPLE, 150, 5)]
    assert (change.low, change.high) == pytest.approx(tuple(np.nanpercentile(differences, [2.5, 97.5])))
    # People differ far more from each other than the two runs do.
    assert change.high - change.low < 0.2 * (bootstrap.mean(values).high - bootstrap.mean(values).low)
    assert change.low > 0


def test_the_mean_is_the_one_of_the_summary():
    rng = np.random.default_rng(2)
    pictures = [f"{n}.png" for n in range(5)]
    rows = pd.DataFrame(
        [(picture, bone, "coarse", rng.random(), False, "bent") for picture in pictures for bone in NAMES],
        columns=["image_name", "bone", "stage", "dice", "both_empty", "pose"],
    )
    rows = rows.drop(rows.index[[3, 40]])
    values = rows.pivot(index="image_name", columns="bone", values="dice").to_numpy()
    found = summarise(rows).set_index("name").loc["all", "coarse_dice"]
    assert PersonBootstrap(pictures).mean(values).mean == pytest.approx(found)


def test_intervals_hold_the_true_mean_about_as_often_as_they_say():
    rng, held, narrow = np.random.default_rng(0), 0, 0
    for trial in range(200):
        people = np.repeat(np.arange(30).astype(str), 4)
        values = 0.9 + np.repeat(rng.normal(0, 0.03, 30), 4)[:, None] + rng.normal(0, 0.01, (120, 3))
        interval = PersonBootstrap(people, resamples=400, seed=trial).mean(values)
        held += interval.low <= 0.9 <= interval.high
        pictures = PersonBootstrap(np.arange(120).astype(str), resamples=400, seed=trial).mean(values)
        narrow += pictures.low <= 0.9 <= pictures.high
    assert 0.88 <= held / 200 <= 0.99
    assert narrow / 200 < 0.8, "pictures of a person drawn one by one say too much"


def test_the_same_seed_draws_the_same_people(values):
    people = [str(number) for number in range(len(values))]
    assert PersonBootstrap(people, seed=1).mean(values) == PersonBootstrap(people, seed=1).mean(values)
    assert PersonBootstrap(people, seed=1).mean(values) != PersonBootstrap(people, seed=2).mean(values)


@pytest.mark.parametrize(
    ("people", "values", "reason"),
    [
        (["a", "a"], [[0.5], [0.7]], "pictures of 1 person: none to draw from"),
        ([], np.zeros((0, 3)), "pictures of 0 people: none to draw from"),
        (["a", "b"], [[np.nan], [np.nan]], "there are no figures"),
    ],
)
def test_where_there_is_no_interval_it_says_why(people, values, reason):
    interval = PersonBootstrap(people).mean(np.array(values))
    assert np.isnan([interval.low, interval.high]).all()
    assert interval.reason == reason
    change = PersonBootstrap(people).difference(np.array(values), np.array(values))
    assert np.isnan(change.low) and change.reason == reason


def test_figures_of_other_pictures_are_refused():
    with pytest.raises(ShapeError, match=r"\(2, bones\), a row a picture, but came as \(3, 1\)"):
        PersonBootstrap(["a", "b"]).mean(np.zeros((3, 1)))
