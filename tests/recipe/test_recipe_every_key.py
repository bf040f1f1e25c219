"""Every key of a recipe: what it takes at its limits, and what it says of anything else, by key and line."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handbone.core.errors import HandboneError
from handbone.recipe.keys import UndeclaredError, covers, only, recipe_keys, value_of
from handbone.recipe.load import load_recipe
from handbone.recipe.problems import RecipeError
from handbone.recipe.reference import json_schema, takes
from handbone.recipe.schema import Choice, Recipe, Train

RECIPE = Recipe(name="x")
# Of what the values of a key are, where the default does not show it.
OFF_BY_DEFAULT = {key for key in recipe_keys() if value_of(RECIPE, key) is None}


def problems(folder, lines):
    """Key to the message of its mistake, of a recipe with these lines."""
    (folder / "a.toml").write_text("\n".join(lines), encoding="utf-8")
    try:
        load_recipe(folder / "a.toml")
    except RecipeError as error:
        return {problem.key.partition("[")[0]: str(problem) for problem in error.problems}
    return {}


def of_type(*kinds):
    return {key for key in recipe_keys() if type(value_of(RECIPE, key)) in kinds}


#: A TOML value to the keys that must refuse it, by the type of their defaults.
WRONG = {
    '"qqq"': of_type(int, float, bool),
    "3.25": of_type(int, bool, str, tuple) - {"coarse.train.precision"},
    "[3.25]": of_type(int, float, bool, str, tuple, Choice) - {"evaluate.nsd_tolerances_px"},
    "{ qqq = 1 }": of_type(int, float, bool, str, tuple),
    "true": of_type(int, float, tuple, str, Choice),
    "-7": of_type(bool, tuple, str, Choice) - {"coarse.train.precision"},
    "2024-01-01": of_type(int, float, bool, tuple, str, Choice),
    "nan": of_type(int, float, bool, tuple, str, Choice),
    "inf": of_type(int, float, bool, tuple, str, Choice),
}


@pytest.mark.parametrize("value", WRONG)
def test_a_value_of_the_wrong_type_is_named_with_its_key_its_line_and_what_it_takes(tmp_path, value):
    """All keys at once: one sentence a key, none of them left out, and none that does not know what it takes."""
    keys = sorted(WRONG[value])
    told = problems(tmp_path, [f"{key} = {value}" for key in keys])
    assert set(keys) <= set(told), sorted(set(keys) - set(told))
    for line, key in enumerate(keys, 1):
        assert f"a.toml, line {line}: " in told[key] and key in told[key], told[key]
        assert "something else" not in told[key] and "Input should be" not in told[key], told[key]


def node_of(key):
    """The part of the JSON schema that describes a number; None for other keys."""
    here = json_schema()
    for name in key.split("."):
        while "$ref" in here or "anyOf" in here:
            here = next(o for o in here["anyOf"] if o.get("type") != "null") if "anyOf" in here else here
            here = json_schema()["$defs"][here["$ref"].rpartition("/")[2]] if "$ref" in here else here
        here = here["properties"][name]
    options = here.get("anyOf", [here])
    return next((option for option in options if option.get("type") in ("number", "integer")), None)


NUMBERS = {key: node for key in recipe_keys() if (node := node_of(key)) is not None}
assert len(NUMBERS) > 90


def step(node):
    return node.get("multipleOf", 1) if node["type"] == "integer" else 1e-6


def inside_and_outside(node):
    """Numbers at and beyond each limit."""
    inside, outside = [], []
    for name, sign in (("minimum", -1), ("maximum", 1)):
        if name in node:
            inside.append(node[name])
            outside.append(node[name] + sign * step(node))
        exclusive = f"exclusive{name.capitalize()}"
        if exclusive in node:
            outside.append(node[exclusive])
            inside.append(node[exclusive] - sign * step(node))
    return inside, outside


@pytest.mark.parametrize("which", range(2))
def test_numbers_beyond_a_limit_are_refused_with_the_limit(tmp_path, which):
    cases = {
        key: outside[which] for key, node in NUMBERS.items() if len(outside := inside_and_outside(node)[1]) > which
    }
    told = problems(tmp_path, [f"{key} = {value!r}" for key, value in cases.items()])
    for key in cases:
        assert f"{key} must be a {takes(tuple(key.split('.')))}" in told[key].replace("must be a a", "must be a")


@pytest.mark.parametrize("which", range(2))
def test_numbers_at_a_limit_are_taken(tmp_path, which):
    """But for what tables say of several keys together."""
    cases = {key: inside[which] for key, node in NUMBERS.items() if len(inside := inside_and_outside(node)[0]) > which}
    assert len(cases) > 20
    told = problems(tmp_path, [f"{key} = {value!r}" for key, value in cases.items()])
    assert not set(told) & set(cases), {key: told[key] for key in set(told) & set(cases)}


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("merge.area_ratio=[1]", "merge.area_ratio must be a list of 2 numbers, but is [1]"),
        ("merge.area_ratio=[]", "merge.area_ratio must be a list of 2 numbers, but is []"),
        ("merge.area_ratio=[1, 2, 3]", "merge.area_ratio must be a list of 2 numbers, but is [1, 2, 3]"),
        ("merge.area_ratio=[0.1, inf]", "merge.area_ratio[1] must be a number, but is inf"),
        ("merge.area_ratio=[2, 1]", "needs two numbers, the smaller one first, not [2.0, 1.0]"),
        ("merge.area_ratio=[-1, 1]", "needs two numbers, the smaller one first, not [-1.0, 1.0]"),
        ("data.class_map={a=3}", "data.class_map.a must be text, but is 3"),
        ("data.class_map={a='Lunat'}", "did you mean 'Lunate'?"),
        ("data.rle=sideways", "unknown word 'sideways'"),
        ("split.fold=5", "fold 5 does not exist: 5 folds are numbered 0 to 4"),
        ("coarse.train.epochs=0", "train.epochs = 0 uses existing weights, but none are given"),
        ("coarse.train.progressive_resizing=[{size=1024, share=0.5}]", "which must be below the size 1024"),
        (
            "coarse.train.progressive_resizing=[{size=64, share=0.5}, {size=128, share=0.5}]",
            "the shares of progressive_resizing add up to 1 and leave no epochs at the full size",
        ),
        ("coarse.train.loss=x * dice", "cannot read the loss term 'x * dice': write 'dice' or '0.5 * dice'"),
        ("refine.extra_rois=[{name='a', bones=['thumb']}]", "set random_roi_probability above 0"),
        ("refine.extra_rois=[{name='a', bones=['Lunate']}]", "Lunate belongs to bones and to the ROI 'a'"),
        ("refine.extra_rois=[{name='a', bones=['thumb'], size=64}]", "has a size but no size_px"),
    ],
)
def test_what_cannot_be_is_said_in_one_sentence(word, message):
    with pytest.raises(RecipeError) as error:
        load_recipe("two_stage", ["coarse.weights=false", word])
    assert message in str(error.value) and "\n" not in str(error.value)


TERMS = st.lists(
    st.tuples(st.sampled_from(["dice", "bce", "focal"]), st.one_of(st.none(), st.floats(0.01, 99))),
    min_size=1,
    max_size=4,
)


@given(TERMS, st.sampled_from(["", " ", "  "]))
def test_a_sum_of_losses_is_read_term_by_term(terms, space):
    text = f"{space}+{space}".join(n if w is None else f"{w!r}{space}*{space}{n}" for n, w in terms)
    read = Train(loss=text).loss
    assert [(term.name, term.weight) for term in read] == [(n, 1.0 if w is None else w) for n, w in terms]


SHARES = st.lists(
    st.tuples(st.integers(1, 9), st.sampled_from([32, 64, 96]), st.sampled_from([None, 1, 8])), max_size=4
)


@given(SHARES, st.integers(1, 60))
def test_epochs_come_at_each_size_for_its_share_and_end_at_the_full_one(shares, epochs):
    """Shares in whole percent: how many epochs end before 100 times their number is the sum's share of all."""
    total = sum(percent for percent, _, _ in shares)
    steps = tuple({"size": size, "share": percent / 100, "batch_size": batch} for percent, size, batch in shares)
    train = Train(epochs=epochs, progressive_resizing=steps, batch_size=3)
    for epoch in range(epochs):
        expected, reached = (512, 3), 0
        for percent, size, batch in shares:
            reached += percent
            if epoch < reached * epochs // 100:
                expected = size, batch or 3
                break
        assert (train.size_at(epoch, 512), train.batch_size_at(epoch)) == expected
    assert total < 100 and train.size_at(epochs - 1, 512) == 512


