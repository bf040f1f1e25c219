"""What a calibrated gate brings on patients that it does not know, told from trials alone."""

import numpy as np

from handbone.anatomy import COUNT
from handbone.method.calibration import gate


def nested(trials, pictures):
    """Mean gain of a trial, and share of all (picture, bone) pairs harmed, behind the gates of nested folds."""
    patients = sorted({trial.patient for trial in trials})
    fits = gate.cross_fit_gates(patients, [[t for t in trials if t.patient == patient] for patient in patients])
    used = np.array(
        [behind.harm(t.bone, t.evidence) <= behind.limit for t in trials for behind in [fits.without(t.patient)]]
    )
    gains = np.array([trial.gain for trial in trials])
    return gains[used].sum() / len(gains), np.count_nonzero(gains[used] < -gate.HARM) / (pictures * COUNT)
