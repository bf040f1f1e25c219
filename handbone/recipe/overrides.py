"""The `--set key=value` options of the command line."""

import re
import tomllib
from dataclasses import dataclass
from typing import Any

from handbone.core.errors import HandboneError, shortened
from handbone.recipe import toml
from handbone.recipe.layers import KeyOrigin, RecipeLayer, assigned

# A value that starts like a TOML string, list or table but fails to parse is a typing error, not a bare word.
_MEANT_AS_TOML = re.compile(r"""["'\[{]""")
_EXAMPLE = "write a key, an equals sign and a value, as in --set coarse.train.epochs=3"


@dataclass(frozen=True)
class Override:
    """One option: the path of its key, its value, and the option as given."""

    path: tuple[str, ...]
    value: Any
    text: str

    def on(self, layer: RecipeLayer) -> RecipeLayer:
        """Assign the value in a layer."""
        return assigned(layer, self.path, self.value, KeyOrigin(override=self.text))


def parse_override(text: str) -> Override:
    """Read `key=value`: a dotted TOML key, and a TOML value or, failing that, text without quotes.

    >>> parse_override("coarse.train.epochs=3").path
    ('coarse', 'train', 'epochs')
    >>> parse_override("data.path=/mnt/hands").value
    '/mnt/hands'

    Raises
    ------
    HandboneError: for an option without an equals sign, key or value, or with a malformed list, table or quoted text.
    """
    if len(text) > toml.LONGEST:
        raise HandboneError("the setting is too long", where=_place(text), remedy="write it in a recipe of your own")
    if not text.isascii() and any("\ud800" <= letter <= "\udfff" for letter in text):
        raise HandboneError("the setting is not UTF-8 text", where=_place(text), remedy="write it in UTF-8")
    key, equals, value = text.partition("=")
    if not equals or not key.strip() or not value.strip():
        raise HandboneError("this is not a setting", where=_place(text), remedy=_EXAMPLE)
    return Override(_path(key.strip(), text), _value(value.strip(), text), text)


def _place(text: str) -> str:
    return f"--set {shortened(text)}"


def _path(key: str, text: str) -> tuple[str, ...]:
    try:
        table: Any = toml.loads(f"{key} = 0") if "\n" not in key else {}
    except tomllib.TOMLDecodeError:
        table = {}
    path = []
    while isinstance(table, dict) and len(table) == 1:
        [(name, table)] = table.items()
        path.append(name)
    if table != 0:
        raise HandboneError(f"{shortened(key)!r} is not a key", where=_place(text), remedy=_EXAMPLE)
    return tuple(path)


def _value(value: str, text: str) -> Any:
    try:
        read = toml.loads(f"value = {value}")
    except tomllib.TOMLDecodeError:
        if _MEANT_AS_TOML.match(value):
            remedy = (
                """quote text inside lists and tables, and the whole word for the shell: 'refine.bones=["wrist"]'"""
            )
            raise HandboneError("the value is not valid TOML", where=_place(text), remedy=remedy) from None
        return value
    # No key takes a date, so a value that looks like one is a name; a line break could add a second key.
    simple = len(read) == 1 and isinstance(read["value"], str | int | float | bool | list | dict)
    return read["value"] if simple else value
