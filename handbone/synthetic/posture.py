"""How a patient's age and joints change the pose in which the hand lies on the detector."""

from dataclasses import replace

import numpy as np

from handbone.synthetic.body import Pose
from handbone.synthetic.growth import infancy
from handbone.synthetic.patients import Patient

_FINGERS = ((3, 4, 5), (7, 8, 9), (11, 12, 13), (15, 16, 17))  # distal, middle and proximal phalanx


def personal_pose(rng: np.random.Generator, pose: Pose, patient: Patient) -> Pose:
    """The pose as this patient takes it: infants curl their fingers, rheumatoid fingers drift away from the thumb."""
    if patient.rheumatism:
        return _drifting(rng, pose, patient.rheumatism)
    if rng.random() < 0.7 * infancy(patient.age) ** 0.5:
        return _curled(rng, pose)
    return pose


def _curled(rng: np.random.Generator, pose: Pose) -> Pose:
    """A hand that nobody could stretch out: all fingers half closed, or some of them."""
    flexion, abduction = pose.flexion.copy(), pose.abduction.copy()
    fist = rng.uniform(0.1, 1.0)
    for distal, middle, proximal in _FINGERS:
        share = fist * rng.uniform(0.3, 1.2)
        flexion[proximal] += 45 * share * rng.uniform(0.3, 1)
        flexion[middle] += 60 * share * rng.uniform(0.5, 1)
        flexion[distal] += 35 * share * rng.uniform(0.3, 1)
        abduction[proximal] += rng.normal(0, 4.0)
    flexion[1] += 30 * fist * rng.uniform(-0.3, 1)
    flexion[0] += 35 * fist * rng.uniform(-0.3, 1)
    abduction[2] += rng.normal(0, 8.0)
    return replace(pose, flexion=flexion, abduction=abduction)


def _drifting(rng: np.random.Generator, pose: Pose, rheumatism: float) -> Pose:
    """Ulnar drift at the knuckles, swan necks and buttonholes in the fingers, a bent thumb."""
    flexion, abduction = pose.flexion.copy(), pose.abduction.copy()
    drift = rheumatism * rng.uniform(5, 32)
    for distal, middle, proximal in _FINGERS:
        abduction[proximal] += drift * rng.uniform(0.7, 1.2)
        flexion[proximal] += rheumatism * rng.uniform(0, 25)
        if rng.random() < 0.5 * rheumatism:
            way = 1.0 if rng.random() < 0.5 else -0.4
            flexion[middle] += way * rng.uniform(15, 55)
            flexion[distal] -= way * rng.uniform(5, 30)
    flexion[1] += rheumatism * rng.uniform(0, 35)
    flexion[0] -= rheumatism * rng.uniform(0, 30)
    return replace(pose, flexion=flexion, abduction=abduction)
