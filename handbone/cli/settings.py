"""Settings on the command line, as in `--set format.key=value`."""

from collections.abc import Iterable
from typing import Any

from handbone.core.errors import HandboneError
from handbone.recipe.overrides import parse_override


def nested_settings(words: Iterable[str]) -> dict[str, Any]:
    """Nested settings from dotted keys, as in `weights.b=2`.

    Raises
    ------
    HandboneError: a word is not a setting, or a key lies inside another key's value.
    """
    values: dict[str, Any] = {}
    for word in words:
        override = parse_override(word)
        *path, last = override.path
        table = values
        for key in path:
            table = table.setdefault(key, {})
            if not isinstance(table, dict):
                raise HandboneError(f"{key!r} already has a value", where=f"--set {word}", remedy="set it only once")
        table[last] = override.value
    return values
