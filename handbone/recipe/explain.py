"""A recipe key by key: each value, its origin and its meaning."""

from dataclasses import dataclass
from typing import Any

from handbone.recipe.dump import value_text
from handbone.recipe.layers import DEFAULT, KeyOrigin
from handbone.recipe.load import LoadedRecipe
from handbone.recipe.schema import Choice, Off, Table


@dataclass(frozen=True)
class Row:
    """One key of a resolved recipe: its table and itself as dotted names, its value as TOML, its origin and meaning."""

    table: str
    key: str
    value: str
    origin: KeyOrigin
    meaning: str

    @property
    def changed(self) -> bool:
        """Whether a file or `--set` gave the value."""
        return self.origin != DEFAULT


def rows(loaded: LoadedRecipe, *, synthetic: bool = False) -> list[Row]:
    """Every key of a recipe in the schema's order.

    Parameters
    ----------
    synthetic: explain the recipe as it is used with the synthetic set.
    """
    recipe = loaded.for_synthetic() if synthetic else loaded.recipe
    return [
        Row(table, key, value, loaded.origin(key, synthetic=synthetic), meaning)
        for table, key, value, meaning in _values(recipe, ())
    ]


def _values(table: Table, path: tuple[str, ...]) -> list[tuple[str, str, str, str]]:
    found, tables = [], []
    for name, field in type(table).model_fields.items():
        here, value, meaning = (*path, name), getattr(table, name), field.description or ""
        if isinstance(value, Choice):
            found += [(".".join(path), *setting) for setting in _settings(value, ".".join(here), meaning)]
        elif isinstance(value, Table):
            tables += _values(value, here)
        else:
            unset = "false" if Off in field.metadata else "unset"
            found.append((".".join(path), ".".join(here), unset if value is None else value_text(value), meaning))
    return found + tables


def _settings(choice: Choice, key: str, meaning: str) -> list[tuple[str, str, str]]:
    """A choice's name and settings on lines of their own, since `--set` and recipes can change each alone."""
    given: dict[str, Any] = {"name": choice.name, "from": choice.provider, **choice.settings}
    return [
        (f"{key}.{name}", value_text(value), meaning if name == "name" else "")
        for name, value in given.items()
        if value is not None
    ]
