"""Merging of recipe layers, and the origin of every value.

Each layer overrides the one before: the defaults of `schema`, the recipes that it extends, the recipe itself, its
`[when_synthetic]` table if the synthetic set is used, and the `--set` options of the command line.
"""

import functools
import types
import typing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from handbone.recipe.lines import KeyPath
from handbone.recipe.schema import Choice, Off, Recipe, Table


@dataclass(frozen=True)
class KeyOrigin:
    """Where a value was written: a line of a file, or an option of the command line."""

    file: Path | None = None
    line: int | None = None
    override: str | None = None

    def __str__(self) -> str:
        if self.override is not None:
            return f"--set {self.override}"
        if self.file is None:
            return "default"
        return f"{self.file}, line {self.line}" if self.line else str(self.file)

    @property
    def short(self) -> str:
        """The same without folders, for tables: "two_stage.toml:12"."""
        return f"{self.file.name}:{self.line}" if self.file and self.line else str(self)


DEFAULT = KeyOrigin()


_NOTHING = object()


def _at(data: Any, path: KeyPath) -> Any:
    """The value at a path; `_NOTHING` where there is none."""
    for key in path:
        inside = key in data if isinstance(data, dict) else isinstance(data, list | tuple) and key in range(len(data))
        if not inside:
            return _NOTHING
        data = data[key]
    return data


@dataclass(frozen=True)
class RecipeLayer:
    """Tables as read from TOML, and the origin of each key in them."""

    data: dict[str, Any]
    origins: dict[KeyPath, KeyOrigin] = field(default_factory=dict)

    def origin(self, path: KeyPath) -> KeyOrigin:
        """The origin of a value: its own, or the nearest one of what it contains or of a table that contains it."""
        if path in self.origins:
            return self.origins[path]
        inside = [origin for key, origin in self.origins.items() if key[: len(path)] == path]
        if inside and path:
            return inside[0]
        return self.origin(path[:-1]) if len(path) > 1 else DEFAULT

    def holds(self, path: KeyPath) -> bool:
        """Whether a value stands at that path."""
        return _at(self.data, path) is not _NOTHING


def table_at(model: type[Table] | None, key: str) -> type[Table] | None:
    """The class of the table that a key of another table holds; None for values and unknown keys."""
    known = model.model_fields.get(key) if model else None
    if known is None:
        return None
    options = (known.annotation,)
    if typing.get_origin(known.annotation) in (typing.Union, types.UnionType):
        options = typing.get_args(known.annotation)
    return next((kind for kind in options if isinstance(kind, type) and issubclass(kind, Table)), None)


def _row_of(model: type[Table], key: str) -> type[Table] | None:
    """The class of the tables in a list (`[[refine.extra_rois]]`); None for lists of anything else."""
    items = typing.get_args(model.model_fields[key].annotation)
    return next((kind for kind in items if isinstance(kind, type) and issubclass(kind, Table)), None)


@functools.cache
def defaults() -> RecipeLayer:
    """The default values."""
    recipe = Recipe(name="default").model_dump(by_alias=True, exclude_none=True)
    del recipe["name"]
    return RecipeLayer(recipe)


def merged(base: RecipeLayer, over: RecipeLayer, *, reenables: bool = True) -> RecipeLayer:
    """Merge one layer over another: tables are merged key by key, everything else is replaced.

    A choice that gives a name replaces the inherited choice with all its settings (they belong to the thing named
    before); one without a name changes settings of the inherited one. A table that was switched off (`refine = false`)
    is switched on again by `true`, with its defaults, and if it `reenables`, by any key in it.
    """
    replaced: list[KeyPath] = []
    data = _merged(Recipe, base.data, over.data, (), replaced, reenables)
    kept = {
        path: origin for path, origin in base.origins.items() if not any(path[: len(gone)] == gone for gone in replaced)
    }
    # A choice's name alone ("cosine") is its name's origin too.
    names = {(*path, "name"): origin for path, origin in over.origins.items() if isinstance(_at(over.data, path), str)}
    normalised = {path: origin for path, origin in names.items() if RecipeLayer(data).holds(path)}
    return RecipeLayer(data, kept | over.origins | normalised)


def _merged(
    model: type[Table] | None,
    base: dict[str, Any],
    over: dict[str, Any],
    path: KeyPath,
    replaced: list[KeyPath],
    reenables: bool,
) -> dict[str, Any]:
    result = dict(base)
    for key, value in over.items():
        here, held, start = (*path, key), table_at(model, key), base.get(key)
        switched_off = held is not None and start is False
        if switched_off and isinstance(value, dict) and not reenables:
            continue
        value = _normalised(model, key, value)
        if not isinstance(value, dict):
            replaced.append(here)
            result[key] = value
            continue
        if held and issubclass(held, Choice) and "name" in value:
            start = {}
            replaced.append(here)
        elif not isinstance(start, dict):
            start = _default_table(here) if switched_off else {}
            replaced.append(here)
        result[key] = _merged(held, start, value, here, replaced, reenables)
    return result


def _normalised(model: type[Table] | None, key: str, value: Any) -> Any:
    """A table's short form as the table: a choice's name alone, or `true` for a table that can be switched off."""
    held = table_at(model, key)
    if held and issubclass(held, Choice) and isinstance(value, str):
        return {"name": value}
    can_be_off = model is not None and held is not None and Off in model.model_fields[key].metadata
    return {} if can_be_off and value is True else value


def _default_table(path: KeyPath) -> dict[str, Any]:
    here: Any = defaults().data
    for key in path:
        here = here.get(key, {}) if isinstance(here, dict) else {}
    return dict(here) if isinstance(here, dict) else {}


def assigned(base: RecipeLayer, path: tuple[str, ...], value: Any, origin: KeyOrigin) -> RecipeLayer:
    """Put one value at one path, as `--set` does: a table given as the value replaces the whole table."""
    data = dict(base.data)
    here, model = data, cast(type[Table] | None, Recipe)
    for depth, key in enumerate(path[:-1], start=1):
        inner = _normalised(model, key, here.get(key))
        model = table_at(model, key)
        here[key] = dict(inner) if isinstance(inner, dict) else _default_table(path[:depth])
        here = here[key]
    last = _normalised(model, path[-1], value)
    if value is True and last == {}:
        last = here.get(path[-1]) or _default_table(path)
    here[path[-1]] = last
    kept = {key: held for key, held in base.origins.items() if key[: len(path)] != path}
    # The tables on the way count as touched too: a mistake that shows only in their keys together points here.
    touched = [path[:depth] for depth in range(1, len(path))] + _paths_in(last, path)
    return RecipeLayer(data, kept | dict.fromkeys(touched, origin))


def _paths_in(value: Any, path: KeyPath) -> list[KeyPath]:
    """A path, and those of everything inside the tables that stand there."""
    entries = value.items() if isinstance(value, dict) else ()
    return [path, *(deeper for key, entry in entries for deeper in _paths_in(entry, (*path, key)))]


def for_validation(data: dict[str, Any], model: type[Table] = Recipe) -> dict[str, Any]:
    """Lists of known keys as tuples, which is what the schema's strict reading asks for."""
    ready = {}
    for key, value in data.items():
        held = table_at(model, key)
        if isinstance(value, dict) and held:
            value = for_validation(value, held)
        elif isinstance(value, list) and key in model.model_fields:
            row = _row_of(model, key)
            value = tuple(for_validation(v, row) if row and isinstance(v, dict) else v for v in value)
        ready[key] = value
    return ready
