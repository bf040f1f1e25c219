"""Old hands: worn and inflamed joints, carpals pressed together, thin and pale bones.

What is drawn follows textbooks of skeletal radiology: osteoarthritis narrows joints of fingers and thumb and grows
osteophytes; rheumatoid arthritis erodes the margins of metacarpal heads and carpals, fuses the carpus, and lets the
fingers subluxate towards palm and ulna.
"""

from dataclasses import dataclass, replace

import numpy as np

from handbone import anatomy
from handbone.synthetic.body import Shape
from handbone.synthetic.deformation import Margin, draw_margin
from handbone.synthetic.skeleton import CAPITATE, FOREARM, load_skeleton

_PHALANGES = tuple(i for i in range(19) if i not in anatomy.METACARPALS)
_PROXIMAL = (5, 9, 13, 17)  # proximal phalanges of the four fingers
_RHEUMATOID = 0.5  # share of old hands
#: Shares of a bone's length from tip to elbow where its joints' margins lie.
_HEAD, _BASE, _ANYWHERE = (0.04, 0.16), (0.9, 0.98), (0.1, 0.9)


@dataclass(frozen=True, eq=False)
class Ageing:
    """The effects of age on a patient's hand.

    Parameters
    ----------
    shape: of the bones. rheumatism: 0 for none, up to 1, how far fingers have slipped and drift away from the thumb.
    mineral, cortex: density of the bones and thickness of their cortex, relative to a healthy adult's.
    """

    shape: Shape
    rheumatism: float
    mineral: float
    cortex: float


def draw_ageing(rng: np.random.Generator, shape: Shape) -> Ageing:
    """A random old hand of a patient who had this shape when young."""
    rheumatism = float(rng.uniform(0.3, 1.0)) if rng.random() < _RHEUMATOID else 0.0
    shape = _crowded_carpals(rng, shape, rng.uniform(0.3, 1.0) if rheumatism else rng.uniform(0.0, 0.4))
    shape = _narrow_joints(rng, shape)
    margins = _osteophytes(rng)
    if rheumatism:
        margins += _erosions(rng, rheumatism)
        shape = _subluxed(rng, shape, rheumatism)
    return Ageing(
        replace(shape, margins=shape.margins + tuple(margins)),
        rheumatism,
        mineral=float(rng.uniform(0.5, 0.9)),
        cortex=float(rng.uniform(0.45, 0.85)),
    )


def _narrow_joints(rng: np.random.Generator, shape: Shape) -> Shape:
    """Finger joints without much of their cartilage, and rims of the phalanges' bases drawn out."""
    shift, spurs = shape.shift.copy(), shape.spurs.copy()
    for index in _PHALANGES:
        wear = rng.uniform(0, 1)
        shift[index, 1] += 0.8 * wear
        spurs[index] = max(spurs[index], 0.3 * wear * rng.uniform(0.2, 1))
    return replace(shape, shift=shift, spurs=spurs)


def _osteophytes(rng: np.random.Generator) -> list[Margin]:
    """Bony outgrowths beside finger joints, most of them at the last ones, and at the thumb's root."""
    thumb_root = (anatomy.METACARPALS[0], anatomy.INDEX["Trapezium"])
    places = [(int(i), _BASE if rng.random() < 0.5 else _HEAD) for i in rng.choice(_PHALANGES, rng.integers(2, 9))]
    places += [(index, _BASE if index == thumb_root[0] else _ANYWHERE) for index in thumb_root if rng.random() < 0.6]
    return [draw_margin(rng, bone, place, -rng.uniform(0.5, 1.8), rng.uniform(0.8, 1.5)) for bone, place in places]


def _erosions(rng: np.random.Generator, rheumatism: float) -> list[Margin]:
    """Erosions at the margins of the metacarpal heads, the phalanges' bases, the carpals and the Ulna's end."""
    margins = []
    for bone in (*anatomy.METACARPALS, *_PROXIMAL):
        for _ in range(rng.poisson(0.9 * rheumatism)):
            place = _BASE if bone in _PROXIMAL else _HEAD
            margins.append(draw_margin(rng, bone, place, rng.uniform(0.8, 2.4), rng.uniform(1.2, 2.2)))
    for bone in anatomy.CARPALS:
        for _ in range(rng.poisson(0.7 * rheumatism)):
            margins.append(draw_margin(rng, bone, _ANYWHERE, rng.uniform(0.6, 2.0), rng.uniform(1.0, 2.0)))
    if rng.random() < rheumatism:
        margins.append(draw_margin(rng, FOREARM[1], (0.0, 0.1), rng.uniform(1.5, 4.0), rng.uniform(1.5, 2.5)))
    return margins


def _crowded_carpals(rng: np.random.Generator, shape: Shape, share: float) -> Shape:
    """A carpus whose joint spaces are gone: carpals drawn to the Capitate, metacarpals and forearm after them."""
    shift, base = shape.shift.copy(), load_skeleton().base
    for index in anatomy.CARPALS:
        shift[index] -= 0.14 * share * rng.uniform(0.6, 1.2) * (base[index] - base[CAPITATE])
    shift[list(anatomy.METACARPALS[1:]), 1] += 3.0 * share * rng.uniform(0.5, 1.1)
    shift[list(FOREARM), 1] -= 3.5 * share * rng.uniform(0.4, 1.1)
    return replace(shape, shift=shift)


def _subluxed(rng: np.random.Generator, shape: Shape, rheumatism: float) -> Shape:
    """Proximal phalanges that have slipped towards the ulna, the palm and the wrist, one more than the other."""
    shift = shape.shift.copy()
    for index in _PROXIMAL:
        shift[index] += rheumatism * rng.uniform(0.2, 1.0) * np.array([3.5, 5.5, -4.0])
    return replace(shape, shift=shift)
