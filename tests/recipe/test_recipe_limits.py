"""TOML of unknown origin costs neither time nor memory: what lies at a limit is read, what lies beyond is refused."""

import time
import tomllib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from handbone.core.errors import HandboneError
from handbone.recipe import toml
from handbone.recipe.layers import KeyOrigin, RecipeLayer, merged
from handbone.recipe.load import load_recipe
from handbone.recipe.old_keys import OLD_KEYS
from handbone.recipe.overrides import parse_override
from handbone.recipe.problems import Problem, RecipeError, article, dotted, nearest
from handbone.recipe.read import find_recipe, read_chain
from handbone.recipe.store import builtin_recipe

ROI = "{{name='a', bones=['finger-{}']}}"


def nested(levels, opening="[", closing="]"):
    return "a = " + opening * levels + closing * levels


def filled(length):
    """A TOML text of so many characters."""
    return "#" * (length - 6) + "\na = 1"


LIMITS = [
    (filled, toml.LONGEST, "131073 characters are more than 131072"),
    (lambda count: "\n".join(f"a{n} = {n}" for n in range(count)), toml.MOST_VALUES, "more than 2000 values"),
    (lambda count: f"a = [{', '.join('1' * (count - 1))}]", toml.MOST_VALUES, "more than 2000 values"),
    (lambda levels: nested(levels - 1), toml.DEEPEST, "nested more than 32 levels deep"),
    (lambda levels: ".".join("a" * levels) + " = 1", toml.DEEPEST, "nested more than 32 levels deep"),
    (lambda levels: "[" + ".".join("a" * (levels - 1)) + "]\nb = 1", toml.DEEPEST, "nested more than 32 levels deep"),
    (lambda number: f"a = {number}", (1 << 63) - 1, "a whole number of more than 64 bits"),
]


@pytest.mark.parametrize(("make", "limit", "words"), LIMITS)
def test_what_lies_at_a_limit_is_read_and_one_more_is_not(make, limit, words):
    assert toml.loads(make(limit)) == tomllib.loads(make(limit))
    with pytest.raises(tomllib.TOMLDecodeError, match=words):
        toml.loads(make(limit + 1))


@pytest.mark.parametrize(("number", "read"), [(-(1 << 63), True), (-(1 << 63) - 1, False)])
def test_the_smallest_whole_number_has_64_bits_too(number, read):
    if read:
        assert toml.loads(f"a = {number}") == {"a": number}
    else:
        with pytest.raises(tomllib.TOMLDecodeError, match="more than 64 bits"):
            toml.loads(f"a = [{number}]")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a = " + "9" * 5000, "a number without end|more than 64 bits"),
        (nested(5000), "nested more than 32 levels deep"),
        (nested(5000, "{a = ", "}"), "nested more than 32 levels deep"),
        (".".join(["a"] * 20_000) + " = 1", "nested more than 32 levels deep"),
        (" . ".join(['"x"', "'y'"] * 20) + " = 1", "nested more than 32 levels deep"),
        ("a = ", "Invalid value"),
    ],
)
def test_texts_that_would_take_long_are_refused_at_once(text, words):
    start = time.process_time()
    with pytest.raises(tomllib.TOMLDecodeError, match=words):
        toml.loads(text)
    assert time.process_time() - start < 1


@settings(max_examples=40)
@given(st.recursive(st.integers(0, 9) | st.booleans() | st.text("ab"), lambda v: st.lists(v, max_size=3), max_leaves=9))
def test_what_is_within_limits_is_read_as_python_reads_it(value):
    text = f"a = {value!r}".replace("True", "true").replace("False", "false")
    assert toml.loads(text) == tomllib.loads(text)


def test_a_recipe_beyond_a_limit_is_named_with_its_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.toml").write_text(filled(toml.LONGEST + 1))
    with pytest.raises(RecipeError, match=r"^a\.toml: not valid TOML: 131073 characters"):
        load_recipe("a.toml")


@pytest.mark.parametrize("more", [0, 1])
def test_a_setting_may_be_as_long_as_a_recipe(more):
    word = "a=" + "x" * (toml.LONGEST - 2 + more)
    if not more:
        assert len(parse_override(word).value) == toml.LONGEST - 2
        return
    with pytest.raises(HandboneError, match="the setting is too long; write it in a recipe of your own") as error:
        parse_override(word)
    assert len(str(error.value)) < 300, "and is not repeated whole"


@pytest.mark.parametrize("what", ["folder", "missing"])
def test_a_file_that_cannot_be_read_says_why(tmp_path, what):
    path = tmp_path / "a.toml"
    if what == "folder":
        path.mkdir()
    with pytest.raises(RecipeError, match=r"a\.toml: cannot be read \(.+\)"):
        read_chain(path)


