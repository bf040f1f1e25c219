import json
import tomllib

import pytest
from typer.testing import CliRunner

from handbone.cli import recipes as cli
from handbone.core.errors import HandboneError, UnknownNameError
from handbone.recipe.load import load_recipe
from handbone.recipe.store import builtin_recipe


@pytest.fixture
def handbone(tmp_path, monkeypatch):
    """Run `handbone recipes ...` in an empty folder, in a wide terminal."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")

    def run(*words, code=0):
        result = CliRunner().invoke(cli.app, [str(word) for word in words])
        if isinstance(result.exception, HandboneError):
            raise result.exception
        assert result.exit_code == code, result.output
        return result.stdout

    return run


def test_list(handbone):
    text = handbone("list")
    assert all(name in text for name in ("two_stage", "contest", "coarse_only", "tiny"))
    listed = {entry["name"]: entry for entry in json.loads(handbone("list", "--json"))["items"]}
    assert listed["contest"]["summary"] and len(listed["contest"]["files"]) == 2


def test_show_in_every_form(handbone):
    text = handbone("show", "contest", "--set", "split.folds=3")
    assert "contest.toml:" in text and "--set split.folds=3" in text and "[coarse.train]" in text
    assert "weight_decay" in text and "weight_decay" not in handbone("show", "contest", "--changed")
    assert tomllib.loads(handbone("show", "contest", "--toml"))["coarse"]["train"]["epochs"] == 60
    shown = json.loads(handbone("show", "two_stage", "--synthetic", "--json"))
    assert shown["recipe"]["coarse"]["train"]["epochs"] == load_recipe("two_stage").for_synthetic().coarse.train.epochs
    assert {"key", "value", "from", "meaning"} == set(shown["keys"][0])


def test_copy_never_overwrites_unless_asked(handbone, tmp_path):
    handbone("copy", "contest")
    copied = tmp_path / "contest.toml"
    assert copied.read_text(encoding="utf-8") == builtin_recipe("contest").read_text(encoding="utf-8")
    copied.write_text("mine", encoding="utf-8")
    with pytest.raises(HandboneError, match="the file exists; choose another with --output"):
        handbone("copy", "contest")
    assert copied.read_text(encoding="utf-8") == "mine"
    handbone("copy", "contest", "--overwrite")
    assert copied.read_text(encoding="utf-8") != "mine"
    handbone("copy", "tiny", "-o", tmp_path / "new" / "small.toml")
    assert load_recipe(tmp_path / "new" / "small.toml").recipe.name == "small"
    handbone("copy", "tiny", "-o", tmp_path / "new")
    assert (tmp_path / "new" / "tiny.toml").is_file()
    with pytest.raises(UnknownNameError, match="did you mean 'tiny'"):
        handbone("copy", "tinny")


def test_validate_reports_every_recipe_and_fails_when_one_is_wrong(handbone, tmp_path):
    assert "is valid" in handbone("validate", "two_stage", "tiny")
    (tmp_path / "bad.toml").write_text("sed = 1\n[split]\nfold = 9\nfols = 2\n", encoding="utf-8")
    text = handbone("validate", "tiny", "bad.toml", "nothing", code=1)
    assert "bad.toml, line 1: unknown key 'sed'; did you mean 'seed'?" in text
    assert "unknown recipe 'nothing'" in text and "2 mistakes" in text
    checks = json.loads(handbone("validate", "tiny", "bad.toml", "--json", code=1))["items"]
    assert [check["valid"] for check in checks] == [True, False]
    assert [(p["line"], p["key"]) for p in checks[1]["problems"]] == [(1, "sed"), (4, "split.fols")]


def test_keys(handbone):
    text = handbone("keys", "coarse.train")
    assert "[coarse.train], [refine.train]" in text and "validations without gain" in text and "[roi]" not in text
    assert json.loads(handbone("keys", "--json"))["properties"]["coarse"]
    assert handbone("keys", "--markdown").startswith("### Top of the file")
