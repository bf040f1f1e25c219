"""Training and validation sets."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handbone.core.errors import HandboneError
from handbone.core.samples import Sample
from handbone.data.dataset import open_dataset
from handbone.data.split import divide, split_patients
from handbone.recipe.schema import Data, Split


def patients(count, bent):
    samples = [
        Sample(f"{p:03}_{side}.png", Path(f"/d/{p:03}/{p:03}_{side}.png"), Path("x"), f"ID{p:03}")
        for p in range(count)
        for side in "LR"
    ]
    bends = {f"{p:03}_R.png": 45.0 if p in bent else 3.0 for p in range(count)}  # the left hands' bend is not known
    return samples, bends


@given(count=st.integers(2, 40), bent=st.sets(st.integers(0, 39)), folds=st.integers(2, 7), seed=st.integers(0, 9))
def test_every_patient_validates_once_and_poses_are_shared_out(count, bent, folds, seed):
    samples, bends = patients(count, bent)
    bent = {f"ID{p:03}" for p in bent if p < count}
    seen = []
    for fold in range(min(folds, count)):
        train, validation = divide(samples, Split(folds=folds, fold=fold, seed=seed), bends)
        assert not {s.patient_id for s in train} & {s.patient_id for s in validation}
        assert sorted([*train, *validation], key=lambda s: s.name) == samples
        validating = {s.patient_id for s in validation}
        share = len(bent) / min(folds, count)
        assert share - 1 < len(validating & bent) < share + 1
        seen += validating
    assert sorted(seen) == sorted({s.patient_id for s in samples})


def test_the_split_does_not_depend_on_the_order_of_the_samples():
    samples, bends = patients(11, {2, 5})
    first = divide(samples, Split(), bends)[1]
    again = divide(samples[::-1], Split(), bends)[1]
    assert set(first) == set(again)
    assert set(first) != set(divide(samples, Split(seed=1), bends)[1])


def test_one_patient_cannot_be_split():
    samples, bends = patients(1, set())
    with pytest.raises(HandboneError, match="images of a single patient cannot be split"):
        divide(samples, Split(), bends)


def test_the_pose_is_read_off_the_labels(contest):
    dataset = open_dataset(Data(path=str(contest)))
    train, validation = split_patients(dataset, dataset.labelled("train"), Split(folds=2))
    assert len(train) + len(validation) == 8
    # ID003 is the only one with bent hands: dealt first, so into the first fold.
    assert "ID003" in {s.patient_id for s in validation}
