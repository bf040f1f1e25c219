"""The recipe schema in words, for error messages, `recipes keys` and recipes/README.md."""

import functools
from dataclasses import dataclass
from typing import Any

from handbone.core.errors import UnknownNameError
from handbone.recipe.dump import value_text
from handbone.recipe.layers import table_at
from handbone.recipe.lines import KeyPath
from handbone.recipe.schema import Choice, Off, Recipe, Table

#: Keys of a recipe file that are consumed while reading it.
FILE_KEYS = {
    "extends": ("text", "the recipe to build on: a path relative to this file, or the name of a built-in recipe"),
    "when_synthetic": ("table", "the same tables again, with values for the synthetic set"),
}

_TYPES = {"integer": "whole number", "number": "number", "boolean": "true or false", "string": "text"}
_LIMITS = {
    "minimum": "at least {:.12g}",
    "exclusiveMinimum": "above {:.12g}",
    "maximum": "at most {:.12g}",
    "exclusiveMaximum": "below {:.12g}",
    "multipleOf": "in steps of {:.12g}",
}


@dataclass(frozen=True)
class Key:
    """One key of a recipe: its name, what it takes, its default as TOML (empty: none), and its meaning."""

    name: str
    takes: str
    default: str
    meaning: str


@dataclass(frozen=True)
class Section:
    """A table with its own keys, under every dotted name at which a recipe has it; the top of the file has none."""

    names: tuple[str, ...]
    about: str
    keys: tuple[Key, ...]

    @property
    def title(self) -> str:
        """The tables' names as TOML headers ("[coarse.train], [refine.train]")."""
        return ", ".join(f"[{name}]" for name in self.names) or "Top of the file"


@functools.cache
def sections() -> tuple[Section, ...]:
    """All tables of a recipe in the schema's order; tables that agree in every key are one section."""
    top = tuple(Key(name, takes, "", meaning) for name, (takes, meaning) in FILE_KEYS.items())
    found = [Section((), Recipe.__doc__ or "", (*_keys_of(Recipe, ()), *top))]
    _add_sections(Recipe, (), found)
    return tuple(found)


def _add_sections(model: type[Table], path: tuple[str, ...], found: list[Section]) -> None:
    for name in model.model_fields:
        held = table_at(model, name)
        if held is None or issubclass(held, Choice):
            continue
        here = (*path, name)
        keys, dotted = _keys_of(held, here), ".".join(here)
        twin = next((n for n, section in enumerate(found) if section.keys == keys), None)
        if twin is None:
            found.append(Section((dotted,), held.__doc__ or "", keys))
        else:
            found[twin] = Section((*found[twin].names, dotted), found[twin].about, keys)
        _add_sections(held, here, found)


def _keys_of(model: type[Table], path: tuple[str, ...]) -> tuple[Key, ...]:
    """The keys of one table that hold values, not tables; a table that can be switched off counts as both."""
    found = []
    for name, field in model.model_fields.items():
        held = table_at(model, name)
        if held and not issubclass(held, Choice):
            continue
        default = field.get_default(call_default_factory=True)
        unset = field.is_required() or default is None
        text = "" if unset else value_text(default)
        found.append(Key(field.alias or name, takes((*path, name)) or "", text, field.description or ""))
    return tuple(found)


def sections_of(table: str = "") -> tuple[Section, ...]:
    """The sections of a table and of the tables inside it; all of them without a name.

    Raises
    ------
    UnknownNameError: for a table that recipes do not have.
    """
    name = table.strip("[]").removeprefix("when_synthetic").strip(".")
    found = tuple(s for s in sections() if not name or any(f"{n}.".startswith(f"{name}.") for n in s.names))
    if not found:
        raise UnknownNameError("table", table, [name for section in sections() for name in section.names])
    return found


def to_markdown() -> str:
    """All keys as Markdown: a heading and a table of keys for every section."""
    parts = []
    for section in sections():
        heading = f"`{section.title}`" if section.names else section.title
        lines = [f"### {heading}", "", section.about, ""]
        if section.keys:
            lines += ["| key | takes | default | meaning |", "|---|---|---|---|"]
            lines += [f"| `{k.name}` | {k.takes} | {_code(k.default)} | {k.meaning} |" for k in section.keys]
            lines.append("")
        parts.append("\n".join(lines))
    return "\n".join(parts)


