"""A recipe key by key: each value, where it comes from and what it means."""

from dataclasses import dataclass
from typing import Any

from handbone.recipe.dump import value_text
from handbone.recipe.layers import DEFAULT, Origin
from handbone.recipe.load import LoadedRecipe
from handbone.recipe.schema import Choice, Table


@dataclass(frozen=True)
class Row:
    """One key of a resolved recipe; `value` is TOML, `key` is dotted."""

    key: str
    value: str
    origin: Origin
    meaning: str

    @property
    def table(self) -> str:
        """The dotted name of the table in which the key stands; empty at the top of the file."""
        return self.key.rpartition(".")[0]

    @property
    def changed(self) -> bool:
        """Whether a file or `--set` gave the value."""
        return self.origin != DEFAULT


def rows(loaded: LoadedRecipe, *, phantom: bool = False) -> list[Row]:
    """Every key of a recipe in the schema's order.

    Parameters
    ----------
    phantom: explain the recipe as it is where the phantom set is used.
    """
    recipe = loaded.for_phantom() if phantom else loaded.recipe
    return [
        Row(key, value, loaded.origin(key, phantom=phantom), meaning) for key, value, meaning in _values(recipe, ())
    ]


def _values(table: Table, path: tuple[str, ...]) -> list[tuple[str, str, str]]:
    found, tables = [], []
    for name, field in type(table).model_fields.items():
        here, value = (*path, name), getattr(table, name)
        if isinstance(value, Table) and not isinstance(value, Choice):
            tables += _values(value, here)
        elif isinstance(value, Choice):
            found += _settings(value, here, field.description or "")
        else:
            found.append((".".join(here), _text(value), field.description or ""))
    return found + tables


def _settings(choice: Choice, path: tuple[str, ...], meaning: str) -> list[tuple[str, str, str]]:
    """A choice's name and settings on lines of their own, since `--set` and recipes can change each alone."""
    given: dict[str, Any] = {"name": choice.name, "from": choice.provider, **choice.settings}
    return [
        (".".join((*path, key)), _text(value), meaning if key == "name" else "")
        for key, value in given.items()
        if value is not None
    ]


def _text(value: Any) -> str:
    return "unset" if value is None else value_text(value)
