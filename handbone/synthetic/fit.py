"""Fits the drawn adults to real hands and writes `assets/proportions.json` (`python -m handbone.synthetic.fit`).

Every measurement of a bone answers to one parameter of it: its place to the shift, its angle to the turn, its length,
width and area to scale and waist, and the spread of each measurement to the parameter's spread. So a fixed ensemble of
patients and poses is drawn again and again, and each parameter takes a damped step by what its measurement lacks, in
straight and in bent wrists. Between the steps, the wanted places move a little, within real hands' spread, to where the
overlaps agree.
"""

from dataclasses import dataclass, replace

import numpy as np

from handbone import anatomy
from handbone.core.bone_masks import BoneMasks
from handbone.synthetic.contours import hand_contours
from handbone.synthetic.fit_carpals import fit_carpal
from handbone.synthetic.fit_overlaps import moves_for_overlaps
from handbone.synthetic.measure import POSES, bone_measurements, reference
from handbone.synthetic.patients import draw_patient, draw_pose
from handbone.synthetic.population import FINGERS, PARAMETERS, PROPORTIONS, Population, load_population
from handbone.synthetic.skeleton import FOREARM, PLACED, PROXIMAL_ROW, load_skeleton

_HANDS, _SIZE = 40, 1024  # hands of each pose, and their images' side
_UNIT = anatomy.INDEX["finger-11"]
_UNIT_MM = 56.0  # length of the mean third metacarpal
_DAMPING = 0.7
_CARPALS = list(anatomy.CARPALS)
_ULNA = FOREARM[1]
_HUNG = [i for i in range(anatomy.COUNT) if i not in PLACED]
_JOINT_STD = 0.25  # millimetres by which patients' joint spaces differ
_MOST_SWAY = 9.0
_TOUCH = 0.002  # share of a phalanx that covers the next where real ones are not known to overlap
_WIDTH, _LENGTH, _X, _Y, _TURN = range(len(PARAMETERS))
_AREA = len(PARAMETERS)


def _widest() -> np.ndarray:
    """(29, 5) greatest spread of `PARAMETERS`.

    The Ulna's end is where its styloid or its head stands out, so that its place seems to vary more than it does.
    """
    widest = np.tile([0.10, 0.11, 2.0, 2.0, 10.0], (anatomy.COUNT, 1))
    widest[_ULNA, _X] = 1.2
    return widest


def draw_ensemble(population: Population) -> dict[str, list[BoneMasks]]:
    """The same patients and poses of this population at every call, by pose."""
    hands: dict[str, list[BoneMasks]] = {pose: [] for pose in POSES}
    for pose, drawn in hands.items():
        for number in range(_HANDS):
            rng = np.random.default_rng([91, POSES.index(pose), number])
            patient = draw_patient(rng, "upright_adult", population=population)
            posed = draw_pose(rng, "upright_adult", bent=pose == "bent", population=population)
            drawn.append(hand_contours(patient, posed, rng, size=_SIZE))
    return hands


@dataclass(frozen=True, eq=False)
class Lack:
    """What synthetic hands lack to agree with real ones, straight wrists first.

    mean, variance: (2, 29, 6) of the measurements behind `PARAMETERS` and of the area, the first two and the last as
    ln; a forearm's place is that of its end; 0 where real hands say nothing. bend: (2,) mean degrees of the wrist.
    """

    mean: np.ndarray
    variance: np.ndarray
    bend: np.ndarray


def lack_of(hands: dict[str, list[BoneMasks]]) -> Lack:
    """Compare synthetic hands with the reference."""
    real, keys = reference(), ("wid", "len", "x", "y", "angle", "area")
    mean, variance, bend = np.zeros((2, anatomy.COUNT, 6)), np.zeros((2, anatomy.COUNT, 6)), np.zeros(2)
    for p, pose in enumerate(POSES):
        rows = [row for masks in hands[pose] if (row := bone_measurements(masks)) is not None]
        bend[p] = np.mean([row["wrist", "bend"] for row in rows])
        for index, column in np.ndindex(mean.shape[1:]):
            name, key = anatomy.NAMES[index], keys[column]
            measurement = f"tip_{key}" if index in FOREARM and key in "xy" else key
            if (name, measurement, pose) not in real.index:
                continue
            wanted, std = real.loc[(name, measurement, pose), ["mean", "std"]]
            values = np.array([row[name, measurement] for row in rows])
            if key == "angle":
                values = (values - wanted + 90) % 180 - 90 + wanted
            if key in ("wid", "len", "area"):
                values, std, wanted = np.log(values), std / wanted, np.log(wanted)
            mean[p, index, column] = wanted - values.mean()
            variance[p, index, column] = std**2 - values.var()
    return Lack(mean, variance, bend)


