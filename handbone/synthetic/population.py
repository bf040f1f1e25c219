"""Real adults as measurements: the mean hand, what the wrist's bend changes in it, and how patients and poses differ.

`handbone.synthetic.fit` finds the measurements and writes `assets/proportions.json`.
"""

import json
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from handbone import anatomy
from handbone.core.files import write_text
from handbone.synthetic.body import Shape
from handbone.synthetic.skeleton import FOREARM, PLACED, load_skeleton

PROPORTIONS = Path(__file__).parent / "assets" / "proportions.json"
#: What is known of each bone: ln(width), ln(length), x and y in millimetres, degrees in the plane towards the thumb.
PARAMETERS = ("width", "length", "x", "y", "turn")
FINGERS = tuple(i for i in range(19) if i not in anatomy.METACARPALS or i == anatomy.METACARPALS[0])

#: Degrees about their own axes by which MyoHand's bones, whose hand is cupped, turn when it lies flat on a plate.
PALM_DOWN = np.zeros(anatomy.COUNT)
PALM_DOWN[:3] = (45.0, 40.0, 15.0)
PALM_DOWN[11:14], PALM_DOWN[15:18] = -20.0, -28.0

#: Shares of the variance of width, length and turn that all bones of a patient have in common.
_COMMON = {"width": 0.5, "length": 0.15, "turn": 0.0}
#: Neighbours lie off their usual places together: the distance in millimetres over which, and the share that is not so.
_REACH, _ALONE = 18.0, 0.12


@dataclass(frozen=True, eq=False)
class Population:
    """Measurements of adults.

    Parameters
    ----------
    mean: (29, 5) of `PARAMETERS` where the wrist is straight. drift: (29, 5) what each degree of bend adds.
    std: (29, 5) standard deviations between patients. waist: (29,) mean second wave of a bone's width.
    sway: (29, 2) standard deviations in degrees between poses of a straight and of a bent wrist; fingers only.
    """

    mean: np.ndarray
    drift: np.ndarray
    std: np.ndarray
    waist: np.ndarray
    sway: np.ndarray

    def mean_shape(self) -> Shape:
        """An adult without any variation."""
        scale = np.exp(self.mean[:, [0, 1, 0]])
        shift = np.column_stack([self.mean[:, 2:4], np.zeros(anatomy.COUNT)])
        waves = np.zeros((anatomy.COUNT, 4))
        waves[:, 1] = self.waist
        return Shape(scale, shift, waves, PALM_DOWN.copy(), turn=self.mean[:, 4].copy(), drift=self.drift.copy())

    def draw(self, rng: np.random.Generator) -> np.ndarray:
        """(29, 5) how one patient's parameters differ from the mean."""
        count = anatomy.COUNT
        sides = rng.standard_normal((2, count)) @ _neighbourly().T
        columns = {"x": sides[0], "y": sides[1]}
        for name, common in _COMMON.items():
            columns[name] = common**0.5 * rng.standard_normal() + (1 - common) ** 0.5 * rng.standard_normal(count)
        # A carpal that is wide is long, too.
        carpals = list(anatomy.CARPALS)
        columns["length"][carpals] = 0.8 * columns["length"][carpals] + 0.6 * columns["width"][carpals]
        # Two bones far off in opposite ways make no hand.
        return self.std * np.clip(np.column_stack([columns[name] for name in PARAMETERS]), -2.3, 2.3)

    def draw_sway(self, rng: np.random.Generator, *, bent: bool) -> np.ndarray:
        """(29,) degrees by which one pose's fingers stand aside, each against its parent, towards the thumb."""
        lean, fan = rng.standard_normal(2)
        sway = rng.standard_normal(anatomy.COUNT)
        for index, place in zip((5, 9, 13, 17), (1.0, 0.3, -0.4, -1.0), strict=True):
            # The fingers lean together, spread like a fan, and each has a little way of its own.
            weights = np.array([0.75, 0.45 * place, 0.45])
            sway[index] = weights @ [lean, fan, sway[index]] / np.linalg.norm(weights)
        return sway * self.sway[:, int(bent)]

    def write(self, path: Path = PROPORTIONS) -> None:
        """Write the file that `load_population` reads."""
        lines = []
        for index, name in enumerate(anatomy.NAMES):
            row = {
                "mean": self.mean[index].round(4).tolist(),
                "per_10_degrees": (10 * self.drift[index]).round(4).tolist(),
                "std": self.std[index].round(4).tolist(),
                "waist": round(float(self.waist[index]), 4),
            }
            if index in FINGERS:
                row["sway"] = self.sway[index].round(2).tolist()
            lines.append(f" {json.dumps(name)}: {json.dumps(row)}")
        write_text(path, "{\n" + ",\n".join(lines) + "\n}\n")


@lru_cache(maxsize=1)
def load_population() -> Population:
    """The measurements in the package."""
    table = json.loads(PROPORTIONS.read_text(encoding="utf-8"))
    rows = [table[name] for name in anatomy.NAMES]
    return Population(
        mean=np.array([row["mean"] for row in rows]),
        drift=np.array([row["per_10_degrees"] for row in rows]) / 10,
        std=np.array([row["std"] for row in rows]),
        waist=np.array([row["waist"] for row in rows]),
        sway=np.array([row.get("sway", (0.0, 0.0)) for row in rows]),
    )


@lru_cache(maxsize=1)
def _neighbourly() -> np.ndarray:
    """(29, 29) lower factor of the correlation between bones' places: high between neighbours, none in phalanges."""
    base = load_skeleton().base[:, :2].copy()
    # The forearm's bones are tied to each other more than their distance says.
    base[FOREARM[1]] = (base[FOREARM[0]] + base[FOREARM[1]]) / 2
    near = np.exp(-((np.linalg.norm(base[:, None] - base, axis=-1) / _REACH) ** 2) / 2)
    hung = np.array([i not in PLACED for i in range(anatomy.COUNT)])
    near[hung], near[:, hung] = 0.0, 0.0
    return np.linalg.cholesky((1 - _ALONE) * near + _ALONE * np.eye(anatomy.COUNT) + np.diag(hung * (1 - _ALONE)))
