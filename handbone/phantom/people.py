"""Random people and poses: who lies on the detector, and how."""

import json
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Literal

import numpy as np

from handbone import anatomy
from handbone.phantom.body import Pose, Shape, growing_end
from handbone.phantom.skeleton import FOREARM

Variety = Literal["contest", "wide"]

PROPORTIONS = Path(__file__).parent / "assets" / "proportions.json"
_MIDDLE_METACARPAL = anatomy.INDEX["finger-11"]
_PISIFORM = anatomy.INDEX["Pisiform"]

#: Degrees about their own axes by which MyoHand's bones, whose hand is cupped, turn when it lies flat on a plate.
PALM_DOWN = np.zeros(anatomy.COUNT)
PALM_DOWN[:3] = (45.0, 40.0, 15.0)
PALM_DOWN[11:14], PALM_DOWN[15:18] = -20.0, -28.0

#: Standard deviations of ln(width) and ln(length) that all bones of a person share, and that each bone has alone.
_SHARED, _OWN = np.array([0.035, 0.012]), np.array([0.040, 0.030])


@dataclass(frozen=True, eq=False)
class Person:
    """What both hands of a person have in common.

    shape: bones as in a right hand. age: years, 18 for every adult. growth: size relative to an adult. fullness:
    thickness of the flesh. absent: bones that have not formed yet.
    """

    shape: Shape
    age: float
    growth: float
    fullness: float
    absent: tuple[int, ...]


@lru_cache(maxsize=1)
def proportions() -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Mean scale (29, 3), shift (29, 3) in millimetres, waves (29, 4), roll (29,), from `handbone.phantom.fit`."""
    table = json.loads(PROPORTIONS.read_text(encoding="utf-8"))
    rows = [table[name] for name in anatomy.NAMES]
    waves = np.zeros((anatomy.COUNT, 4))
    waves[:, 1] = [row["waist"] for row in rows]
    return (
        np.array([row["scale"] for row in rows]),
        np.array([row["shift"] for row in rows]),
        waves,
        PALM_DOWN.copy(),
    )


def average_person() -> Person:
    """The fitted mean: an adult without any variation."""
    return Person(Shape(*proportions()), 18.0, 1.0, 1.0, ())


def draw_person(rng: np.random.Generator, variety: Variety) -> Person:
    """A random person: adults only in the contest's variety, from 5 years of age in the wide one."""
    scale, shift, waves, roll = (array.copy() for array in proportions())
    wide = variety == "wide"
    spread = 1.35 if wide else 1.0
    age = float(rng.uniform(5.0, 18.0)) if wide and rng.random() < 0.5 else 18.0
    youth = (18.0 - age) / 12.0

    shared = rng.normal(0, _SHARED) * spread
    own = rng.normal(0, _OWN, (anatomy.COUNT, 2)) * spread
    own[list(anatomy.CARPALS)] *= 1.1
    width, length = np.exp(shared + own).T
    depth = np.exp(shared[0] + rng.normal(0, 0.05, anatomy.COUNT))
    scale *= np.stack([width, length, depth], 1)
    shift += rng.normal(0, [0.25, 0.2, 0.2], (anatomy.COUNT, 3)) * spread
    shift[list(anatomy.CARPALS)] += rng.normal(0, [0.45, 0.45, 0.4], (len(anatomy.CARPALS), 3)) * spread
    shift[list(FOREARM), 1] += rng.normal(0, 0.6) * spread
    shift[FOREARM[1], :2] += rng.normal(0, [0.5, 1.1]) * spread
    waves += rng.normal(0, [0.025, 0.02, 0.006, 0.005], (anatomy.COUNT, 4)) * spread
    roll += rng.normal(0, 3.0, anatomy.COUNT) * spread
    epiphysis = np.ones(anatomy.COUNT)
    absent: tuple[int, ...] = ()
    if age < 17:
        scale, shift, epiphysis, absent = _younger(rng, youth, scale, shift)
    if wide and rng.random() < 0.02:
        absent = (*absent, int(rng.choice(np.arange(19))))
    shape = Shape(scale, shift, waves, roll, epiphysis)
    fullness = float(np.clip(rng.normal(1.0, 0.07 * spread), 0.8, 1.3)) * (1 + 0.06 * youth)
    growth = float(np.clip(1 - 0.42 * youth + rng.normal(0, 0.03), 0.5, 1.1))
    return Person(shape, age, growth, fullness, absent)