def step(population: Population, lack: Lack, joints: np.ndarray) -> Population:
    """One damped step. joints: (2, 29) millimetres that phalanges have to move along themselves."""
    change = np.zeros((2, anatomy.COUNT, len(PARAMETERS)))
    change[:, :, [_WIDTH, _LENGTH]] = lack.mean[:, :, :2]
    change[:, :, _TURN] = _without_inherited(lack.mean[:, :, _TURN])
    for index in PLACED:
        share = 0.0 if index in FOREARM else PROXIMAL_ROW.get(index, 1.0)
        for p, angle in enumerate(np.deg2rad((1 - share) * lack.bend)):
            x, y = -lack.mean[p, index, _X : _Y + 1] * _UNIT_MM
            change[p, index, [_X, _Y]] = np.cos(angle) * x - np.sin(angle) * y, np.sin(angle) * x + np.cos(angle) * y
    change[:, _UNIT, _LENGTH:] = 0.0
    change[:, _CARPALS] *= [0.0, 0.0, 1.0, 1.0, 0.0]
    change[:, _HUNG, _Y] = joints[:, _HUNG]
    slope = (change[1] - change[0]) / (lack.bend[1] - lack.bend[0])
    slope[_HUNG, :_X] = 0.0
    start = change.mean(0) - slope * lack.bend.mean()
    # cos(2 pi t) is one at the ends and minus one in the middle: a waist takes area, not width.
    full = (lack.mean[:, :, _AREA] - lack.mean[:, :, _WIDTH] - lack.mean[:, :, _LENGTH]).mean(0)
    full[[*FOREARM, *_CARPALS]] = 0.0
    return replace(
        population,
        mean=population.mean + _DAMPING * start,
        drift=population.drift + _DAMPING * slope,
        waist=np.clip(population.waist - 0.5 * full, -0.12, 0.12),
        **_spreads(population, lack.variance),
    )


def _without_inherited(angles: np.ndarray) -> np.ndarray:
    """Angles (2, 29), or their variances, that are a bone's own and not those of the bone it hangs on."""
    parents = load_skeleton().parent
    return angles - np.where(parents >= 0, angles[:, parents], 0.0)


def _spreads(population: Population, lack: np.ndarray) -> dict[str, np.ndarray]:
    """New spreads between patients and between poses, from the variance (2, 29, 6) that the measurements lack."""
    lack = 0.5 * lack[:, :, : len(PARAMETERS)]
    lack[:, :, [_X, _Y]] *= _UNIT_MM**2
    variance = population.std**2 + lack.mean(0)
    variance[list(FINGERS), _TURN] = 0.0
    variance[_HUNG, _X], variance[_HUNG, _Y] = 0.0, _JOINT_STD**2
    variance[_UNIT, _LENGTH:] = 0.0
    sway = np.zeros_like(population.sway)
    sway[list(FINGERS)] = (population.sway**2 + _without_inherited(lack[:, :, _TURN]).T)[list(FINGERS)]
    return {
        "std": np.minimum(np.sqrt(np.clip(variance, 0, None)), _widest()),
        "sway": np.minimum(np.sqrt(np.clip(sway, 0, None)), _MOST_SWAY),
    }


def _joint_spaces(hands: dict[str, list[BoneMasks]]) -> np.ndarray:
    """(2, 29) millimetres that phalanges have to move along themselves to overlap what they hang on as real ones do."""
    moves = np.zeros((2, anatomy.COUNT))
    for index in _HUNG:
        pair = f"{anatomy.NAMES[index]}|{anatomy.NAMES[index + 1]}"
        for p, (pose, drawn) in enumerate(hands.items()):
            key = pair, "overlap", pose
            wanted = reference().loc[key, "mean"] if key in reference().index else _TOUCH
            shares = [masks.intersections()[index, index + 1] / masks.areas()[index] for masks in drawn]
            # A millimetre of travel overlaps one to four hundredths of a phalanx with the bone it meets.
            moves[p, index] = np.clip((wanted - np.mean(shares)) * 60, -0.8, 0.8)
    return moves


def fit(population: Population, *, rounds: int = 3, steps: int = 6) -> Population:
    """Steps and overlaps in turns, from a population that may be as it comes from `blank`."""
    moves = np.zeros((2, anatomy.COUNT, 2))  # how far wanted places lie off real means, for the overlaps
    for turn in range(rounds):
        if turn:
            hands = draw_ensemble(population)
            moves = np.array([moves_for_overlaps(hands[pose], pose, moves[p]) for p, pose in enumerate(POSES)])
        for _ in range(steps):
            hands = draw_ensemble(population)
            lack = lack_of(hands)
            lack.mean[:, :, _X : _Y + 1] += moves
            population = step(population, lack, _joint_spaces(hands))
    return population


def blank() -> Population:
    """The skeleton as it comes, but for the carpals' own shapes, with a little variation."""
    count = anatomy.COUNT
    mean = np.zeros((count, len(PARAMETERS)))
    # MyoHand's third metacarpal, the unit of all measurements, is long for its hand: shortened, the others stay as they
    # are.
    mean[_UNIT, _LENGTH] = np.log(0.87)
    drift, waist = np.zeros((count, len(PARAMETERS))), np.zeros(count)
    for index in _CARPALS:
        own = [_WIDTH, _LENGTH, _TURN]
        mean[index, own], drift[index, own], waist[index] = fit_carpal(index, _UNIT_MM)
    std = np.tile([0.04, 0.03, 0.6, 0.6, 2.0], (count, 1))
    std[_UNIT, 1:] = 0.0
    sway = np.zeros((count, 2))
    sway[list(FINGERS)] = 3.0
    return Population(mean, drift, std, waist, sway)


def main() -> None:
    """Fit and write."""
    fit(blank()).write(PROPORTIONS)
    load_population.cache_clear()


if __name__ == "__main__":
    main()
