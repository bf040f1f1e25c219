"""Finds recipe files, and reads one with the files that it extends."""

import os
import re
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from handbone.core.errors import UnknownNameError, suggest
from handbone.core.files import expanded
from handbone.recipe import toml
from handbone.recipe.layers import KeyOrigin, RecipeLayer
from handbone.recipe.lines import KeyPath, key_lines
from handbone.recipe.problems import Problem, RecipeError
from handbone.recipe.store import builtin_recipes

# They say what one file is; a recipe that extends it is another one, with a run folder of its own.
_NOT_INHERITED = ("name", "summary")
_NOT_IN_SYNTHETIC = ("name", "extends", "when_synthetic")


@dataclass(frozen=True)
class Chain:
    """A recipe's file and those that it extends, nearest first, and their tables in the order of laying."""

    files: tuple[Path, ...]
    layers: tuple[RecipeLayer, ...]
    synthetic_layers: tuple[RecipeLayer, ...]


def find_recipe(path_or_name: str | Path) -> Path:
    """The file of a recipe: a path as it is, or a built-in recipe by its name, with or without `.toml`.

    Raises
    ------
    UnknownNameError: if there is neither such a file nor such a built-in recipe.
    """
    path, known = expanded(path_or_name), builtin_recipes()
    if path.suffix != ".toml" and str(path) in known:
        return shown(known[str(path)])
    if _is_file(path):
        return shown(path)
    # A folder that is not there is a mistake even where the last part is a built-in recipe's name.
    if path.parent == Path() and path.stem in known and path.suffix == ".toml":
        return shown(known[path.stem])
    if path.stem in known:
        raise RecipeError([Problem(KeyOrigin(path), "", "there is no such file", f"did you mean {path.stem!r}?")])
    raise UnknownNameError("recipe", str(path_or_name), known)


def read_chain(path: Path) -> Chain:
    """Read a file and everything that it extends.

    Raises
    ------
    RecipeError: for files that cannot be read, are not TOML, or extend each other in a circle.
    """
    files: list[Path] = []
    layers: list[RecipeLayer] = []
    synthetic_layers: list[RecipeLayer] = []
    step: Path | None = path
    while step is not None:
        files.append(step)
        layer, synthetic, step = _read(step, files)
        layers.append(layer)
        synthetic_layers.append(synthetic)
    for inherited in layers[1:]:
        for key in _NOT_INHERITED:
            inherited.data.pop(key, None)
            inherited.origins.pop((key,), None)
    layers[0].data.setdefault("name", re.sub(r"[^A-Za-z0-9_.-]+", "-", path.stem).lstrip("_.-") or "recipe")
    return Chain(tuple(files), tuple(reversed(layers)), tuple(reversed(synthetic_layers)))


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # a name too long for any file
        return False


def shown(path: Path) -> Path:
    """A path as a user would write it: relative where it lies in the current folder."""
    absolute = Path(os.path.abspath(path))
    return absolute.relative_to(Path.cwd()) if absolute.is_relative_to(Path.cwd()) else absolute


def _read(path: Path, chain: list[Path]) -> tuple[RecipeLayer, RecipeLayer, Path | None]:
    """One file's tables, its `[when_synthetic]` table, and the file that it extends."""
    text = _text_of(path)
    try:
        data = toml.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise _no_toml(path, str(error)) from None
    lines = key_lines(text)
    extends = _extended(path, data.pop("extends", None), lines, chain)
    synthetic = data.pop("when_synthetic", {})
    problems = [
        Problem(KeyOrigin(path, lines["when_synthetic", key]), key, f"{key!r} cannot stand in [when_synthetic]")
        for key in _NOT_IN_SYNTHETIC
        if isinstance(synthetic, dict) and key in synthetic
    ]
    if not isinstance(synthetic, dict):
        problems.append(
            Problem(KeyOrigin(path, lines["when_synthetic",]), "when_synthetic", "when_synthetic must be a table")
        )
    if problems:
        raise RecipeError(problems)
    return _layer(data, path, lines, ()), _layer(synthetic, path, lines, ("when_synthetic",)), extends


def _layer(data: dict[str, Any], path: Path, lines: dict[KeyPath, int], below: KeyPath) -> RecipeLayer:
    start = len(below)
    return RecipeLayer(
        data, {k[start:]: KeyOrigin(path, line) for k, line in lines.items() if k[:start] == below and k[start:]}
    )


def _text_of(path: Path) -> str:
    try:
        # Windows' editor puts a byte order mark in front, which TOML does not allow; line ends become \n.
        with path.open(encoding="utf-8-sig") as file:
            return file.read(toml.LONGEST + 1)
    except UnicodeDecodeError:
        raise RecipeError([Problem(KeyOrigin(path), "", "this file is not UTF-8 text", "save it as UTF-8")]) from None
    except OSError as error:
        raise RecipeError([Problem(KeyOrigin(path), "", f"cannot be read ({error.strerror})")]) from None


def _no_toml(path: Path, message: str) -> RecipeError:
    """tomllib's error with the line in our format."""
    place = re.search(r" \(at line (\d+), column (\d+)\)$", message)
    origin = KeyOrigin(path, int(place[1])) if place else KeyOrigin(path)
    what = message[: place.start()] if place else message.removesuffix(" (at end of document)")
    column = f", column {place[2]}" if place else ""
    what = f"not valid TOML: {what[:1].lower()}{what[1:]}{column}"
    return RecipeError([Problem(origin, "", what, "correct it; a line is KEY = VALUE, with quotes round texts")])


def _extended(path: Path, extends: Any, lines: dict[KeyPath, int], chain: list[Path]) -> Path | None:
    if extends is None:
        return None
    origin = KeyOrigin(path, lines["extends",])
    if not isinstance(extends, str):
        raise RecipeError([Problem(origin, "extends", 'extends takes one path or name as text ("two_stage.toml")')])
    beside, known = path.parent / expanded(extends), builtin_recipes()
    name = Path(extends).name.removesuffix(".toml")
    if _is_file(beside):
        found = shown(beside)
    elif Path(extends).parent == Path() and name in known:
        found = shown(known[name])
    else:
        raise RecipeError(
            [Problem(origin, "extends", f"there is no recipe {extends!r} to extend", suggest(name, known))]
        )
    if any(found.resolve() == earlier.resolve() for earlier in chain):
        circle = " -> ".join(str(step) for step in [*chain, found])
        remedy = (
            f"write extends = {name!r} for the built-in recipe"
            if len(chain) == 1 and name in known
            else "remove one extends"
        )
        raise RecipeError([Problem(origin, "extends", f"recipes extend each other in a circle ({circle})", remedy)])
    return found
