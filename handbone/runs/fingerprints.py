"""What a step's results are made from, as one fingerprint: read off its declaration, and nowhere said by hand."""

import hashlib
import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from handbone.core.digests import content_digest
from handbone.core.errors import HandboneError
from handbone.core.files import expanded
from handbone.plugins.manager import BUILTIN, registry
from handbone.plugins.provenance import code_of
from handbone.recipe.keys import value_of
from handbone.recipe.schema import Choice, Recipe
from handbone.runs.step import Step
from handbone.weights import prior_file, stage_file

#: Keys that name weights, and the file that they mean.
WEIGHT_KEYS: dict[str, Callable[[str], Path | None]] = {
    "coarse.weights": lambda name: stage_file(name, "coarse"),
    "refine.weights": lambda name: stage_file(name, "refiner"),
    "predict.prior": prior_file,
}
#: Kinds of plugins by the last word of the keys that choose one.
CHOICE_KINDS = {name: name for name in ("model", "loss", "optimiser", "scheduler", "prompter")} | {"metrics": "metric"}


def fingerprint_of(value: Any) -> str:
    """16 hexadecimal digits of the sha256 of a JSON value with sorted keys."""
    text = json.dumps(value, sort_keys=True, default=str, ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def step_fingerprint(step: Step, recipe: Recipe, inputs: Mapping[str, str]) -> str:
    """The fingerprint of a step of a recipe.

    Parameters
    ----------
    inputs: the fingerprints of the step's inputs that this run has, by name.

    Raises
    ------
    HandboneError: a plugin or weights that the recipe names are not there.
    """
    return fingerprint_of([step.name, step.revision, described(recipe, step.counted), inputs])


def described(recipe: Recipe, keys: Iterable[str]) -> dict[str, Any]:
    """The values of keys, with the content of the files and the plugins that they name."""
    return {key: [_plain(value_of(recipe, key)), *_behind(recipe, key)] for key in keys}


def _behind(recipe: Recipe, key: str) -> Iterator[Any]:
    """What takes part in the value of a key without standing in it."""
    value = value_of(recipe, key)
    if key in WEIGHT_KEYS and value is not None:
        yield _weights(WEIGHT_KEYS[key], value)
    for choice in value if isinstance(value, tuple) else (value,):
        if isinstance(choice, Choice):
            yield _chosen(CHOICE_KINDS[key.rpartition(".")[2]], choice)


def _weights(find: Callable[[str], Path | None], name: str) -> str | None:
    """The digest of the weights of a name; None where the run itself makes them ("coarse")."""
    try:
        file = find(name)
    except HandboneError:
        return None
    return content_digest(file) if file is not None and file.is_file() else None


def _chosen(kind: str, choice: Choice) -> dict[str, Any]:
    """A chosen thing's settings with their defaults, the content of files among them, and the plugin that brings it."""
    package = registry().provider(kind, choice).package
    _, checked = registry().get(kind, choice)
    settings = _plain(checked)
    files = {text: content_digest(path) for text in _texts(settings) if os.path.isfile(path := expanded(text))}
    plugin = None if package == BUILTIN else code_of(registry(), package)
    return {"settings": settings, "files": files, "plugin": plugin}


def _texts(value: Any) -> Iterator[str]:
    """Every text in a JSON value, as any of them may name a file (a checkpoint, encoder weights)."""
    if isinstance(value, str):
        yield value
    for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from _texts(inner)


def _plain(value: Any) -> Any:
    """A recipe's value as JSON."""
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json", by_alias=True)
    return [_plain(one) for one in value] if isinstance(value, tuple) else value
