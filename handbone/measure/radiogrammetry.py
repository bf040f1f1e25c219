"""Radiogrammetry of the metacarpals MC2 to MC4: how thick their walls are.

T is the mean thickness of both sides of the wall, W the width of the shaft, L the length of the bone. Each is the mean
of three spots of a bone; the target MC2-4 is the mean of nine, which one spot cannot replace (pubmed 6879218).
"""

from collections.abc import Callable

import numpy as np

from handbone.measure.cortex import Spot, read_spots
from handbone.measure.hand import Hand, Refused
from handbone.measure.spec import Aim, Reading, measure

_BONES = ("MC2", "MC3", "MC4")
#: The target that is the mean of the three bones.
MEAN = "MC2-4"
_TARGETS = (*_BONES, MEAN)
_AIM = Aim(2.0, "%")


# Formulas over the wall's thickness T, the shaft's width W and the bone's length L.
def mean_thickness(t: float, w: float, length: float) -> float:
    """T."""
    return t


def area_over_square(t: float, w: float, length: float) -> float:
    """A / W^2 with A = pi W T (1 - T/W)."""
    return float(np.pi * t * (1 - t / w) / w)


def health_index(t: float, w: float, length: float) -> float:
    """pi T (1 - T/W) / (L W)^.33, with lengths in millimetres."""
    return float(np.pi * t * (1 - t / w) / (length * w) ** 0.33)


def percentage(t: float, w: float, length: float) -> float:
    """What both sides of the wall take of the width, in percent."""
    return 200 * t / w


@measure("length", _TARGETS, aim=Aim(2.5, "%"))
def cortical_thickness(hand: Hand, target: str) -> Reading:
    """Cortical thickness of a metacarpal's shaft.

    Definition: T, the mean thickness of both sides of the wall, at the middle of the shaft.
    Landmarks: three levels, at 44, 50 and 56 % of the length, each the mean over 6 % of it; outer sides of the mask;
        inner sides where the grey profile, from outside inwards, stops to rise.
    Source: PMC2895878 and pubmed 6879218 (nine spots).
    Normal: about 2 mm in adults.
    Repeatability: patients's coefficient of variation 2.3 %; of the medulla 2.0 to 2.4 % (pubmed 7697961).
    """
    return _over_bones(hand, target, mean_thickness)


@measure("ratio", _TARGETS, aim=_AIM)
def metacarpal_cortical_index(hand: Hand, target: str) -> Reading:
    """Metacarpal cortical index (MCI).

    Definition: A / W^2 with the cortical area A = pi W T (1 - T/W).
    Landmarks: as those of the cortical thickness.
    Source: PMC2895878; bonexpert.com/documentation/bone-health-index.
    Normal: depends on age and sex; definitions differ between authors.
    Repeatability: coefficient of variation 2.0 to 7.9 % by operator (Osteoporos Int 11:953).
    """
    return _over_bones(hand, target, area_over_square)


@measure("mm^0.34", _TARGETS, aim=_AIM)
def bone_health_index(hand: Hand, target: str) -> Reading:
    """Bone health index (BHI), by its published formula.

    Definition: pi T (1 - T/W) / (L W)^.33, with lengths in millimetres. Not BoneXpert's own metric, which reads the
        image in another way.
    Landmarks: as those of the cortical thickness; L is the length of the bone.
    Source: bonexpert.com/documentation/bone-health-index; PMC2895878.
    Normal: depends on age and sex.
    Repeatability: coefficient of variation 1.4 % (.19 standard deviations) by the source's own method.
    """
    _need_millimetres(hand)
    return _over_bones(hand, target, health_index)


@measure("mm^0.34", _TARGETS, aim=_AIM)
def paediatric_bone_index(hand: Hand, target: str) -> Reading:
    """Paediatric bone index (PBI), by its published formula.

    Definition: A / (W^1.33 L^.33) with A = pi W T (1 - T/W) and lengths in millimetres. By its formula it equals the
        bone health index; both names are in use.
    Landmarks: as those of the cortical thickness; L is the length of the bone.
    Source: Thodberg et al. 2010, PMC2895878.
    Normal: relative standard deviation 7.5 % at equal age and sex.
    Repeatability: precision 1.42 % by the source's own method.
    """
    return bone_health_index.function(hand, target)


@measure("percent", ("MC2",), aim=Aim(2.0, "points"))
def cortical_percentage(hand: Hand, target: str) -> Reading:
    """Second metacarpal cortical percentage.

    Definition: (W - width of the medulla) / W, at the middle of the shaft.
    Landmarks: as those of the cortical thickness, of MC2.
    Source: Stanford profiles 438527, n 200. Another definition: e-jbm 599.
    Normal: below 60 % in osteopenia (sensitivity 88, specificity 60), below 50 % in osteoporosis (100, 91).
    Repeatability: coefficient of variation of the outer width .7 %, of the medulla 2.0 to 2.4 % (pubmed 7697961).
    """
    return _over_bones(hand, target, percentage)


def _over_bones(hand: Hand, target: str, formula: Callable[[float, float, float], float]) -> Reading:
    """The mean over a target's bones of a formula of T, W and L."""
    values, lines = [], []
    for bone in _BONES if target == MEAN else (target,):
        spots = read_spots(hand, bone)
        thickness, width = (float(np.mean([getattr(spot, what) for spot in spots])) for what in ("thickness", "width"))
        values.append(formula(thickness, width, hand.axis(bone).length))
        lines += [line for spot in spots for line in _walls(spot)]
    return Reading(float(np.mean(values)), tuple(lines))


def _walls(spot: Spot) -> tuple[np.ndarray, np.ndarray]:
    return spot.edges[:2], spot.edges[2:]


def _need_millimetres(hand: Hand) -> None:
    if hand.scale.spacing_mm is None:
        raise Refused("it is defined in millimetres, and the scale is not known")


MEASURES = (
    cortical_thickness,
    metacarpal_cortical_index,
    bone_health_index,
    paediatric_bone_index,
    cortical_percentage,
)