def _code(text: str) -> str:
    return f"`{text}`" if text else ""


def names_in(path: KeyPath) -> tuple[str, ...]:
    """The names of the keys and tables that the table at a path may hold."""
    node = _node(path) or {}
    names = tuple(name for option in _options(node) for name in option.get("properties", {}))
    return names if path else (*names, *FILE_KEYS)


def places_of(name: str) -> list[str]:
    """The dotted names of the keys and tables that are called so, wherever they stand in a recipe."""
    tables = [table for section in sections() for table in section.names]
    keys = [f"{table}.{key.name}" for section in sections() for table in section.names for key in section.keys]
    return [place for place in (*tables, *keys) if place.rpartition(".")[2] == name]


def takes(path: KeyPath) -> str | None:
    """What the key at a path takes ("whole number, at least 1"); None for a key that the schema does not know."""
    node = _node(path)
    if node is None:
        return None
    return _phrase(node) + (", or false to turn it off" if _switches_off(path) else "")


@functools.cache
def json_schema() -> dict[str, Any]:
    """The schema of a resolved recipe as JSON Schema, which editors can check and complete TOML with."""
    return Recipe.model_json_schema()


def _followed(node: dict[str, Any]) -> dict[str, Any]:
    """A node with its reference resolved; words that stand beside the reference win."""
    if "$ref" not in node:
        return node
    return json_schema()["$defs"][node["$ref"].rpartition("/")[2]] | {k: v for k, v in node.items() if k != "$ref"}


def _options(node: dict[str, Any]) -> list[dict[str, Any]]:
    """The alternatives of a node, without the null that TOML does not have."""
    return [_followed(option) for option in node.get("anyOf", [node]) if option.get("type") != "null"]


def _node(path: KeyPath) -> dict[str, Any] | None:
    here: dict[str, Any] = json_schema()
    for key in path:
        options = _options(_followed(here))
        found = [node for option in options if (node := _inside(option, key)) is not None]
        if not found:
            return None
        here = found[0]
    return _followed(here)


def _inside(node: dict[str, Any], key: str | int) -> dict[str, Any] | None:
    """What stands at a key of a table, or at a place of a list; None where nothing may."""
    if isinstance(key, str):
        named = node.get("additionalProperties")
        return node.get("properties", {}).get(key, named if isinstance(named, dict) else None)
    several = node.get("prefixItems", [])
    return several[key] if key < len(several) else node.get("items")


def _phrase(node: dict[str, Any]) -> str:
    return ", or ".join(_phrase_of_one(option) for option in _options(node))


def _phrase_of_one(node: dict[str, Any]) -> str:
    if "enum" in node or "const" in node:
        return " or ".join(f'"{value}"' for value in node.get("enum", [node.get("const")]))
    if "prefixItems" in node:
        return f"list of {len(node['prefixItems'])} numbers"
    if node.get("type") == "array":
        return f"list of: {_phrase(_followed(node['items']))}"
    if node.get("additionalProperties") is True:
        return "name, or table with name and settings"
    if node.get("type") == "object":
        inner = ", ".join(node.get("properties", ()))
        return f"table with {inner}" if inner else f"table of {_phrase(node['additionalProperties'])}"
    words, limits = _TYPES[node["type"]], {name: node[name] for name in _LIMITS if name in node}
    if "minimum" in limits and "maximum" in limits:
        words += f" from {limits.pop('minimum'):.12g} to {limits.pop('maximum'):.12g}"
    return ", ".join([words, *(_LIMITS[name].format(limit) for name, limit in limits.items())])


def _switches_off(path: KeyPath) -> bool:
    """Whether `false` switches a key off, which the schema marks with `Off`."""
    model: type[Table] | None = Recipe
    for key in path[:-1]:
        model = table_at(model, key) if isinstance(key, str) else None
    field = model.model_fields.get(str(path[-1])) if model and path else None
    return field is not None and Off in field.metadata
