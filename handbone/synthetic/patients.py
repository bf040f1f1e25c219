"""Random patients and poses: who lies on the detector, and how."""

from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np

from handbone import anatomy
from handbone.synthetic.ageing import draw_ageing
from handbone.synthetic.body import Pose, Shape
from handbone.synthetic.deformation import draw_deformation
from handbone.synthetic.growth import OLD, draw_age, draw_growth, infancy
from handbone.synthetic.population import Population, load_population
from handbone.synthetic.skeleton import FOREARM

Variety = Literal["upright_adult", "diverse"]

_PHALANGES = tuple(i for i in range(19) if i not in anatomy.METACARPALS)

#: Least and greatest displacement of the bones' surfaces, relative to the bones' sizes.
_DEFORMATION = {"upright_adult": (0.025, 0.035), "diverse": (0.03, 0.06)}


@dataclass(frozen=True, eq=False)
class Patient:
    """What both hands of a patient have in common.

    shape: bones as in a right hand. age: years, 18 for every adult under 50. growth: size relative to an adult.
    fullness: thickness of the flesh. absent: bones that have not formed yet. plates: (29,) how open the growth plates
    are. ulnar: millimetres of flesh beyond the least on the little finger's side of palm and forearm. rheumatism,
    mineral, cortex: see `handbone.synthetic.ageing.Ageing`.
    """

    shape: Shape
    age: float
    growth: float
    fullness: float
    absent: tuple[int, ...] = ()
    plates: np.ndarray = field(default_factory=lambda: np.zeros(anatomy.COUNT))
    ulnar: float = 2.0
    rheumatism: float = 0.0
    mineral: float = 1.0
    cortex: float = 1.0


def average_patient() -> Patient:
    """The fitted mean: an adult without any variation."""
    return Patient(load_population().mean_shape(), 18.0, 1.0, 1.0)


def draw_patient(
    rng: np.random.Generator,
    variety: Variety,
    *,
    age: float | None = None,
    spread: float = 1.0,
    population: Population | None = None,
) -> Patient:
    """A random patient: adults only in the contest's variety, from one year of age in the wide one if none is given.

    spread: times the usual variation of the bones' sizes, shapes and places.
    population: the adults that the patient is like; real ones when not given.
    """
    population = population or load_population()
    mean = population.mean_shape()
    scale, shift, waves, roll = mean.scale, mean.shift, mean.waves, mean.roll
    diverse = variety == "diverse"
    deformation = rng.uniform(*_DEFORMATION[variety]) * spread
    spread *= 1.35 if diverse else 1.0
    if age is None:
        age = draw_age(rng) if diverse else 18.0
    youth = max(0.0, (18.0 - age) / 12.0)

    own = population.draw(rng) * spread
    width = np.exp(own[:, 0])
    scale *= np.stack([width, np.exp(own[:, 1]), width * np.exp(rng.normal(0, 0.05, anatomy.COUNT))], 1)
    shift[:, :2] += own[:, 2:4]
    shift[:, 2] += rng.normal(0, 0.3, anatomy.COUNT) * spread
    waves += rng.normal(0, [0.025, 0.02, 0.006, 0.005], (anatomy.COUNT, 4)) * spread
    roll += rng.normal(0, 3.0, anatomy.COUNT) * spread
    if diverse:
        # Grown bases cover the carpals' edges; in young hands cartilage shows as a gap between them.
        gap = min(1.0, 2 * youth)
        shift[list(anatomy.METACARPALS[1:]), 1] -= gap * rng.uniform(-0.3, 3.2) + youth * rng.uniform(0, 1.2)
        shift[anatomy.METACARPALS[4], :2] -= gap * np.array([rng.normal(0, 0.7), rng.uniform(-0.5, 4.0)])
        roll[:3] += _thumb_turn(rng)
        scale[:3, 2] *= 0.88
        # Joint spaces are wide or narrow in all of a patient's fingers.
        shift[list(_PHALANGES), 1] += rng.normal(0, 0.3)
    shape = replace(mean, scale=scale, shift=shift, waves=waves, roll=roll, turn=mean.turn + own[:, 4])
    absent: tuple[int, ...] = ()
    plates = np.zeros(anatomy.COUNT)
    if age < 18:
        shape, absent, plates = _younger(rng, age, shape)
    elif diverse and rng.random() < 0.3:
        shape = _worn(rng, shape)
    if diverse and rng.random() < 0.02:
        absent = (*absent, int(rng.choice(np.arange(19))))
    fullness = float(np.clip(rng.normal(1.0, 0.13 if diverse else 0.07), 0.8, 1.45 if diverse else 1.3)) * (
        1 + 0.06 * youth
    )
    growth = float(np.clip(1 - 0.42 * youth + rng.normal(0, 0.03), 0.5, 1.1))
    ulnar = float(np.clip(rng.normal(2.5, 2.5 if diverse else 1.8), -1.0, 9.0))
    patient = Patient(shape, age, growth, fullness, absent, plates, ulnar)
    return _varied(rng, patient, deformation)


