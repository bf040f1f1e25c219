"""`handbone recipes` in words and as JSON: what is shown can be run, and mistakes have a line."""

import json
import tomllib

import pytest
from cli_small import main

from handbone.recipe.load import load_recipe
from handbone.recipe.reference import sections_of
from handbone.recipe.store import builtin_recipes

NAMES = sorted(builtin_recipes())


@pytest.fixture
def recipes(monkeypatch, capsys, tmp_path):
    """Runs `handbone recipes ...` in an empty folder; gives exit code, standard output and standard error."""
    monkeypatch.setenv("COLUMNS", "300")
    monkeypatch.chdir(tmp_path)

    def run(*words):
        code = main(monkeypatch, "recipes", *words)
        said = capsys.readouterr()
        return code, said.out, said.err

    return run


def test_the_list_names_every_recipe_with_its_summary_and_what_it_extends(recipes):
    code, out, err = recipes("list")
    assert code == 0 and "handbone recipes show NAME" in err
    lines = {line.split()[0]: line for line in out.splitlines()[1:] if line and not line.startswith(" ")}
    assert set(NAMES) <= set(lines)
    for name in NAMES:
        loaded = load_recipe(name)
        assert loaded.recipe.summary[:30] in lines[name]
        if len(loaded.files) > 1:
            assert lines[name].rstrip().endswith(loaded.files[1].stem)


def test_the_list_for_programs_has_the_same(recipes):
    code, out, err = recipes("list", "--json")
    items = json.loads(out)["items"]
    assert code == 0 and err == "" and sorted(item["name"] for item in items) == NAMES
    assert all(item["files"] and item["summary"] for item in items)


@pytest.mark.parametrize("name", ["two_stage", "zero_shot"])
@pytest.mark.parametrize("options", [(), ("--synthetic",), ("--set", "coarse.train.epochs=3")])
def test_what_is_shown_as_toml_is_the_recipe_itself(recipes, name, options):
    code, out, _ = recipes("show", name, "--toml", *options)
    assert code == 0
    (path := __import__("pathlib").Path("again.toml")).write_text(out)
    loaded = load_recipe(name, options[1:])
    expected = loaded.for_synthetic() if "--synthetic" in options else loaded.recipe
    again = load_recipe(str(path)).recipe
    assert again.model_dump(exclude={"name"}) == expected.model_dump(exclude={"name"})
    assert tomllib.loads(out)["coarse"]["train"]["epochs"] == expected.coarse.train.epochs


def test_what_is_shown_says_where_each_value_comes_from(recipes):
    code, out, err = recipes("show", "two_stage", "--set", "coarse.train.epochs=3")
    assert code == 0 and "two_stage" in out.splitlines()[0] and "[coarse.train]" in out
    (line,) = [line for line in out.splitlines() if line.startswith("epochs") and " 3 " in line]
    assert "--set" in line
    assert ("--synthetic" in err) is bool(load_recipe("two_stage").when_synthetic)


def test_only_what_differs_is_shown_when_that_is_asked_for(recipes):
    keys = {}
    for options in ((), ("--changed",)):
        value = json.loads(recipes("show", "two_stage", "--json", *options, "--set", "seed=7")[1])
        keys[options] = {row["key"]: row for row in value["keys"]}
        assert value["recipe"]["seed"] == 7 and value["name"] == "two_stage"
    assert set(keys[("--changed",)]) < set(keys[()]) and keys[("--changed",)]["seed"]["value"] == 7
    assert all(list(row) == ["key", "value", "from", "meaning"] for row in keys[()].values())


@pytest.mark.parametrize("output", [None, "mine.toml", "deep/mine.toml", "folder"])
def test_a_recipe_is_copied_with_its_comments(recipes, tmp_path, output):
    (tmp_path / "folder").mkdir()
    code, _, err = recipes("copy", "two_stage", *(() if output is None else ("-o", output)))
    target = tmp_path / {None: "two_stage.toml", "folder": "folder/two_stage.toml"}.get(output, output or "")
    assert code == 0 and target.read_text() == builtin_recipes()["two_stage"].read_text("utf-8")
    assert f"handbone run {target.relative_to(tmp_path)}" in err
    target.write_text("mine")
    code, out, err = recipes("copy", "two_stage", *(() if output is None else ("-o", output)))
    assert code == 1 and out == "" and "the file already exists; choose another file with --output" in err
    assert target.read_text() == "mine"
    code, _, _ = recipes("copy", "two_stage", "--overwrite", *(() if output is None else ("-o", output)))
    assert code == 0 and "[coarse" in target.read_text()


@pytest.mark.parametrize("word", ["two_stag", "Two_Stage"])
@pytest.mark.parametrize("verb", ["show", "copy", "validate"])
def test_a_recipe_that_there_is_not_gets_a_suggestion(recipes, verb, word):
    code, out, err = recipes(verb, word)
    assert code == 1 and "two_stage" in out + err


def test_mistakes_are_counted_in_words_and_a_sound_recipe_says_so(recipes, tmp_path):
    (tmp_path / "one.toml").write_text('extends = "two_stage"\nsed = 1\n')
    (tmp_path / "two.toml").write_text('extends = "two_stage"\nsed = 1\n[coarse.train]\nepochs = "x"\n')
    code, out, _ = recipes("validate", "two_stage", "one.toml", "two.toml")
    assert code == 1
    assert "✓ two_stage  is valid" in out and "✗ one.toml  1 mistake\n" in out and "✗ two.toml  2 mistakes" in out
    assert "did you mean 'seed'?" in out


def test_mistakes_for_programs_have_file_line_and_key(recipes, tmp_path):
    (tmp_path / "one.toml").write_text('extends = "two_stage"\n\nsed = 1\n')
    code, out, _ = recipes("validate", "--json", "one.toml", "two_stage", "missing.toml")
    one, two, missing = json.loads(out)["items"]
    assert code == 1 and (one["valid"], two["valid"], missing["valid"]) == (False, True, False)
    (problem,) = one["problems"]
    assert (problem["file"], problem["line"], problem["key"]) == ("one.toml", 3, "sed") and two["problems"] == []
    assert missing["problems"][0]["message"]


@pytest.mark.parametrize("override", ["coarse.train.epochs=x", "no.such.key=1", "coarse.train.epochs=-1"])
def test_a_bad_override_is_a_mistake_of_every_recipe(recipes, override):
    code, out, _ = recipes("validate", "--json", "two_stage", "zero_shot", "--set", override)
    assert code == 1 and all(item["problems"] for item in json.loads(out)["items"])


@pytest.mark.parametrize("table", ["", "coarse.train"])
def test_keys_are_explained_table_by_table(recipes, table):
    code, out, _ = recipes("keys", *([table] if table else []))
    assert code == 0
    titles = [section.title for section in sections_of(table)]
    assert all(title in out for title in titles) and ("[predict]" in out) is (not table)
    for key in sections_of("coarse.train")[0].keys:
        assert key.name in out


def test_keys_are_also_markdown_and_a_schema(recipes):
    code, out, _ = recipes("keys", "--markdown")
    assert code == 0 and out.startswith(("#", "|", "\n#"))
    schema = json.loads(recipes("keys", "--json")[1])
    assert schema["type"] == "object" and "coarse" in schema["properties"]


def test_a_table_that_there_is_not_is_answered_with_the_nearest(recipes):
    code, out, err = recipes("keys", "coarse.trian")
    assert code == 1 and out == "" and "coarse.train" in err
