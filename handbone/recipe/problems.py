"""Mistakes in a recipe, reported together: each with file and line, the value, what is allowed and the closest key."""

import difflib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from handbone.core.errors import HandboneError, shortened, suggest
from handbone.recipe.dump import value_text
from handbone.recipe.layers import KeyOrigin, RecipeLayer
from handbone.recipe.lines import KeyPath
from handbone.recipe.old_keys import OLD_KEYS
from handbone.recipe.reference import names_in, places_of, takes


@dataclass(frozen=True)
class Problem:
    """One mistake: where it was written, the key in dotted form, what is wrong and what to do."""

    origin: KeyOrigin
    key: str
    what: str
    remedy: str | None = None

    def __str__(self) -> str:
        return str(HandboneError(self.what, where=str(self.origin), remedy=self.remedy))


class RecipeError(HandboneError):
    """The mistakes of one recipe; `problems` holds them in the order of file and line."""

    def __init__(self, problems: Iterable[Problem]):
        self.problems = tuple(
            sorted(problems, key=lambda problem: (str(problem.origin.file), problem.origin.line or 0))
        )
        if len(self.problems) == 1:
            only = self.problems[0]
            super().__init__(only.what, where=str(only.origin), remedy=only.remedy)
        else:
            listed = "".join(f"\n  {problem}" for problem in self.problems)
            super().__init__(f"{len(self.problems)} mistakes in the recipe:{listed}")


def problems_in(error: ValidationError, layer: RecipeLayer) -> list[Problem]:
    """Pydantic's findings as problems, one a key."""
    found: dict[KeyPath, Problem] = {}
    for detail in error.errors(include_url=False):
        path = _written_path(detail, layer)
        # A key that takes one of several types is reported once for each of them.
        found.setdefault(path, _problem(detail, path, layer))
    # A list whose items are wrong also counts as too short for pydantic: the items' own mistakes say it better.
    return [
        problem for path, problem in found.items() if not any(path == other[: len(path)] != other for other in found)
    ]


def _written_path(detail: Any, layer: RecipeLayer) -> KeyPath:
    """The part of pydantic's location that is written in the recipe, without its names of union members."""
    location = tuple(detail["loc"])
    if detail["type"] == "missing" and isinstance(location[-1], str):
        return location
    while location and not layer.holds(location):
        location = location[:-1]
    return location


def _problem(detail: Any, path: KeyPath, layer: RecipeLayer) -> Problem:
    key, origin = dotted(path), layer.origin(path)
    if detail["type"] == "extra_forbidden":
        return Problem(origin, key, f"unknown key {str(path[-1])!r}{_in_table(path[:-1])}", nearest(path))
    if detail["type"] == "missing" and path == tuple(detail["loc"]):
        return Problem(origin, key, f"the key {str(path[-1])!r} is missing{_in_table(path[:-1])}")
    if detail["type"] == "value_error":
        return Problem(origin, key, f"{key}: {detail['ctx']['error']}" if key else str(detail["ctx"]["error"]))
    if detail["type"] == "string_pattern_mismatch":
        characters = "use letters, digits, '_', '-' and '.' only"
        return Problem(origin, key, f"{key} is {shortened(repr(detail['input']))}", characters)
    allowed = takes(path) or "something else"
    remedy: str | None = None
    if isinstance(detail["input"], str) and detail["type"] == "literal_error":
        options = [option.strip("' ") for option in detail["ctx"]["expected"].replace(" or ", ", ").split(",")]
        near = suggest(detail["input"], options)
        remedy = near if near.startswith("did you") else None
    return Problem(origin, key, f"{key} must be {article(allowed)}, but is {_as_written(detail['input'])}", remedy)


def nearest(path: KeyPath) -> str:
    """What to write instead of an unknown key: a near name in its table, the table it belongs to, or the choice."""
    name, known = str(path[-1]), names_in(path[:-1])
    if (today := OLD_KEYS.get(name)) in known:
        return f"did you mean {today!r}?"
    if difflib.get_close_matches(name.lower(), [k.lower() for k in known], n=1, cutoff=0.6):
        return suggest(name, known)
    elsewhere = places_of(name)
    if elsewhere:
        return f"did you mean {' or '.join(repr(place) for place in elsewhere)}?"
    return suggest(name, known)


def dotted(path: KeyPath) -> str:
    """`coarse.train.loss[0].weight`."""
    text = ""
    for key in path:
        text += f"[{key}]" if isinstance(key, int) else f".{key}" if text else key
    return text


def article(phrase: str) -> str:
    """A phrase of the reference with "a" where it names a kind of thing."""
    plain = phrase.startswith(("true", '"', "text", "false"))
    return phrase if plain else f"a {phrase}"


def _in_table(path: KeyPath) -> str:
    return f" in [{dotted(path)}]" if path else ""


def _as_written(value: Any) -> str:
    # tomlkit escapes a text in a time that grows with the square of its length.
    value = shortened(value) if isinstance(value, str) else value
    try:
        text = value_text(value)
    except (ValueError, HandboneError):
        text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
