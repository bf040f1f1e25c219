"""The weights files behind what a person names: a run, a folder, a file, or a set."""

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
