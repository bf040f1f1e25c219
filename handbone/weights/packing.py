"""Making a set of weights from a run: half the bytes, and a card that says where they come from."""

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from handbone.core.errors import HandboneError
from handbone.core.files import expanded
from handbone.core.folders import atomic_dir
from handbone.weights.card import CARD_FILE, MODEL_CARD_FILE, STAGE_FILES, check_name, seal
from handbone.weights.finding import find_prior, find_weights
from handbone.weights.sets import WeightsSet, read_set

_DATA = {
    "synthetic": "Synthetic hands that handbone drew; no real radiograph.",
    "own": "Radiographs of whoever trained it; not described further.",
}
# A path of the packer's machine: only its last part says something to others, and the rest may name people.
_ELSEWHERE = r"(?:/|~|\.{1,2}[/\\]|[A-Za-z]:[/\\])"
_PATH = re.compile(rf"{_ELSEWHERE}.*", re.DOTALL)
_QUOTED_PATH = re.compile(rf'"{_ELSEWHERE}[^"\n]*?([^"/\\\n]*)"')
_NAMES_OF_PATHS = ("path", "cache", "annotations", "weights", "encoder_weights", "checkpoint")
_KEYED_PATH = re.compile(rf'\b((?:{"|".join(_NAMES_OF_PATHS)})\s*=\s*)"[^"\n]*?([^"/\\\n]*)"')


def pack(
    run: str | Path,
    folder: str | Path,
    *,
    name: str,
    summary: str = "",
    metrics: Mapping[str, Any] | None = None,
    limits: Sequence[str] = (),
    data: str | None = None,
    licence: str = "Apache-2.0",
    overwrite: bool = False,
) -> WeightsSet:
    """Write a run's weights as a set, whole or not at all: tensors in half precision, card.json and MODEL_CARD.md.

    Parameters
    ----------
    run: a run's folder, a folder of weights, or the weights file of a coarse network alone.
    folder: where the set is written; its last part should be `name`, by which it is found once it lies among others.
    name: lower-case letters, digits, '_', '-' and '.'.
    metrics: measured quality, name to number or to extra metrics; by default those of the run's manifest.
    limits: sentences that say where the weights are not to be trusted.
    data: what they were trained on; by default what the run's manifest says.
    licence: SPDX identifier of the weights' licence.
    overwrite: replace a set that lies in `folder`; anything else there is never replaced.

    Raises
    ------
    HandboneError: no weights in the run, a name that cannot be, or a folder that holds something.
    """
    from handbone.weights.network_file import load_weights, save_weights

    folder = expanded(folder)
    check_name(name)
    check_free(folder, overwrite)
    coarse, refiner = find_weights(run)
    prior = find_prior(run)
    manifest = _manifest(_beside(coarse, "manifest.json"))
    with atomic_dir(folder) as temporary:
        for stage, source in (("coarse", coarse), ("refiner", refiner), ("prior", prior)):
            if source is not None:
                module, card = load_weights(source)
                card = type(card).model_validate(_without_paths(card.model_dump(mode="json", by_alias=True)))
                save_weights(temporary / STAGE_FILES[stage], module, card, half=True)
        seal(
            temporary,
            name=name,
            summary=summary,
            licence=licence,
            data=data or _DATA.get(manifest.get("data", ""), "Not stated."),
            recipe=_recipe(_beside(coarse, "recipe.toml")),
            metrics=dict(manifest.get("metrics", {}) if metrics is None else metrics),
            limits=tuple(limits),
        )
    return read_set(folder)


def check_free(folder: Path, overwrite: bool) -> None:
    """Refuse a folder that holds anything, unless it holds a set of weights that may be replaced.

    Raises
    ------
    HandboneError: the folder is not free.
    """
    if not folder.exists() or (folder.is_dir() and not any(folder.iterdir())):
        return
    ours = {CARD_FILE, MODEL_CARD_FILE, *STAGE_FILES.values()}
    if not (folder / CARD_FILE).is_file() or not {path.name for path in folder.iterdir()} <= ours:
        raise HandboneError("the folder already contains something else", where=folder, remedy="choose a new folder")
    if not overwrite:
        raise HandboneError(
            "the folder already contains a set of weights",
            where=folder,
            remedy="choose a new folder, or replace it with --overwrite",
        )


def _beside(weights: Path, name: str) -> Path | None:
    """A file of the run that weights belong to."""
    folders = [weights.parent, weights.parent.parent] if weights.parent.name == "weights" else [weights.parent]
    return next((folder / name for folder in folders if (folder / name).is_file()), None)


def _manifest(path: Path | None) -> dict[str, Any]:
    if path is None:
        return {}
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(manifest, dict):
            raise ValueError("it holds no object")
        return manifest
    except ValueError as error:
        remedy = "run the recipe again to rewrite it"
        raise HandboneError(f"is not valid JSON ({error})", where=path, remedy=remedy) from None


def _recipe(path: Path | None) -> str:
    if path is None:
        return ""
    text = _QUOTED_PATH.sub(r'"\1"', path.read_text(encoding="utf-8"))
    return _KEYED_PATH.sub(r'\1"\2"', text)


def _without_paths(value: Any, key: str = "") -> Any:
    """A JSON value whose paths have lost their folders."""
    if isinstance(value, dict):
        return {name: _without_paths(each, name) for name, each in value.items()}
    if isinstance(value, list):
        return [_without_paths(each, key) for each in value]
    is_path = isinstance(value, str) and (key in _NAMES_OF_PATHS or _PATH.fullmatch(value))
    return re.split(r"[/\\]", value)[-1] if is_path else value
