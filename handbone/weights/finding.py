"""The weights files behind what a user names: a run, a folder, a file, or a set."""

from pathlib import Path

from handbone.core.errors import HandboneError
from handbone.core.files import expanded
from handbone.weights.card import CARD_FILE, STAGE_FILES
from handbone.weights.exported import EXPORT_CARD, exported_file
from handbone.weights.sets import read_set, resolve


def find_weights(path: str | Path) -> tuple[Path, Path | None]:
    """The coarse and the refiner's weights file of a run folder, a folder of weights, a weights file, or a known name.

    A folder of exported networks has files of another kind; `read_card` reads them alike.

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
    if (path / EXPORT_CARD).is_file():
        if (exported := exported_file(path, "coarse")) is None:
            raise HandboneError(
                "there is no coarse network", where=path / EXPORT_CARD, remedy="export the weights again"
            )
        return exported, exported_file(path, "refiner")
    for folder in (path / "weights", path):
        if (folder / coarse).is_file():
            second = folder / refiner
            return folder / coarse, second if second.is_file() else None
    remedy = "give a run's folder (runs/two_stage) or a weights file; 'handbone run' creates them"
    raise HandboneError(f"there is no {coarse}", where=path, remedy=remedy)


def find_prior(path: str | Path) -> Path | None:
    """The anatomical prior's weights file beside those of `find_weights`; None for a weights file alone, or without.

    Raises
    ------
    HandboneError: as `find_weights`.
    """
    folder = resolve(path)
    if (folder / EXPORT_CARD).is_file():
        return exported_file(folder, "prior")
    file = find_weights(path)[0].with_name(STAGE_FILES["prior"])
    return file if folder.is_dir() and file.is_file() else None


def prior_file(name: str) -> Path:
    """The anatomical prior's weights file that a recipe names: a file, or weights that have one beside.

    Raises
    ------
    HandboneError: there is nothing of that name, or no prior there.
    """
    path = resolve(name)
    file = path if path.is_file() else find_prior(path)
    if file is None:
        raise HandboneError("has no anatomical prior", where=name, remedy="set predict.prior = false, or name another")
    return file


def stage_file(name: str, stage: str) -> Path | None:
    """The weights file of a stage that a network's key `weights` names; None where a set of that name has none of it.

    Parameters
    ----------
    name: a file, a run's folder, a folder of weights, or the name of a set. stage: "coarse" or "refiner".

    Raises
    ------
    HandboneError: nothing of that name, or a set whose card cannot be read.
    """
    path = resolve(name)
    if path.is_file():
        return path
    if expanded(name).exists():
        return (path / "weights" if (path / "weights").is_dir() else path) / f"{stage}.safetensors"
    return read_set(path).files.get(stage)