def test_a_step_sees_what_it_declares_and_nothing_beside():
    seen = only(RECIPE, ["coarse.train.lr", "roi", "seed"])
    assert seen.coarse.train.lr == RECIPE.coarse.train.lr and seen.roi is RECIPE.roi and seen.seed == RECIPE.seed
    for hidden in (
        lambda: seen.coarse.size,
        lambda: seen.coarse.train.epochs,
        lambda: seen.refine,
        lambda: seen.coarse.model.name,
    ):
        with pytest.raises(UndeclaredError, match="is not declared; add it to what the step reads"):
            hidden()
    with pytest.raises(AttributeError, match="has no key 'qqq'"):
        _ = seen.coarse.qqq
    assert only(RECIPE, recipe_keys()) is RECIPE


@given(st.sampled_from(recipe_keys()), st.sampled_from(recipe_keys()))
def test_a_key_is_covered_by_itself_and_by_the_tables_around_it(key, other):
    parts = key.split(".")
    assert all(covers([".".join(parts[:n])], key) for n in range(1, len(parts) + 1))
    assert covers([other], key) is (key == other)
    assert not covers([key[:-1]], key), "a name is no part of a longer name"
    assert not covers([], key)


def test_the_reference_knows_what_every_key_takes():
    for key in recipe_keys():
        assert takes(tuple(key.split("."))), key
    assert takes(("coarse", "qqq")) is None and takes(("merge", "area_ratio", 5)) is None
    assert takes(("merge", "area_ratio", 1)) == "number" and takes(("data", "class_map", "any name")) == "text"


@pytest.mark.parametrize("key", sorted(of_type(int, float))[::7])
def test_a_word_of_the_command_line_is_blamed_by_itself(key):
    with pytest.raises(HandboneError) as error:
        load_recipe("two_stage", [f"{key}=qqq"])
    assert re.match(rf"--set {re.escape(key)}=qqq: {re.escape(key)} must be ", str(error.value))
