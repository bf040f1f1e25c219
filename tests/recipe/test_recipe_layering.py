"""Recipes that extend each other, against plain dictionaries: each value is the nearest file's, with its line."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from handbone.recipe.explain import rows
from handbone.recipe.keys import recipe_keys, value_of
from handbone.recipe.load import load_recipe
from handbone.recipe.schema import Choice, Recipe, Table
from handbone.recipe.store import builtin_recipes

#: Keys to values that each takes, whatever the others are.
VALUES = {
    "seed": st.integers(0, 99),
    "split.folds": st.integers(3, 9),
    "split.fold": st.integers(0, 2),
    "data.path": st.sampled_from(["data", "a b", "synthetic"]),
    "coarse.size": st.sampled_from([64, 128, 256]),
    "coarse.train.lr": st.sampled_from([0.5, 1e-3, 2.0]),
    "coarse.train.ema": st.sampled_from([False, 0.5, 0.9]),
    "coarse.augment.flip": st.sampled_from([0.0, 0.25, 1.0]),
    "refine.train.epochs": st.integers(1, 40),
    "refine.coarse_channels": st.booleans(),
    "merge.area_ratio": st.sampled_from([[0.25, 4.0], [0.5, 2.0]]),
    "predict.views": st.sampled_from([[], ["turned"], ["brightness", "turned"]]),
    "report.worst": st.integers(0, 9),
}
LAYER = st.fixed_dictionaries({}, optional=VALUES)


def toml(value):
    return str(value).lower() if isinstance(value, bool) else repr(value)


def lines_of(layer, prefix=""):
    return [f"{prefix}{key} = {toml(value)}" for key, value in layer.items()]


def shown(value):
    """A value as a recipe holds it: tuples for lists, nothing for what is off."""
    return tuple(value) if isinstance(value, list) else None if value is False else value


def expected_of(key, layers):
    """The value of the last layer that has the key, and that layer's number; None where it is the default."""
    having = [number for number, layer in enumerate(layers) if key in layer]
    return (layers[having[-1]][key], having[-1]) if having else None


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(LAYER, min_size=1, max_size=4), st.lists(LAYER, min_size=4, max_size=4), LAYER)
def test_a_value_is_that_of_the_nearest_file_and_knows_its_line(tmp_path, monkeypatch, files, budgets, words):
    monkeypatch.chdir(tmp_path)
    budgets = budgets[: len(files)]
    for number, (layer, budget) in enumerate(zip(files, budgets, strict=True)):
        text = [f'extends = "{number - 1}.toml"'] if number else ["# the first one"]
        text += [*lines_of(layer), *lines_of(budget, "when_synthetic.")]
        Path(f"{number}.toml").write_text("\n".join(text), encoding="utf-8")
    given_words = [f"{key}={toml(value)}" for key, value in words.items()]
    loaded = load_recipe(f"{len(files) - 1}.toml", given_words)
    default = Recipe(name="x")
    for key in VALUES:
        found = expected_of(key, files)
        if key in words:
            assert value_of(loaded.recipe, key) == shown_of(key, words[key]) == value_of(loaded.for_synthetic(), key)
            assert str(loaded.origin(key)) == f"--set {key}={toml(words[key])}"
            continue
        if found is None:
            assert value_of(loaded.recipe, key) == value_of(default, key) and str(loaded.origin(key)) == "default"
        else:
            value, number = found
            line = 2 + list(files[number]).index(key)
            assert value_of(loaded.recipe, key) == shown_of(key, value)
            assert str(loaded.origin(key)) == f"{number}.toml, line {line}"
        budget = expected_of(key, budgets)
        wanted = value_of(loaded.recipe, key) if budget is None else shown_of(key, budget[0])
        assert value_of(loaded.for_synthetic(), key) == wanted


def shown_of(key, value):
    return value if key == "refine.coarse_channels" else shown(value)


@pytest.mark.parametrize("name", sorted(builtin_recipes()))
def test_what_is_explained_is_what_can_be_set(name, tmp_path):
    """Every row as a word of the command line, over an empty recipe, makes the same recipe."""
    (tmp_path / "empty.toml").write_text("")
    loaded = load_recipe(name)
    for synthetic, wanted in ((False, loaded.recipe), (True, loaded.for_synthetic())):
        told = [row for row in rows(loaded, synthetic=synthetic) if row.value != "unset"]
        # A choice alone starts its settings afresh.
        words = [f"{row.key.removesuffix('.name')}={row.value}" for row in told if row.key != "summary"]
        again = load_recipe(tmp_path / "empty.toml", words).recipe
        assert again.model_copy(update={"summary": wanted.summary}) == wanted


def test_every_key_of_the_schema_is_explained_once():
    loaded = load_recipe("two_stage")
    told = [row.key for row in rows(loaded)]
    assert len(told) == len(set(told))
    for key in recipe_keys():
        value = value_of(loaded.recipe, key)
        if isinstance(value, Choice):
            assert f"{key}.name" in told
        elif not isinstance(value, Table) and not key.startswith("prompt."):
            assert key in told
    assert all(row.meaning or "." in row.key for row in rows(loaded))
