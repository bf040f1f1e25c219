"""From a TOML file, the files that it extends and `--set` words to one checked recipe."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial, reduce
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from handbone.recipe.layers import DEFAULT, Layer, Origin, defaults, for_validation, merged
from handbone.recipe.overrides import Override, parse_override
from handbone.recipe.problems import Problem, RecipeError, problems_in
from handbone.recipe.read import find_recipe, read_chain
from handbone.recipe.schema import Recipe


@dataclass(frozen=True)
class LoadedRecipe:
    """A checked recipe with what it was made from.

    `when_phantom` is the table of that name, joined with those of the extended recipes, as plain values; `files` are
    the recipe's file and the ones that it extends, nearest first.
    """

    recipe: Recipe
    path: Path
    files: tuple[Path, ...]
    when_phantom: dict[str, Any]
    _layer: Layer = field(repr=False)
    _phantom: Recipe = field(repr=False)
    _phantom_layer: Layer = field(repr=False)

    @property
    def sources(self) -> Mapping[str, Origin]:
        """The origin of every key that a file or `--set` gave, by dotted name."""
        return {".".join(map(str, path)): origin for path, origin in self._layer.origins.items()}

    def for_phantom(self) -> Recipe:
        """The recipe where the phantom set is used: `[when_phantom]` laid over the files, `--set` over both."""
        return self._phantom

    def origin(self, key: str, *, phantom: bool = False) -> Origin:
        """Where the value of a dotted key was written, for the recipe or for its phantom form."""
        layer = self._phantom_layer if phantom else self._layer
        return layer.origins.get(tuple(key.split(".")), DEFAULT)


def load_recipe(path_or_name: str | Path, overrides: Sequence[str] = ()) -> LoadedRecipe:
    """Read, join and check a recipe.

    Parameters
    ----------
    path_or_name: a TOML file, or the name of a built-in recipe ("two_stage").
    overrides: `key=value` words with dotted keys and TOML values, in order ("coarse.train.epochs=3"); a value that is
        no TOML counts as text. They win over `[when_phantom]` too; `when_phantom.coarse.train.epochs=3` changes only
        the phantom form.

    Relative paths in a recipe (`data.path`, `coarse.weights`) are relative to the current folder; `extends` alone is
    relative to the file that says it, or else the name of a built-in recipe.

    Raises
    ------
    RecipeError: with all mistakes at once, each with file, line, key, what came and what is allowed.
    HandboneError: for an unknown name and for a word that is no `key=value`.
    """
    words = [parse_override(text) for text in overrides]
    everywhere = [word for word in words if word.path[0] != "when_phantom"]
    phantom_only = [
        replace(word, path=word.path[1:]) for word in words if word.path[0] == "when_phantom" and word.path[1:]
    ]
    path = find_recipe(path_or_name)
    chain = read_chain(path)
    files = reduce(merged, chain.layers, defaults())
    own = _assign(files, everywhere)
    # What the phantom set's budget says of the refiner does not bring back a refiner that a recipe leaves out.
    budget = reduce(partial(merged, wakes=False), chain.phantom_layers, files)
    phantom = _assign(budget, [*everywhere, *phantom_only])

    problems: list[Problem] = []
    recipe, phantom_recipe = _checked(own, problems), _checked(phantom, problems)
    if recipe is None or phantom_recipe is None:
        raise RecipeError(problems)
    when_phantom = reduce(merged, chain.phantom_layers, Layer({})).data
    return LoadedRecipe(recipe, path, chain.files, when_phantom, own, phantom_recipe, phantom)


def _assign(layer: Layer, words: Sequence[Override]) -> Layer:
    for word in words:
        layer = word.on(layer)
    return layer


def _checked(layer: Layer, problems: list[Problem]) -> Recipe | None:
    """The recipe of a layer; or None, and its mistakes are added to those already known."""
    try:
        return Recipe.model_validate(for_validation(layer.data), strict=True)
    except ValidationError as error:
        problems += [problem for problem in problems_in(error, layer) if problem not in problems]
        return None
