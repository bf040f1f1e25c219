import tomllib

import pytest
import tomlkit
from hypothesis import given, settings
from hypothesis import strategies as st

from handbone.recipe.lines import key_lines

TEXT = '''# a comment = not a key
name = "a # b" # [x]
list = [
  1, # one
  [2, 3],
  { a = 1, "b c" = [4] },
]
text = """
fake = 1
[fake]
""\\""" """""
raw = \'\'\'
also = 'fake' \'\'\'\'\'
when = 2024-01-01T00:00:00Z
[coarse.train]
epochs = 3
"dotted.key".x = 1
[[coarse.steps]]
size = 1
[[coarse.steps]]
size = 2
[coarse.steps.inner]
deep = true
[coarse]
size = 64
'''


def paths(value, path=()):
    """Every path in a parsed TOML document."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return {path, *(deeper for key, inner in items for deeper in paths(inner, (*path, key)))}


def test_every_kind_of_toml_value_is_stepped_over():
    lines = key_lines(TEXT)
    assert set(lines) | {()} >= paths(tomllib.loads(TEXT))
    wanted = {
        ("name",): 2,
        ("list",): 3,
        ("list", 0): 4,
        ("list", 1, 1): 5,
        ("list", 2, "b c", 0): 6,
        ("text",): 8,
        ("raw",): 12,
        ("coarse", "train"): 15,
        ("coarse", "train", "epochs"): 16,
        ("coarse", "train", "dotted.key", "x"): 17,
        ("coarse", "steps", 0, "size"): 19,
        ("coarse", "steps", 1, "size"): 21,
        ("coarse", "steps", 1, "inner", "deep"): 23,
        ("coarse",): 24,
        ("coarse", "size"): 25,
    }
    assert {path: lines[path] for path in wanted} == wanted
    assert not any("fake" in path or "also" in path for path in lines)


@pytest.mark.parametrize("text", ["", "\n\n# only a comment", "a=1", "a = []\r\nb = {}\r\n"])
def test_short_texts(text):
    assert set(key_lines(text)) | {()} == paths(tomllib.loads(text))


names = st.text(min_size=1, max_size=6)
scalars = st.one_of(st.integers(-99, 99), st.booleans(), st.floats(allow_nan=False), st.text(max_size=12))
values = st.recursive(
    scalars,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(names, inner, max_size=3)),
    max_leaves=12,
)


@settings(max_examples=150, deadline=None)
@given(st.dictionaries(names, values, max_size=4))
def test_the_walk_finds_exactly_what_tomllib_reads(document):
    text = tomlkit.dumps(document)
    assert set(key_lines(text)) | {()} == paths(tomllib.loads(text))
