"""What a method makes of synthetic hands and of the radiographs themselves, before and after, and whether it may stay.

Synthetic hands have exact masks and were seen by no training. Radiographs have none: there the flags of quality control
are counted.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from handbone.core.bone_masks import BoneMasks
from handbone.core.errors import HandboneError
from handbone.core.files import write_json
from handbone.core.progress import track
from handbone.data.synthetic_stream import SyntheticStream
from handbone.evaluation.metrics import both_empty, dice_contest
from handbone.formats.arrays import radiograph_from_array
from handbone.formats.image_files import read_image
from handbone.method.quality_control import flags
from handbone.method.two_stage import TwoStage
from handbone.workflows.adapt.settings import VARIETIES, AdaptSettings

#: Dice that the method may lose on synthetic hands; what it gains elsewhere may not cost more.
MOST_LOST = 0.003
_STREAM = 3_000_000
# Synthetic hands have so many times the coarse grid's pixels a side, as radiographs have more than the network reads.
_FINER = 2


@dataclass(frozen=True, eq=False)
class Outlined:
    """One radiograph as a method outlines it.

    Parameters
    ----------
    masks: its masks; None where it could not be read.
    flags: rule and names of bones of each flag.
    error: why it could not be read.
    """

    masks: BoneMasks | None
    flags: tuple[tuple[str, tuple[str, ...]], ...] = ()
    error: str | None = None


def judged(radiographs: int, settings: AdaptSettings) -> list[int]:
    """The numbers of the radiographs that are outlined before and after.

    >>> judged(3, AdaptSettings()), judged(5, AdaptSettings(judged=2))
    ([0, 1, 2], [0, 4])
    """
    count = min(radiographs, settings.judged)
    return sorted(set(np.linspace(0, radiographs - 1, count).round().astype(int).tolist()))


def outline_all(method: TwoStage, paths: Sequence[Path], folder: Path, description: str) -> None:
    """Outline radiographs; each result is a file `NUMBER.json` of its own, and what is there stays."""
    for number, path in enumerate(track(paths, description)):
        file = folder / f"{number:05}.json"
        if not file.is_file():
            write_json(file, _outlined(method, path))


def _outlined(method: TwoStage, path: Path) -> dict:
    try:
        image = read_image(path).image
    except HandboneError as error:
        return {"error": str(error)}
    outcome = method.predict(image)
    masks = outcome.final.threshold(method.threshold)
    found = [(flag.rule, flag.bones) for flag in flags(outcome, masks)]
    return {"size_hw": image.shape, "rles": masks.to_rle(), "flags": found}


def outlined(folder: Path, count: int) -> Iterator[Outlined]:
    """What `outline_all` left, one radiograph at a time."""
    return (read(folder, number) for number in range(count))


def read(folder: Path, number: int) -> Outlined:
    """What `outline_all` left of one radiograph."""
    value = json.loads((folder / f"{number:05}.json").read_text(encoding="utf-8"))
    if "error" in value:
        return Outlined(None, error=value["error"])
    found = tuple((rule, tuple(bones)) for rule, bones in value["flags"])
    return Outlined(BoneMasks.from_rle(value["rles"], tuple(value["size_hw"])), found)


def score_synthetic(method: TwoStage, settings: AdaptSettings, folder: Path, description: str) -> np.ndarray:
    """(hands, 29) Dice on synthetic hands of all varieties, NaN for bones that neither side has; resumable."""
    rows = []
    for number in track(range(settings.hands), description):
        file = folder / f"{number:03}.json"
        if not file.is_file():
            write_json(file, _dice(method, settings, number))
        rows.append(json.loads(file.read_text(encoding="utf-8")))
    return np.array(rows, float)


def _dice(method: TwoStage, settings: AdaptSettings, number: int) -> list[float | None]:
    variety = VARIETIES[number % len(VARIETIES)]
    side = _FINER * method.coarse_stage.size
    hand = SyntheticStream(1, variety, settings.seed).draw(_STREAM + number, 0, side)
    ground_truth = BoneMasks.from_polygons(hand.polygons, hand.size_hw)
    masks = method.predict(radiograph_from_array(hand.load()).image).final.threshold(method.threshold)
    values, absent = dice_contest(ground_truth, masks), both_empty(ground_truth, masks)
    return [None if gone else round(float(value), 6) for value, gone in zip(values, absent, strict=True)]


def refusals(dice_before: np.ndarray, dice_after: np.ndarray, flags_before: int, flags_after: int) -> list[str]:
    """Why adapted weights must not be written, a clause each; empty where they may.

    Parameters
    ----------
    dice_before, dice_after: (hands, 29) of the same synthetic hands, from `score_synthetic`.
    flags_before, flags_after: number of flags on the same radiographs.

    >>> refusals(np.full((1, 29), 0.95), np.full((1, 29), 0.94), 3, 4)  # doctest: +NORMALIZE_WHITESPACE
    ['Dice on synthetic hands falls from 0.9500 to 0.9400, by more than 0.003',
     'flags on the radiographs rise from 3 to 4']
    """
    before, after = mean_dice(dice_before), mean_dice(dice_after)
    found = []
    # Rounded as shown; a Dice that cannot be told is no reason to trust.
    if not round(before - after, 4) <= MOST_LOST:
        found.append(f"Dice on synthetic hands falls from {before:.4f} to {after:.4f}, by more than {MOST_LOST}")
    if flags_after > flags_before:
        found.append(f"flags on the radiographs rise from {flags_before} to {flags_after}")
    return found


def mean_dice(dice: np.ndarray) -> float:
    """Mean over bones of the mean over hands, of Dice (hands, 29) with NaN where nothing was to be found."""
    seen = ~np.isnan(dice)
    per_bone = np.where(seen, dice, 0).sum(0)[seen.any(0)] / seen.sum(0)[seen.any(0)]
    return float(per_bone.mean()) if len(per_bone) else float("nan")
