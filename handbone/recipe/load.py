"""Loads a recipe from a TOML file, the files that it extends, and `--set` options."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial, reduce
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from handbone.recipe.layers import DEFAULT, KeyOrigin, RecipeLayer, defaults, for_validation, merged
from handbone.recipe.overrides import Override, parse_override
from handbone.recipe.problems import Problem, RecipeError, problems_in
from handbone.recipe.read import find_recipe, read_chain
from handbone.recipe.schema import Recipe


@dataclass(frozen=True)
class LoadedRecipe:
    """A validated recipe and its sources.

    `when_synthetic` is the table of that name, joined with those of the extended recipes, as plain values; `files` are
    the recipe's file and the ones that it extends, nearest first.
    """

    recipe: Recipe
    path: Path
    files: tuple[Path, ...]
    when_synthetic: dict[str, Any]
    _layer: RecipeLayer = field(repr=False)
    _synthetic: Recipe = field(repr=False)
    _synthetic_layer: RecipeLayer = field(repr=False)

    @property
    def sources(self) -> Mapping[str, KeyOrigin]:
        """The origin of every key that a file or `--set` gave, by dotted name."""
        return {".".join(map(str, path)): origin for path, origin in self._layer.origins.items()}

    def for_synthetic(self) -> Recipe:
        """The recipe where the synthetic set is used: `[when_synthetic]` laid over the files, `--set` over both."""
        return self._synthetic

    def origin(self, key: str, *, synthetic: bool = False) -> KeyOrigin:
        """Where the value of a dotted key was written, for the recipe or for its synthetic form."""
        layer = self._synthetic_layer if synthetic else self._layer
        return layer.origins.get(tuple(key.split(".")), DEFAULT)


def load_recipe(path_or_name: str | Path, overrides: Sequence[str] = ()) -> LoadedRecipe:
    """Read, merge and validate a recipe.

    Parameters
    ----------
    path_or_name: a TOML file, or the name of a built-in recipe ("two_stage").
    overrides: `key=value` words with dotted keys and TOML values, in order ("coarse.train.epochs=3"); a value that is
        not TOML is read as text. They also override `[when_synthetic]`; `when_synthetic.coarse.train.epochs=3` changes
        only the synthetic form.

    Relative paths in a recipe (`data.path`, `coarse.weights`) are relative to the current folder; `extends` alone is
    relative to the file that says it, or else the name of a built-in recipe.

    Raises
    ------
    RecipeError: with all mistakes at once, each with its file, line, key, value and what is allowed.
    HandboneError: for an unknown name, or an option that is not `key=value`.
    """
    words = [parse_override(text) for text in overrides]
    everywhere = [word for word in words if word.path[0] != "when_synthetic"]
    synthetic_only = [
        replace(word, path=word.path[1:]) for word in words if word.path[0] == "when_synthetic" and word.path[1:]
    ]
    path = find_recipe(path_or_name)
    chain = read_chain(path)
    files = reduce(merged, chain.layers, defaults())
    own = _assign(files, everywhere)
    # What the synthetic set's budget says of the refiner does not bring back a refiner that a recipe leaves out.
    budget = reduce(partial(merged, reenables=False), chain.synthetic_layers, files)
    synthetic = _assign(budget, [*everywhere, *synthetic_only])

    problems: list[Problem] = []
    recipe, synthetic_recipe = _checked(own, problems), _checked(synthetic, problems)
    if recipe is None or synthetic_recipe is None:
        raise RecipeError(problems)
    when_synthetic = reduce(merged, chain.synthetic_layers, RecipeLayer({})).data
    return LoadedRecipe(recipe, path, chain.files, when_synthetic, own, synthetic_recipe, synthetic)


def _assign(layer: RecipeLayer, words: Sequence[Override]) -> RecipeLayer:
    for word in words:
        layer = word.on(layer)
    return layer


def _checked(layer: RecipeLayer, problems: list[Problem]) -> Recipe | None:
    """The recipe of a layer; or None, and its mistakes are added to those already known."""
    try:
        return Recipe.model_validate(for_validation(layer.data), strict=True)
    except ValidationError as error:
        problems += [problem for problem in problems_in(error, layer) if problem not in problems]
        return None
