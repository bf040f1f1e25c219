"""Training and validation: by patient, and alike in pose."""

from collections import defaultdict
from collections.abc import Mapping, Sequence

import numpy as np

from handbone.core.errors import HandboneError
from handbone.core.samples import Sample
from handbone.data.dataset import Dataset
from handbone.data.pose import bend_degrees, pose
from handbone.recipe.schema import Split


def split_patients(dataset: Dataset, samples: Sequence[Sample], split: Split) -> tuple[list[Sample], list[Sample]]:
    """`divide` with the bends that the labels of the samples show.

    Raises
    ------
    HandboneError: labels cannot be read, or all samples belong to one patient.
    """
    bends = {sample.name: bend_degrees(dataset.labels(sample).centroids_xy()) for sample in samples}
    return divide(samples, split, bends)


def divide(samples: Sequence[Sample], split: Split, bends: Mapping[str, float]) -> tuple[list[Sample], list[Sample]]:
    """Training and validation samples of one fold.

    All images of a patient are on the same side. Patients with a bent wrist are dealt to the folds first: each fold
    gets its share of both poses. With fewer patients than folds there are as many folds as patients.

    Parameters
    ----------
    samples: labelled samples, in any order: the result depends on patients and seed only.
    split: how many folds, which one validates, and the seed.
    bends: image name to bend in degrees, as `handbone.data.pose.bend_degrees` gives it; missing and NaN mean unknown.

    Raises
    ------
    HandboneError: all samples belong to one patient.
    """
    hands: dict[str, list[Sample]] = defaultdict(list)
    for sample in sorted(samples, key=lambda s: (s.name, str(s.image))):
        hands[sample.patient_id].append(sample)
    if len(hands) < 2:
        what = "images of a single patient cannot be split into training and validation"
        raise HandboneError(what, remedy="add images of other patients")
    folds = _deal(hands, min(split.folds, len(hands)), split.seed, bends)
    chosen = {sample.image for patient_id in folds[split.fold % len(folds)] for sample in hands[patient_id]}
    train = [s for s in samples if s.image not in chosen]
    return train, [s for s in samples if s.image in chosen]


def _deal(hands: Mapping[str, list[Sample]], count: int, seed: int, bends: Mapping[str, float]) -> list[list[str]]:
    """Patients dealt to folds: within each pose, in a random order, always to the fold with the fewest images."""
    rng = np.random.default_rng(seed)
    folds: list[list[str]] = [[] for _ in range(count)]
    images = np.zeros(count, int)
    groups: dict[bool, list[str]] = {True: [], False: []}
    for patient_id in sorted(hands):
        bent = any(pose(bends.get(sample.name, float("nan"))) == "bent" for sample in hands[patient_id])
        groups[bent].append(patient_id)
    for patients in groups.values():
        of_this_pose = np.zeros(count, int)
        for patient_id in rng.permutation(patients).tolist():
            fold = int(np.lexsort((images, of_this_pose))[0])
            folds[fold].append(patient_id)
            of_this_pose[fold] += 1
            images[fold] += len(hands[patient_id])
    return folds
