"""Whatever a file or a word says, the answer is a recipe or a readable mistake."""

import contextlib

import tomlkit
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from handbone.core.errors import HandboneError
from handbone.recipe import explain
from handbone.recipe.load import load_recipe
from handbone.recipe.reference import sections

names = sorted(
    {name for s in sections() for table in s.names for name in table.split(".")} | {"extends", "when_synthetic"}
)
names += sorted({key.name for section in sections() for key in section.keys})
keys = st.sampled_from(names) | st.text(max_size=3)
scalars = st.one_of(st.none(), st.booleans(), st.integers(-2, 600), st.floats(), st.text(max_size=5)).map(
    lambda value: False if value is None else value
)
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=2) | st.dictionaries(keys, inner, max_size=3), max_leaves=10
)
quiet = settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@quiet
@given(document=st.dictionaries(keys, values, max_size=4), other=st.dictionaries(keys, values, max_size=4))
def test_any_two_files(document, other, tmp_path):
    (tmp_path / "base.toml").write_text(tomlkit.dumps(document), encoding="utf-8", newline="")
    (tmp_path / "own.toml").write_text(tomlkit.dumps({**other, "extends": "base.toml"}), encoding="utf-8", newline="")
    with contextlib.suppress(HandboneError):
        explain.rows(load_recipe(tmp_path / "own.toml"), synthetic=True)


@quiet
@given(path=st.lists(st.sampled_from(names), min_size=1, max_size=4), value=st.text(max_size=6) | values.map(str))
def test_any_word(path, value):
    with contextlib.suppress(HandboneError):
        load_recipe("coarse_only", [f"{'.'.join(path)}={value}"])
