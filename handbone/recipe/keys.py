"""The keys of a recipe by dotted name: all of them, what one holds, and a recipe that shows no others than some."""

import functools
from collections.abc import Iterable, Iterator
from typing import Any, cast

from handbone.recipe.layers import table_at
from handbone.recipe.schema import Choice, Recipe, Table


class UndeclaredError(Exception):
    """A mistake in the code: it asks for a key of a recipe, or for a part of a run, that it has not declared."""


@functools.cache
def recipe_keys() -> tuple[str, ...]:
    """Every key of a recipe that holds a value and no table, in the schema's order ("coarse.train.lr").

    Choices ("coarse.model") and lists of tables ("refine.extra_rois") are values.

    >>> "split.fold" in recipe_keys(), "split" in recipe_keys()
    (True, False)
    """
    return tuple(_leaves(Recipe, ""))


def _leaves(model: type[Table], path: str) -> Iterator[str]:
    for name in model.model_fields:
        held = table_at(model, name)
        if held is None or issubclass(held, Choice):
            yield path + name
        else:
            yield from _leaves(held, f"{path}{name}.")


def covers(declared: Iterable[str], key: str) -> bool:
    """Whether a key, or a table that it is in, is among declared ones.

    >>> covers(["coarse.train"], "coarse.train.lr"), covers(["coarse.train"], "coarse.size")
    (True, False)
    """
    return any(f"{key}.".startswith(f"{one}.") for one in declared)


def value_of(recipe: Recipe, key: str) -> Any:
    """What a key holds; None also where its table is switched off."""
    value: Any = recipe
    for name in key.split("."):
        value = None if value is None else getattr(value, name)
    return value


def only(recipe: Recipe, declared: Iterable[str]) -> Recipe:
    """A recipe that shows the declared keys and tables alone; asking it for another one raises `UndeclaredError`.

    Tables whose every key is declared are the recipe's own.
    """
    return cast(Recipe, _shown(recipe, tuple(declared), ""))


def _shown(table: Table, declared: tuple[str, ...], path: str) -> Any:
    inside = [key for key in recipe_keys() if key.startswith(path)]
    return table if all(covers(declared, key) for key in inside) else _Part(table, declared, path)


class _Part:
    """A table of which only declared keys are shown."""

    def __init__(self, table: Table, declared: tuple[str, ...], path: str):
        self._table, self._declared, self._path = table, declared, path

    def __getattr__(self, name: str) -> Any:
        if name not in type(self._table).model_fields:
            raise AttributeError(f"{type(self._table).__name__} has no key {name!r}")
        key, value = self._path + name, getattr(self._table, name)
        if covers(self._declared, key):
            return value
        if not any(one.startswith(f"{key}.") for one in self._declared):
            raise UndeclaredError(f"the recipe's key {key!r} is not declared; add it to what the step reads")
        return None if value is None else _shown(value, self._declared, f"{key}.")
