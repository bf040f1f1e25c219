"""The tables of docs/pages/json.md, and whether a value is what they say."""

import json
import re
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

_PAGE = Path(__file__).parents[2] / "docs" / "pages" / "json.md"
_PLAIN = {"text": str, "integer": int, "boolean": bool, "number": (int, float), "null": type(None), "object": dict}


def _read() -> tuple[dict[str, dict[str, str]], dict[str, tuple[list[str], bool]]]:
    text = _PAGE.read_text(encoding="utf-8")
    tables = {}
    for section in re.split(r"^### ", text, flags=re.MULTILINE)[1:]:
        name, _, body = section.partition("\n")
        tables[name] = dict(re.findall(r"^\| `(\w+)` \| ([^|]+) \|", body.split("\n## ")[0], re.MULTILINE))
    rows = re.findall(r"^\| `(handbone\.[\w.]+/\d+)` \| [^|]+ \| ([^|]+) \|", text, re.MULTILINE)
    return tables, {
        schema: (re.findall(r"`(\w+)`", keys), not re.sub(r"`\w+`|[, ]", "", keys)) for schema, keys in rows
    }


TABLES, OTHERS = _read()


def wrong(value: Any, kind: str, place: str = "$") -> list[str]:
    """Where a value is not of a documented type."""
    alternatives = [_wrong(value, each, place) for each in kind.split(" or ")]
    return min(alternatives, key=len)


def _wrong(value: Any, kind: str, place: str) -> list[str]:
    outer, of, inner = kind.partition(" of ")
    if of and outer in ("list", "object"):
        if not isinstance(value, list if outer == "list" else dict):
            return [f"{place} is no {outer}"]
        entries = enumerate(value) if outer == "list" else value.items()
        return [fault for key, each in entries for fault in wrong(each, inner, f"{place}[{key!r}]")]
    if kind in _PLAIN:
        fits = isinstance(value, _PLAIN[kind]) and (kind == "boolean" or not isinstance(value, bool))
        return [] if fits else [f"{place} is no {kind}: {value!r}"]
    keys = TABLES[kind]
    if not isinstance(value, dict):
        return [f"{place} is no {kind}: {value!r}"]
    if value.keys() != keys.keys():
        return [f"{place} has other keys than {kind!r}: {sorted(set(value) ^ set(keys))}"]
    return [fault for key, each in value.items() for fault in wrong(each, keys[key], f"{place}.{key}")]


def undocumented(value: dict[str, Any]) -> list[str]:
    """Where a command's JSON value is not as the page says."""
    schema = value["schema"]
    if schema in TABLES:
        return wrong(value, schema)
    known, are_all = OTHERS[schema]
    return sorted({*known} - value.keys() | (value.keys() - {"schema", *known} if are_all else set()))


def checked(text: str, of: Any) -> Any:
    """The JSON value of a command, of a type to the last cell and as the page says."""
    value = json.loads(text)
    assert undocumented(value) == []
    return TypeAdapter(of).validate_python(value)
