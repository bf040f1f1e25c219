"""Angles between axes: the wrist's pose, drifting fingers, bent tips."""

import numpy as np

from handbone.measure.axes import LongAxis
from handbone.measure.hand import Hand
from handbone.measure.spec import Aim, Reading, measure

_AIM = Aim(1.5, "degrees")


@measure("degrees", ("MC3-Radius",), aim=_AIM)
def wrist_angle(hand: Hand, target: str) -> Reading:
    """Angle of the third metacarpal against the Radius: the wrist's pose.

    Definition: angle between the long axes of MC3 and Radius, positive where the hand is bent away from the thumb.
    Landmarks: both axes run through the shafts' centres.
    Source: pose in which carpal measures are defined, as in Nattrass et al. 1994.
    Normal: the sources ask for a neutral wrist; carpal measures are refused beyond 20 degrees.
    Repeatability: not stated by the source.
    """
    return Reading(hand.wrist_angle(), tuple(_line(hand.axis(bone)) for bone in ("MC3", "Radius")))


@measure("degrees", tuple(f"PP{digit}-MC{digit}" for digit in range(2, 6)), aim=_AIM)
def finger_deviation(hand: Hand, target: str) -> Reading:
    """Deviation of a finger at its knuckle.

    Definition: angle between the long axes of proximal phalanx and metacarpal, positive away from the thumb (ulnar
        drift).
    Landmarks: both axes run through the shafts' centres.
    Source: usual definition of ulnar drift; no cut-off was found.
    Normal: depends on how the fingers are spread.
    Repeatability: not stated.
    """
    return _between(hand, target)


@measure("degrees", tuple(f"DP{digit}-MP{digit}" for digit in range(2, 6)), aim=_AIM)
def clinodactyly(hand: Hand, target: str) -> Reading:
    """Deviation of a finger's tip (clinodactyly).

    Definition: angle between the long axes of distal and middle phalanx, positive away from the thumb. The little
        finger of clinodactyly bends towards the thumb: below zero.
    Landmarks: both axes run through the shafts' centres.
    Source: usual definition of clinodactyly; no cut-off was found.
    Normal: near 0 degrees.
    Repeatability: not stated.
    """
    return _between(hand, target)


def _between(hand: Hand, target: str) -> Reading:
    distal, proximal = (hand.axis(bone) for bone in target.split("-"))
    return Reading(-hand.turn(proximal.direction, distal.direction), (_line(distal), _line(proximal)))


def _line(axis: LongAxis) -> np.ndarray:
    """(2, 2) the axis as far as it is sure."""
    return np.array([axis.point - 0.4 * axis.length * axis.direction, axis.tip])


MEASURES = (wrist_angle, finger_deviation, clinodactyly)
