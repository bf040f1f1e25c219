"""The weights files behind what a user names: a run, a folder, a file, or a set."""

from pathlib import Path

from handbone.core.errors import HandboneError
from handbone.weights.card import CARD_FILE, STAGE_FILES
from handbone.weights.sets import read_set, resolve


def find_weights(path: str | Path) -> tuple[Path, Path | None]:
    """The coarse and the refiner's weights file of a run folder, a folder of weights, a weights file, or a known name.

    Raises
    ------
    HandboneError: no weights there, and none of that name; a set of weights that are not those of its card.
    """
    coarse, refiner = STAGE_FILES["coarse"], STAGE_FILES["refiner"]
    path = resolve(path)
    if (path / CARD_FILE).is_file():
        read_set(path).verify()
    if path.is_file():
        return path, None
    for folder in (path / "weights", path):
        if (folder / coarse).is_file():
            second = folder / refiner
            return folder / coarse, second if second.is_file() else None
    remedy = "give a run folder (runs/two_stage) or a weights file; 'handbone run' makes them"
    raise HandboneError(f"no {coarse} there", where=path, remedy=remedy)


def find_prior(path: str | Path) -> Path | None:
    """The anatomical prior's weights file beside those of `find_weights`; None for a weights file alone, or without.

    Raises
    ------
    HandboneError: as `find_weights`.
    """
    file = find_weights(path)[0].with_name(STAGE_FILES["prior"])
    return file if resolve(path).is_dir() and file.is_file() else None
