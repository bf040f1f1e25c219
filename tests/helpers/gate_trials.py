"""Gates whose answer is known, and what a gate brings on patients that it does not know, told from trials alone."""

import numpy as np

from handbone.anatomy import COUNT
from handbone.method.calibration import gate


def constant_gate(probability, threshold, cautious_threshold=0.0, *, of_bones=None):
    """A gate that gives every mask one probability of degradation; of_bones: index to another one."""
    chances = [probability, *[0.5] * (4 + COUNT)]
    for bone, chance in (of_bones or {}).items():
        chances[5 + bone] = chance
    log_odds = tuple(float(np.log(chance / (1 - chance))) for chance in chances)
    return gate.Gate(coefficients=log_odds, threshold=threshold, cautious_threshold=cautious_threshold, images=10)


def nested(trials, images):
    """Mean gain of a trial, and share of all (image, bone) pairs degraded, behind the gates of nested folds."""
    patients = sorted({trial.patient for trial in trials})
    fits = gate.cross_fit_gates(patients, [[t for t in trials if t.patient == patient] for patient in patients])
    behind = [(trial, fits.without(trial.patient)) for trial in trials]
    used = np.array([fit.degradation(trial.bone, trial.evidence) <= fit.threshold for trial, fit in behind])
    gains = np.array([trial.gain for trial in trials])
    return gains[used].sum() / len(gains), np.count_nonzero(gains[used] < -gate.DEGRADATION) / (images * COUNT)
