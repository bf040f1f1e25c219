"""How a hand grows from one year on: which bones and epiphyses are there, how large, and how open their plates.

Ages are averages of girls and boys in textbooks of bone age (Greulich and Pyle; Tanner and Whitehouse), rounded.
"""

from dataclasses import dataclass, replace

import numpy as np

from handbone import anatomy
from handbone.synthetic.physis import growing_end, physis
from handbone.synthetic.skeleton import FOREARM, PLACED, load_skeleton

#: Years at which a carpal's ossification starts to show.
ONSET = {
    "Capitate": 0.3,
    "Hamate": 0.4,
    "Triquetrum": 2.3,
    "Lunate": 3.5,
    "Trapezium": 4.8,
    "Trapezoid": 5.0,
    "Scaphoid": 5.3,
    "Pisiform": 9.5,
}
OLD = 50.0  # years from which on a hand is drawn as an old one
_CARPALS_DONE = 13.2  # years at which carpals have their grown shape
#: Years at which the epiphysis of a long bone starts to show.
EPIPHYSIS_ONSET = {
    "Radius": 1.0,
    "finger-10": 1.0,
    "finger-6": 1.1,
    "finger-14": 1.1,
    "finger-7": 1.3,
    "finger-18": 1.4,
    "finger-1": 1.4,
    "finger-11": 1.5,
    "finger-9": 1.6,
    "finger-13": 1.6,
    "finger-8": 1.7,
    "finger-15": 1.7,
    "finger-12": 1.8,
    "finger-5": 1.8,
    "finger-19": 1.9,
    "finger-4": 2.2,
    "finger-3": 2.2,
    "finger-2": 2.3,
    "finger-16": 2.4,
    "finger-17": 2.6,
    "Ulna": 6.3,
}
_EPIPHYSIS_FORMS = 2.6  # years until an epiphysis is as wide as its shaft; the Ulna's takes 5
_PHALANX_CLOSES, _METACARPAL_CLOSES = 15.2, 15.4
_ON_KNUCKLES = (5, 9, 13, 17)  # proximal phalanges; their metacarpals follow in anatomy's order
_FOREARM_CLOSES = {FOREARM[0]: 16.8, FOREARM[1]: 16.3}


@dataclass(frozen=True, eq=False)
class Growth:
    """How a young patient's bones differ from a grown patient's.

    Parameters
    ----------
    scale: (29, 3) factors of width, length and depth. shift: (29, 3) millimetres, as in `Shape`.
    waist: (29,) added to the second wave of a shaft's width. roundness: (29,) of carpals, 0 grown, 1 an ellipsoid.
    epiphysis, cap: (29,) width and height of the growing end, relative to a grown one.
    blunt: (29,) as in `Shape`. plates: (29,) how open the growth plates are, 1 fully, 0 closed or without an
        epiphysis. absent: unformed bones.
    """

    scale: np.ndarray
    shift: np.ndarray
    waist: np.ndarray
    roundness: np.ndarray
    epiphysis: np.ndarray
    cap: np.ndarray
    blunt: np.ndarray
    plates: np.ndarray
    absent: tuple[int, ...]


def draw_age(rng: np.random.Generator) -> float:
    """A random age in years as the diverse variety holds them: 18 stands for every adult, ages from 50 on are old
    hands.

    One in eight is under five, one in ten old, four in ten are children of five and more.
    """
    kind = rng.random()
    if kind < 0.125:
        return float(rng.uniform(1.0, 5.0))
    if kind < 0.225:
        return float(rng.uniform(OLD, 90.0))
    return float(rng.uniform(5.0, 18.0)) if kind < 0.625 else 18.0


def infancy(age: float) -> float:
    """1 at one year of age, 0 from five years on: how stubby the shafts and how plump the flesh."""
    return float(np.clip((5.0 - age) / 4.0, 0, 1))


