"""How a hand grows: which bones are there at an age, how large they are, and how open their growth plates.

Ages are averages of girls and boys in textbooks of bone age (Greulich and Pyle; Tanner and Whitehouse), rounded.
"""

from dataclasses import dataclass, replace

import numpy as np

from handbone import anatomy
from handbone.synthetic.body import growing_end
from handbone.synthetic.skeleton import FOREARM

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
_CARPALS_DONE = 13.2  # years at which carpals have their grown shape
_ULNA_ONSET = 6.3  # years at which the Ulna's epiphysis appears; all others are there at 5
_PHALANX_CLOSES, _METACARPAL_CLOSES = 15.2, 15.4
_FOREARM_CLOSES = {FOREARM[0]: 16.8, FOREARM[1]: 16.3}


@dataclass(frozen=True, eq=False)
class Growth:
    """How a young person's bones differ from a grown person's.

    Parameters
    ----------
    scale: (29, 3) factors of width, length and depth. shift: (29, 3) millimetres, as in `Shape`.
    waist: (29,) added to the second wave of a shaft's width. roundness: (29,) of carpals, 0 grown, 1 an ellipsoid.
    epiphysis, cap: (29,) width and height of the growing end, relative to a grown one.
    plates: (29,) how open the growth plates are, 1 fully, 0 closed or without an epiphysis. absent: unformed bones.
    """

    scale: np.ndarray
    shift: np.ndarray
    waist: np.ndarray
    roundness: np.ndarray
    epiphysis: np.ndarray
    cap: np.ndarray
    plates: np.ndarray
    absent: tuple[int, ...]


def draw_growth(rng: np.random.Generator, age: float) -> Growth:
    """The state of a hand of this age in years; bones may be ahead or behind by about a year."""
    count = anatomy.COUNT
    growth = Growth(
        scale=np.ones((count, 3)),
        shift=np.zeros((count, 3)),
        waist=np.zeros(count),
        roundness=np.zeros(count),
        epiphysis=np.ones(count),
        cap=np.ones(count),
        plates=np.zeros(count),
        absent=(),
    )
    bone_age = age + rng.normal(0, 0.7)
    absent = tuple(i for i in anatomy.CARPALS if not _carpal(growth, i, bone_age, rng))
    slender = np.clip((17 - age) / 3, 0, 1) * rng.uniform(0.02, 0.2)
    for index in range(count):
        if index not in anatomy.CARPALS:
            _long_bone(growth, index, bone_age, slender, rng)
    return replace(growth, absent=absent)


def _carpal(growth: Growth, index: int, bone_age: float, rng: np.random.Generator) -> bool:
    """Shrink and round a carpal; False if it has not begun to ossify."""
    onset = ONSET[anatomy.NAMES[index]] + rng.normal(0, 0.5)
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
    if index == FOREARM[1]:
        formed = np.clip((bone_age - _ULNA_ONSET - rng.normal(0, 0.6)) / 5, 0, 1)
        growth.epiphysis[index] *= 0.5 + 0.5 * formed
        growth.cap[index] *= 0.3 + 0.7 * formed
        if formed == 0:
            # The shaft ends flat; all beyond is cartilage.
            growth.epiphysis[index], growth.cap[index], growth.plates[index] = 0.9, 0.05, 0.0
    # Cartilage that covers the bones' ends keeps them apart.
    space = 1.2 * youth * rng.uniform(0.4, 1.1)
    if index in FOREARM:
        growth.shift[index, 1] += space
    elif growing_end(index) == 1 and index not in anatomy.METACARPALS:
        growth.shift[index, 1] -= 0.6 * space
