"""What a calibrated gate brings on patients that it does not know, told from trials alone."""

import numpy as np

from handbone.anatomy import COUNT
from handbone.method.calibration import gate


def nested(trials, images):
    """Mean gain of a trial, and share of all (image, bone) pairs degraded, behind the gates of nested folds."""
    patients = sorted({trial.patient for trial in trials})
    fits = gate.cross_fit_gates(patients, [[t for t in trials if t.patient == patient] for patient in patients])
    behind = [(trial, fits.without(trial.patient)) for trial in trials]
    used = np.array([fit.degradation(trial.bone, trial.evidence) <= fit.threshold for trial, fit in behind])
    gains = np.array([trial.gain for trial in trials])
    return gains[used].sum() / len(gains), np.count_nonzero(gains[used] < -gate.DEGRADATION) / (images * COUNT)