def _varied(rng: np.random.Generator, patient: Patient, deformation: float) -> Patient:
    """The patient with bones that are deformed by a share of their size, and with what infancy or old age brings."""
    shape = replace(patient.shape, deformation=draw_deformation(rng, deformation))
    if patient.age >= OLD:
        old = draw_ageing(rng, shape)
        return replace(patient, shape=old.shape, rheumatism=old.rheumatism, mineral=old.mineral, cortex=old.cortex)
    plump = 1 + infancy(patient.age) * rng.uniform(0.1, 0.4)
    thin = 1 - 0.35 * infancy(patient.age)
    return replace(patient, shape=shape, fullness=patient.fullness * plump, cortex=thin)


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
        blunt=young.blunt,
        roundness=young.roundness,
    )
    return shape, young.absent, young.plates


def _worn(rng: np.random.Generator, shape: Shape) -> Shape:
    """Older patients' joints: narrow spaces, and rims of the phalanges' bases drawn out to spurs."""
    wear = rng.uniform(0.2, 1.0)
    shift, spurs = shape.shift.copy(), shape.spurs.copy()
    for index in _PHALANGES:
        joint = wear * rng.uniform(0, 1)
        shift[index, 1] += 0.9 * joint
        spurs[index] = 0.3 * joint * rng.uniform(0, 1)
    shift[list(FOREARM), 1] -= wear * rng.uniform(0, 1.2)
    return replace(shape, shift=shift, spurs=spurs)


def draw_pose(rng: np.random.Generator, variety: Variety, *, bent: bool, population: Population | None = None) -> Pose:
    """A random pose of a hand that lies palm down on the detector.

    bent: whether the wrist is turned 34 to 66 degrees away from the thumb. population: as in `draw_patient`.
    """
    diverse = variety == "diverse"
    flexion, abduction = np.zeros(anatomy.COUNT), np.zeros(anatomy.COUNT)
    sway = (population or load_population()).draw_sway(rng, bent=bent) * (1.35 if diverse else 1.0)
    fan = rng.normal(0, 6.0) if diverse else 0.0
    curl = np.abs(rng.normal(0, 5.0))
    if diverse and rng.random() < 0.15:
        curl += rng.uniform(5, 30)
    for bone in anatomy.BONES[3:19]:
        digit, part, *_ = bone.title.split(" ")
        if part == "proximal":
            abduction[bone.index] = fan * {"index": -1.0, "middle": -0.25, "ring": 0.5, "little": 1.2}[digit]
            flexion[bone.index] = 0.4 * curl + rng.normal(0, 2.0)
        elif part != "metacarpal":
            flexion[bone.index] = curl * rng.uniform(0.5, 1.3) + rng.normal(0, 2.0)
    if diverse and rng.random() < 0.12:
        _bend_tips(rng, flexion)
    flexion[2], abduction[2] = rng.normal(0, 9.0 if diverse else 3.0), rng.normal(0, 10.0 if diverse else 3.0)
    flexion[1], flexion[0] = rng.normal(-2, 4.0 if not diverse else 8.0), rng.normal(-4, 5.0 if not diverse else 12.0)
    bend = float(_draw_bend(rng) if bent else rng.normal(2.8, 4.0))
    if diverse and not bent and rng.random() < 0.3:
        bend = float(rng.uniform(-25, 34))
    out = 2.2 if diverse else 1.0
    tilt, turn = rng.uniform(-12, 12, 2) * [1.0, 1.3] if diverse and rng.random() < 0.25 else (0.0, 0.0)
    return Pose(
        flexion,
        abduction,
        sway,
        bend,
        # Towards the palm counts as negative.
        extension=float(-rng.normal(0, 3.0) * out),
        pronation=float(rng.normal(0, 5.0) * out),
        tilt=float(tilt + rng.normal(0, 2.0) * out),
        turn=float(turn + rng.normal(0, 2.5) * out),
    )


def _draw_bend(rng: np.random.Generator) -> float:
    """Degrees of a bent wrist, 34 to 66: real ones have a mean of 41.7 and a standard deviation of 5.0."""
    return min(66.0, 34.0 + rng.gamma(2.3, 3.4))


def _bend_tips(rng: np.random.Generator, flexion: np.ndarray) -> None:
    """Bend the last joints of one to four fingers, as those of patients who cannot stretch them."""
    for finger in rng.choice(4, rng.integers(1, 5), replace=False):
        distal, middle = 3 + 4 * finger, 4 + 4 * finger
        flexion[distal] += rng.uniform(10, 60)
        flexion[middle] += rng.uniform(0, 40)
