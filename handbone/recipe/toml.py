"""TOML of unknown origin, read within limits: what a recipe cannot mean is refused before it costs time or memory."""

import re
import tomllib
from typing import Any

#: Characters, values and levels; the largest recipe that comes with handbone has 3000, 90 and 4.
LONGEST, MOST_VALUES, DEEPEST = 1 << 17, 2000, 32

_LARGEST = 1 << 63  # TOML's whole numbers have 64 bits
_NAME = r"""(?:[\w-]+|"[^"\n]*"|'[^'\n]*')"""
# Long dotted keys take tomllib a time that grows with the square of their length.
_DEEP_KEY = re.compile(rf"(?<![\w-])(?:{_NAME}[ \t]*\.[ \t]*){{{DEEPEST}}}")


def loads(text: str) -> dict[str, Any]:
    """A TOML text as tables.

    Raises
    ------
    tomllib.TOMLDecodeError: it is not TOML, or too long, too deep or too large to be a recipe.
    """
    if len(text) > LONGEST:
        raise tomllib.TOMLDecodeError(f"{len(text)} characters are more than {LONGEST}")
    if _DEEP_KEY.search(text):
        raise tomllib.TOMLDecodeError(f"nested more than {DEEPEST} levels deep")
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        raise
    except RecursionError:
        raise tomllib.TOMLDecodeError(f"nested more than {DEEPEST} levels deep") from None
    except ValueError:  # Python reads no whole number of more than 4300 digits
        raise tomllib.TOMLDecodeError("a number without end") from None
    _check_size(data)
    return data


def _check_size(data: dict[str, Any]) -> None:
    level: list[Any] = [data]
    count = 0
    for _ in range(DEEPEST):
        level = [inner for value in level for inner in (value.values() if isinstance(value, dict) else value)]
        if any(isinstance(value, int) and not -_LARGEST <= value < _LARGEST for value in level):
            raise tomllib.TOMLDecodeError("a whole number of more than 64 bits")
        count += len(level)
        if count > MOST_VALUES:
            raise tomllib.TOMLDecodeError(f"more than {MOST_VALUES} values")
        level = [value for value in level if isinstance(value, dict | list)]
        if not level:
            return
    raise tomllib.TOMLDecodeError(f"nested more than {DEEPEST} levels deep")