def draw_growth(rng: np.random.Generator, age: float) -> Growth:
    """The state of a hand of this age in years; bones may be ahead or behind by a year, less in infants."""
    count = anatomy.COUNT
    growth = Growth(
        scale=np.ones((count, 3)),
        shift=np.zeros((count, 3)),
        waist=np.zeros(count),
        roundness=np.zeros(count),
        epiphysis=np.ones(count),
        cap=np.ones(count),
        blunt=np.zeros(count),
        plates=np.zeros(count),
        absent=(),
    )
    bone_age = age + rng.normal(0, min(0.7, 0.1 + 0.12 * age))
    absent = tuple(i for i in anatomy.CARPALS if not _carpal(growth, i, bone_age, rng))
    stubby = infancy(age)
    slender = np.clip((17 - age) / 3, 0, 1) * rng.uniform(0.02, 0.2) * (1 - stubby)
    wide = 1 + stubby * rng.uniform(0.12, 0.35)
    for index in range(count):
        if index not in anatomy.CARPALS:
            _long_bone(growth, index, bone_age, slender, rng)
            growth.scale[index, [0, 2]] *= wide
            growth.waist[index] -= 0.05 * stubby
    growth.blunt[list(anatomy.METACARPALS[1:])] = stubby**0.5
    # Bones this stout stand farther apart, measured in lengths of their short shafts.
    layout = load_skeleton().base[list(PLACED), 0]
    growth.shift[list(PLACED), 0] += (0.85 * (wide - 1)) * layout
    return replace(growth, absent=absent)


def _carpal(growth: Growth, index: int, bone_age: float, rng: np.random.Generator) -> bool:
    """Shrink and round a carpal; False if it has not begun to ossify."""
    onset = ONSET[anatomy.NAMES[index]]
    onset += rng.normal(0, min(0.5, 0.1 + 0.15 * onset))
    # The pisiform comes late and is grown soon after.
    done = max(_CARPALS_DONE + rng.normal(0, 0.4), onset + 2.5)
    share = np.clip((bone_age - onset) / (done - onset), 0, 1)
    growth.scale[index] = (0.3 + 0.7 * share**0.6) * rng.uniform(0.96, 1.03, 3)
    growth.roundness[index] = 0.85 * (1 - share)
    return bone_age > onset


def _long_bone(growth: Growth, index: int, bone_age: float, slender: float, rng: np.random.Generator) -> None:
    """Make a shaft slender, its epiphysis thin and narrow, its joint wide, and open its plate."""
    youth = np.clip((13.5 - bone_age) / 8, 0, 1)
    growth.scale[index, [0, 2]] = 1 - slender - 0.05 * youth
    growth.waist[index] = 0.25 * slender
    growth.epiphysis[index] = np.clip(1.03 - youth * rng.uniform(0.15, 0.42), 0.5, 1.04)
    growth.cap[index] = np.clip(1.0 - youth * rng.uniform(0.25, 0.5), 0.4, 1)
    closes = _FOREARM_CLOSES.get(index, _METACARPAL_CLOSES if index in anatomy.METACARPALS else _PHALANX_CLOSES)
    growth.plates[index] = np.clip((closes + rng.normal(0, 0.4) - bone_age) / 1.5, 0, 1)
    formed = _epiphysis(growth, index, bone_age, rng)
    # Cartilage that covers the bones' ends keeps them apart.
    space = 1.2 * youth * rng.uniform(0.4, 1.1)
    if index in FOREARM:
        growth.shift[index, 1] += space
    elif growing_end(index) == 1 and index not in anatomy.METACARPALS:
        growth.shift[index, 1] -= 0.6 * space
        if index in _ON_KNUCKLES:
            # A knuckle of cartilage alone keeps its phalanx as far away as bone will do later.
            growth.shift[index, 1] -= 0.5 * (1 - formed) * physis(index + 1)


def _epiphysis(growth: Growth, index: int, bone_age: float, rng: np.random.Generator) -> float:
    """How far an epiphysis has formed, 0 to 1; before its onset the shaft ends blunt and all beyond is cartilage."""
    late = index == FOREARM[1]
    onset = EPIPHYSIS_ONSET[anatomy.NAMES[index]] + rng.normal(0, 0.6 if late else 0.2)
    formed = float(np.clip((bone_age - onset) / (5.0 if late else _EPIPHYSIS_FORMS), 0, 1))
    growth.epiphysis[index] *= 0.5 + 0.5 * formed
    growth.cap[index] *= 0.3 + 0.7 * formed
    if formed == 0:
        growth.epiphysis[index], growth.cap[index], growth.plates[index] = 0.9, 0.05, 0.0
    return formed
