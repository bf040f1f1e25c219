"""Random people and poses: who lies on the detector, and how."""

import json
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import Literal

import numpy as np

from handbone import anatomy
from handbone.synthetic.body import Pose, Shape
from handbone.synthetic.growth import draw_growth
from handbone.synthetic.skeleton import FOREARM

Variety = Literal["contest", "wide"]

PROPORTIONS = Path(__file__).parent / "assets" / "proportions.json"
_PHALANGES = tuple(i for i in range(19) if i not in anatomy.METACARPALS)

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
    thickness of the flesh. absent: bones that have not formed yet. plates: (29,) how open the growth plates are.
    """

    shape: Shape
    age: float
    growth: float
    fullness: float
    absent: tuple[int, ...] = ()
    plates: np.ndarray = field(default_factory=lambda: np.zeros(anatomy.COUNT))


@lru_cache(maxsize=1)
def proportions() -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Mean scale (29, 3), shift (29, 3) in millimetres, waves (29, 4), roll (29,), from `handbone.synthetic.fit`."""
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
    return Person(Shape(*proportions()), 18.0, 1.0, 1.0)


def draw_person(rng: np.random.Generator, variety: Variety, *, age: float | None = None, spread: float = 1.0) -> Person:
    """A random person: adults only in the contest's variety, from 5 years of age in the wide one if none is given.

    spread: times the usual variation of the bones' sizes, shapes and places.
    """
    scale, shift, waves, roll = (array.copy() for array in proportions())
    wide = variety == "wide"
    spread *= 1.35 if wide else 1.0
    if age is None:
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
    if wide:
        # Contest labels let the bases overlap the carpals; in other hands, above all young ones, a gap shows instead.
        shift[list(anatomy.METACARPALS[1:]), 1] -= rng.uniform(-0.3, 3.2) + youth * rng.uniform(0, 1.2)
        # The little finger's joint faces the detector steeply: its base covers the hamate's edge in few hands.
        shift[anatomy.METACARPALS[4], :2] -= rng.normal(0, 0.7), rng.uniform(-0.5, 4.0)
        roll[:3] += _thumb_turn(rng)
        scale[:3, 2] *= 0.88
        # Joint spaces are wide or narrow in all of a person's fingers.
        shift[list(_PHALANGES), 1] += rng.normal(0, 0.3)
    shape = Shape(scale, shift, waves, roll)
    absent: tuple[int, ...] = ()
    plates = np.zeros(anatomy.COUNT)
    if age < 18:
        shape, absent, plates = _younger(rng, age, shape)
    elif wide and rng.random() < 0.3:
        shape = _worn(rng, shape)
    if wide and rng.random() < 0.02:
        absent = (*absent, int(rng.choice(np.arange(19))))
    fullness = float(np.clip(rng.normal(1.0, 0.13 if wide else 0.07), 0.8, 1.45 if wide else 1.3)) * (1 + 0.06 * youth)
    growth = float(np.clip(1 - 0.42 * youth + rng.normal(0, 0.03), 0.5, 1.1))
    return Person(shape, age, growth, fullness, absent, plates)


def _thumb_turn(rng: np.random.Generator) -> float:
    """Degrees by which the thumb is seen more from its side or more from its back than in an average hand."""
    return float(rng.uniform(-50, 30) if rng.random() < 0.5 else rng.normal(0, 8))


def _younger(rng: np.random.Generator, age: float, shape: Shape) -> tuple[Shape, tuple[int, ...], np.ndarray]:
    """The shape at an age in years, the bones that are not there yet, and how open the growth plates are."""
    young = draw_growth(rng, age)
    waves = shape.waves.copy()
    waves[:, 1] += young.waist
    shape = replace(
        shape,
        scale=shape.scale * young.scale,
        shift=shape.shift + young.shift,
        waves=waves,
        epiphysis=young.epiphysis,
        cap=young.cap,
        roundness=young.roundness,
    )
    return shape, young.absent, young.plates


def _worn(rng: np.random.Generator, shape: Shape) -> Shape:
    """Older people's joints: narrow spaces, and rims of the phalanges' bases drawn out to spurs."""
    wear = rng.uniform(0.2, 1.0)
    shift, spurs = shape.shift.copy(), shape.spurs.copy()
    for index in _PHALANGES:
        joint = wear * rng.uniform(0, 1)
        shift[index, 1] += 0.9 * joint
        spurs[index] = 0.3 * joint * rng.uniform(0, 1)
    shift[list(FOREARM), 1] -= wear * rng.uniform(0, 1.2)
    return replace(shape, shift=shift, spurs=spurs)


def stretched_scaphoid(shape: Shape, bend_degrees: float) -> Shape:
    """The shape with the Scaphoid as a bent wrist shows it: long when it turns away from the thumb, else short.

    The bone tips in depth so that it stays between Radius and Trapezium.
    """
    scaphoid = anatomy.INDEX["Scaphoid"]
    longer = float(np.clip(bend_degrees / 45.0, -0.6, 1.2)) * 0.22
    scale, shift = shape.scale.copy(), shape.shift.copy()
    scale[scaphoid, 1] *= 1 + longer
    shift[scaphoid, :2] -= np.array([2.0, 8.0]) * longer
    return replace(shape, scale=scale, shift=shift)


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
    if wide and rng.random() < 0.12:
        _bend_tips(rng, flexion)
    flexion[2], abduction[2] = rng.normal(0, 9.0 if wide else 5.0), rng.normal(0, 10.0 if wide else 5.0)
    flexion[1], flexion[0] = rng.normal(-2, 4.0 if not wide else 8.0), rng.normal(-4, 5.0 if not wide else 12.0)
    abduction[1], abduction[0] = rng.normal(0, 5.0), rng.normal(0, 5.0)
    bend = float(rng.triangular(34, 36, 62) if bent else rng.normal(0, 6.5))
    if wide and not bent and rng.random() < 0.3:
        bend = float(rng.uniform(-25, 34))
    out = 2.2 if wide else 1.0
    tilt, turn = rng.uniform(-12, 12, 2) * [1.0, 1.3] if wide and rng.random() < 0.25 else (0.0, 0.0)
    return Pose(
        flexion,
        abduction,
        bend,
        extension=float(rng.normal(0, 3.0) * out),
        pronation=float(rng.normal(0, 5.0) * out),
        tilt=float(tilt + rng.normal(0, 2.0) * out),
        turn=float(turn + rng.normal(0, 2.5) * out),
    )


def _bend_tips(rng: np.random.Generator, flexion: np.ndarray) -> None:
    """Bend the last joints of one to four fingers, as those of people who cannot stretch them."""
    for finger in rng.choice(4, rng.integers(1, 5), replace=False):
        distal, middle = 3 + 4 * finger, 4 + 4 * finger
        flexion[distal] += rng.uniform(10, 60)
        flexion[middle] += rng.uniform(0, 40)
