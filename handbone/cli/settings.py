"""Settings of named things as words of the command line."""

from collections.abc import Iterable
from typing import Any

from handbone.core.errors import HandboneError
from handbone.recipe.overrides import parse_override


def nested_settings(words: Iterable[str]) -> dict[str, Any]:
    """Nested settings from dotted words, as in `weights.b=2`.

    Raises
    ------
    HandboneError: a word that is no setting, or one inside another's value.
    """
    values: dict[str, Any] = {}
    for word in words:
        override = parse_override(word)
        *path, last = override.path
        table = values
        for key in path:
            table = table.setdefault(key, {})
            if not isinstance(table, dict):
                raise HandboneError(f"{key!r} has a value already", where=f"--set {word}", remedy="give it once")
        table[last] = override.value
    return values