@pytest.mark.parametrize("name", ["x" * 300, "x" * 300 + ".toml", "two_stage/" + "x" * 300])
def test_a_name_too_long_for_any_file_is_an_unknown_recipe(name):
    with pytest.raises(HandboneError, match="unknown recipe"):
        find_recipe(name)


@pytest.mark.parametrize("name", ["two_stage", "two_stage.toml"])
def test_a_built_in_recipe_has_its_name_with_or_without_an_ending(name):
    assert builtin_recipe(name).name == "two_stage.toml"
    with pytest.raises(HandboneError, match=r"unknown built-in recipe 'two_stag.*did you mean 'two_stage'"):
        builtin_recipe(name.replace("stage", "stag"))


@pytest.mark.parametrize("old", OLD_KEYS)
def test_an_old_key_leads_to_the_present_one(old):
    told = {
        nearest((*table, old))
        for table in ((), ("coarse", "train"), ("refine",), ("roi",), ("report",), ("coarse",), ("prompt", "tune"))
    }
    assert f"did you mean {OLD_KEYS[old]!r}?" in told or any(f".{OLD_KEYS[old]}'" in each for each in told)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ["refine.random_roi_probability=0.4", f"refine.extra_rois=[{ROI.format(1)}, {ROI.format(2)}]"],
            "two ROIs have the same name; give them different ones",
        ),
        (["evaluate.metrics=['iou', 'assd_px', 'iou']"], "'iou' is listed twice; metrics are columns, so each name"),
        (
            ["synthetic.stream=8", "refine.coarse_channels=true"],
            "refine.coarse_channels needs coarse masks of all training images in advance",
        ),
    ],
)
def test_combinations_that_cannot_be_are_refused_with_the_reason(words, message):
    with pytest.raises(RecipeError) as error:
        load_recipe("two_stage", words)
    assert message in str(error.value)


def test_different_metrics_and_names_are_no_mistake():
    assert len(load_recipe("two_stage", ["evaluate.metrics=['iou', 'assd_px']"]).recipe.evaluate.metrics) == 2
    assert load_recipe("two_stage", ["data.rle=column-major,frame=512"]).recipe.data.rle == "column-major,frame=512"


@pytest.mark.parametrize(
    ("path", "text"),
    [((), ""), (("a",), "a"), (("a", "b"), "a.b"), (("a", 0, "b"), "a[0].b"), (("a", 0, 1), "a[0][1]")],
)
def test_a_key_is_written_as_in_toml(path, text):
    assert dotted(path) == text


@pytest.mark.parametrize(
    ("phrase", "said"),
    [("number", "a number"), ("true or false", "true or false"), ("text", "text"), ('"auto"', '"auto"')],
)
def test_a_kind_of_thing_gets_its_article(phrase, said):
    assert article(phrase) == said


def test_mistakes_are_in_the_order_of_file_and_line():
    from pathlib import Path

    a, b = Path("a.toml"), Path("b.toml")
    places = [KeyOrigin(b, 1), KeyOrigin(a, 12), KeyOrigin(a, 2), KeyOrigin(a)]
    error = RecipeError([Problem(place, "k", "is wrong") for place in places])
    assert str(error).splitlines() == [
        *("4 mistakes in the recipe:", "  a.toml: is wrong", "  a.toml, line 2: is wrong"),
        *("  a.toml, line 12: is wrong", "  b.toml, line 1: is wrong"),
    ]
    assert [problem.origin for problem in error.problems] == [places[3], places[2], places[1], places[0]]


def test_the_origin_of_a_table_is_that_of_the_nearest_key():
    layer = RecipeLayer({"a": {"b": 1, "c": {"d": 2}}}, {("a", "b"): KeyOrigin(override="a.b=1")})
    assert str(layer.origin(("a",))) == "--set a.b=1" == str(layer.origin(("a", "b")))
    assert str(layer.origin(("a", "b", "x"))) == "--set a.b=1" and str(layer.origin(("x",))) == "default"
    assert layer.holds(("a", "c", "d")) and not layer.holds(("a", "c", "d", "e")) and not layer.holds(("a", 0))


def test_merging_keeps_the_origins_of_what_stays():
    base = RecipeLayer({"seed": 1, "split": {"folds": 3}}, {("seed",): KeyOrigin(override="seed=1")})
    over = RecipeLayer({"split": {"folds": 4}}, {("split", "folds"): KeyOrigin(override="split.folds=4")})
    both = merged(base, over)
    assert both.data == {"seed": 1, "split": {"folds": 4}} and base.data["split"]["folds"] == 3
    assert (
        str(both.origin(("seed",))) == "--set seed=1" and str(both.origin(("split", "folds"))) == "--set split.folds=4"
    )


@pytest.mark.parametrize("text", ["name=caf\udce9", "coarse.\udce9=1"])
def test_a_setting_in_another_encoding_is_refused(text):
    with pytest.raises(HandboneError, match="the setting is not UTF-8 text; write it in UTF-8"):
        parse_override(text)
