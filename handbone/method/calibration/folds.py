"""Folds by patient, and fits each of which knows none of the patients that it is used on."""

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

import numpy as np

FOLDS = 5
_Fit = TypeVar("_Fit")


@dataclass(frozen=True)
class CrossFit(Generic[_Fit]):
    """The same fit to all patients, and to all but those of each fold.

    Parameters
    ----------
    final: knows every patient.
    fits: one a fold. fold_of: patient to the number of the fold that leaves the patient out.
    """

    final: _Fit
    fits: tuple[_Fit, ...]
    fold_of: Mapping[Hashable, int]

    def of(self, fold: int | None) -> _Fit:
        """The fit of a fold, or the one that knows every patient."""
        return self.final if fold is None else self.fits[fold]

    def without(self, patient: Hashable) -> _Fit:
        """The fit that knows nothing of a patient."""
        return self.fits[self.fold_of[patient]]


def cross_fit(patients: Sequence[Hashable], fit: Callable[[np.ndarray], _Fit]) -> CrossFit[_Fit]:
    """Fit to the images of all patients, and to those of the training part of each fold.

    Parameters
    ----------
    patients: whose each image is. fit: gives the fit to some images, by their numbers (n,).
    """
    fits: list[_Fit] = []
    fold_of: dict[Hashable, int] = {}
    for number, (training, left_out) in enumerate(patient_folds(patients)):
        fits.append(fit(training))
        fold_of |= {patients[image]: number for image in left_out}
    return CrossFit(fit(np.arange(len(patients))), tuple(fits), fold_of)


def patient_folds(patients: Sequence[Hashable]) -> list[tuple[np.ndarray, np.ndarray]]:
    """Numbers of the rows in each fold's training part, and of those left out; a patient's rows stay together.

    Fewer patients than folds have a fold each. A single patient is judged on itself: there is nobody else.
    """
    from sklearn.model_selection import GroupKFold

    groups = np.unique(np.asarray(patients), return_inverse=True)[1]
    count = len(np.unique(groups))
    rows = np.arange(len(groups))
    if count < 2:
        return [(rows, rows)] if count else []
    return list(GroupKFold(min(FOLDS, count)).split(rows, groups=groups))