def _younger(rng, youth: float, scale: np.ndarray, shift: np.ndarray):
    """Children's carpals are small islands, their bone ends narrow, their joint spaces wide, their shafts slender."""
    epiphysis = np.ones(anatomy.COUNT)
    joint = 1.6 * youth
    for index in range(anatomy.COUNT):
        if index in anatomy.CARPALS:
            scale[index] *= np.clip(1 - 0.33 * youth * rng.uniform(0.6, 1.25), 0.45, 1)
            continue
        scale[index, 0] *= 1 - 0.06 * youth
        end = growing_end(index)
        epiphysis[index] = np.clip(1 - youth * rng.uniform(0.05, 0.3), 0.6, 1)
        if end == 1 and index not in anatomy.METACARPALS:
            shift[index, 1] -= joint * rng.uniform(0.5, 1.1)
        elif index in FOREARM:
            shift[index, 1] += joint * rng.uniform(0.3, 1.5)
    absent = tuple(index for index, years in {_PISIFORM: rng.normal(9.5, 1.2)}.items() if 18 - 12 * youth < years)
    return scale, shift, epiphysis, absent


def draw_pose(rng: np.random.Generator, variety: Variety, *, bent: bool) -> Pose:
    """A random pose of a hand that lies palm down on the detector.

    bent: whether the wrist is turned 34 to 66 degrees away from the thumb.
    """
    wide = variety == "wide"
    flexion, abduction = np.zeros(anatomy.COUNT), np.zeros(anatomy.COUNT)
    fan = rng.normal(0.8, 0.45) if not wide else rng.normal(0.8, 0.8)
    curl = np.abs(rng.normal(0, 5.0))
    if wide and rng.random() < 0.15:
        curl += rng.uniform(5, 30)
    for bone in anatomy.BONES[3:19]:
        digit, part, *_ = bone.title.split(" ")
        place = {"index": -1.0, "middle": -0.25, "ring": 0.5, "little": 1.2}[digit]
        if part == "proximal":
            abduction[bone.index] = 7.5 * place * fan + rng.normal(0, 2.0)
            flexion[bone.index] = 0.4 * curl + rng.normal(0, 2.0)
        elif part != "metacarpal":
            flexion[bone.index] = curl * rng.uniform(0.5, 1.3) + rng.normal(0, 2.0)
            abduction[bone.index] = rng.normal(0, 1.5)
    flexion[2], abduction[2] = rng.normal(0, 7.0 if wide else 5.0), rng.normal(0, 7.0 if wide else 5.0)
    flexion[1], flexion[0] = rng.normal(-2, 4.0 if not wide else 8.0), rng.normal(-4, 5.0 if not wide else 12.0)
    abduction[1], abduction[0] = rng.normal(0, 5.0), rng.normal(0, 5.0)
    bend = float(rng.triangular(34, 36, 62) if bent else rng.normal(0, 6.5))
    if wide and not bent and rng.random() < 0.3:
        bend = float(rng.uniform(-25, 34))
    out = 2.2 if wide else 1.0
    return Pose(
        flexion,
        abduction,
        bend,
        extension=float(rng.normal(0, 3.0) * out),
        pronation=float(rng.normal(0, 5.0) * out),
        tilt=float(rng.normal(0, 2.0) * out),
        turn=float(rng.normal(0, 2.5) * out),
    )
