"""A recipe as complete TOML, with every value written out."""

from typing import Any

import tomlkit
from pydantic import BaseModel
from tomlkit.items import Item

from handbone.core.errors import HandboneError
from handbone.recipe.schema import Choice, Recipe, Table


def to_toml(recipe: Recipe) -> str:
    """Write a recipe with every key, independent of other files and of defaults.

    The text loads again to an equal recipe. Disabled tables are `false`; unset optional keys
    (such as `data.cache`) are omitted.

    Raises
    ------
    HandboneError: for a setting that TOML cannot hold (a None among a model's own settings).
    """
    document = tomlkit.document()
    _fill(document, recipe, ())
    return tomlkit.dumps(document)


def value_text(value: Any) -> str:
    """One value as TOML on one line (`{ name = "unet", encoder = "resnet34" }`)."""
    return _item(value, ()).as_string()


def _fill(target: Any, table: Table, path: tuple[str, ...]) -> None:
    """Add a table's keys: values first, as TOML asks, then its tables."""
    inner: list[tuple[str, Any]] = []
    for name, field in type(table).model_fields.items():
        value = getattr(table, name)
        if _is_section(value):
            inner.append((name, value))
        elif value is not None:
            target.add(name, _item(value, (*path, name)))
        elif field.default is not None:
            target.add(name, False)
    for name, value in inner:
        section = tomlkit.table()
        if isinstance(value, Table):
            _fill(section, value, (*path, name))
        else:
            for key, entry in value.items():
                section.add(key, _item(entry, (*path, name, key)))
        if section:
            target.add(name, section)


def _is_section(value: Any) -> bool:
    return isinstance(value, dict) or (isinstance(value, Table) and not isinstance(value, Choice))


def _item(value: Any, path: tuple[str, ...]) -> Item:
    """A value as a TOML item on one line."""
    if value is None:
        raise HandboneError("TOML cannot hold None", where=".".join(path), remedy="leave the setting out")
    if isinstance(value, BaseModel):
        value = _plain(value)
    if isinstance(value, dict):
        table = tomlkit.inline_table()
        for key, entry in value.items():
            table.add(key, _item(entry, (*path, key)))
        return table
    if isinstance(value, list | tuple):
        array = tomlkit.array()
        for index, entry in enumerate(value):
            array.append(_item(entry, (*path, str(index))))
        return array
    return tomlkit.item(value)


def _plain(table: BaseModel) -> dict[str, Any]:
    """A choice or a table in a list as a dictionary, without its unset keys but with all of its own settings."""
    settings = table.settings if isinstance(table, Choice) else {}
    known = table.model_dump(by_alias=True, exclude_none=True, exclude=set(settings))
    return known | settings
