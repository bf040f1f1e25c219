import subprocess
import sys
import tomllib

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from handbone.core.errors import HandboneError
from handbone.recipe.dump import to_toml
from handbone.recipe.load import load_recipe
from handbone.recipe.schema import Augment, Choice, Coarse, Data, LossTerm, ProgressiveSize, Recipe, Refine, Train


def reloaded(recipe, folder):
    (folder / "other-name.toml").write_text(to_toml(recipe), encoding="utf-8")
    return load_recipe(folder / "other-name.toml").recipe


@pytest.mark.parametrize("name", ["two_stage", "contest", "coarse_only", "tiny"])
def test_a_resolved_recipe_loads_again_to_an_equal_one(name, tmp_path):
    loaded = load_recipe(name)
    assert reloaded(loaded.recipe, tmp_path) == loaded.recipe
    assert reloaded(loaded.for_synthetic(), tmp_path) == loaded.for_synthetic()


def test_a_resolved_recipe_needs_no_other_file_and_says_every_key():
    data = tomllib.loads(to_toml(load_recipe("contest").recipe))
    assert "extends" not in data and data["name"] == "contest"
    assert data["coarse"]["train"]["accumulate_grad_batches"] == 1 and data["merge"]["max_shift"] == 0.25


texts = st.text(max_size=8)
extras = st.one_of(
    texts, st.integers(-9, 9), st.booleans(), st.lists(texts, max_size=2), st.dictionaries(texts, texts, max_size=2)
)
setting_names = st.from_regex(r"[a-z ü.]{1,6}", fullmatch=True).filter(
    lambda n: n not in ("name", "from", "provider", "weight")
)
setting_dicts = st.dictionaries(setting_names, extras, max_size=2)
choices = st.builds(lambda name, extra: Choice(name=name, **extra), texts, setting_dicts)
losses = st.builds(
    lambda name, w, extra: LossTerm(name=name, weight=w, **extra), texts, st.floats(0.01, 5), setting_dicts
)
trains = st.builds(
    Train,
    epochs=st.integers(3, 9),
    progressive_resizing=st.sampled_from([(), (ProgressiveSize(size=64, share=0.3),)]),
    loss=st.lists(losses, min_size=1, max_size=2).map(tuple),
    optimiser=choices,
    lr=st.floats(1e-9, 1e3),
    gradient_clip_norm=st.none() | st.floats(0.1, 9),
    ema=st.none() | st.floats(0.1, 0.9),
    workers=st.none() | st.integers(0, 3),
)
recipes = st.builds(
    Recipe,
    name=st.just("any"),
    summary=texts,
    data=st.builds(
        Data, path=texts, class_map=st.dictionaries(texts, st.sampled_from(["Radius", "finger-1"]), max_size=2)
    ),
    coarse=st.builds(Coarse, model=choices, train=trains, augment=st.builds(Augment, rotate=st.floats(0, 180))),
    refine=st.none() | st.builds(Refine, weights=st.none() | texts, bones=st.just(("thumb", "Ulna"))),
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(recipe=recipes)
def test_any_recipe_survives_being_written(recipe, tmp_path):
    assert reloaded(recipe, tmp_path) == recipe


def test_what_toml_cannot_hold_is_refused():
    with pytest.raises(HandboneError, match=r"coarse\.model\.encoder_weights: TOML cannot hold None"):
        to_toml(Recipe(name="a", coarse=Coarse(model=Choice(name="unet", encoder_weights=None))))


def test_recipes_are_read_without_torch():
    code = "import sys, handbone.recipe.load as r; r.load_recipe('tiny'); sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
