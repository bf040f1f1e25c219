"""`handbone plugins` and `handbone weights` as people and programs read them, without installing anything."""

import json

import pytest
from cli_small import main, save_seeing

from handbone.cli.plugins_author import _show as show_check
from handbone.cli.plugins_show import show_details, show_list
from handbone.plugin_kit.check import Check
from handbone.plugins import discovery, installing
from handbone.plugins.discovery import Package
from handbone.weights import sets


@pytest.fixture
def call(monkeypatch, capsys, tmp_path):
    """Runs a command with three plugins installed and nothing of the user's own; gives code, output and errors."""
    monkeypatch.setenv("COLUMNS", "300")
    monkeypatch.setenv("HANDBONE_CONFIG", str(tmp_path / "config"))
    monkeypatch.setenv("HANDBONE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(sets, "SHIPPED", tmp_path / "shipped")
    there = [Package(name, "1.2", ()) for name in ("handbone-one", "Handbone_Two")]
    monkeypatch.setattr(discovery, "installed", lambda: tuple(there))
    monkeypatch.setattr(installing, "uninstall", lambda name: there.remove(discovery.find(name, there)))

    def run(*words):
        code = main(monkeypatch, *words)
        said = capsys.readouterr()
        return code, said.out, said.err

    return run


def test_a_plugin_is_disabled_and_enabled_once_however_its_name_is_spelt(call, tmp_path):
    assert call("plugins", "disable", "handbone_two") == (0, "Handbone_Two is now disabled.\n", "")
    assert call("plugins", "disable", "HANDBONE-TWO") == (0, "Handbone_Two was already disabled.\n", "")
    assert json.loads((tmp_path / "config" / "plugins.json").read_text()) == {"disabled": ["handbone-two"]}
    assert call("plugins", "enable", "Handbone.Two")[1].endswith("is now enabled.\n")
    assert call("plugins", "enable", "handbone-two")[1] == "Handbone_Two was already enabled.\n"
    assert json.loads((tmp_path / "config" / "plugins.json").read_text()) == {"disabled": []}


@pytest.mark.parametrize("verb", ["disable", "enable"])
def test_a_change_for_programs_says_whether_there_was_one(call, verb):
    values = [json.loads(call("plugins", verb, "handbone-one", "--json")[1]) for _ in range(2)]
    assert [value["changed"] for value in values] == ([True, False] if verb == "disable" else [False, False])
    assert values[0] == {
        "schema": "handbone.plugins.change/1",
        f"{verb}d": "handbone-one",
        "changed": verb == "disable",
    }


@pytest.mark.parametrize("verb", ["disable", "enable", "remove", "info"])
def test_a_plugin_that_there_is_not_gets_a_suggestion(call, verb):
    code, out, err = call("plugins", verb, "handbone-onn", *(["--yes"] if verb == "remove" else []))
    assert code == 1 and out == "" and "unknown plugin 'handbone-onn'" in err


def test_a_disabled_plugin_that_is_gone_can_still_be_enabled(call, tmp_path):
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "plugins.json").write_text('{"disabled": ["gone"]}')
    assert call("plugins", "enable", "gone") == (0, "gone is now enabled.\n", "")


@pytest.mark.parametrize("text", ["{", "[]", '{"on": []}', '{"disabled": 5}', '{"disabled": [5]}'])
def test_a_damaged_list_says_what_to_do_with_it(call, tmp_path, text):
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "plugins.json").write_text(text)
    code, _, err = call("plugins", "disable", "handbone-one")
    assert code == 1 and "plugins.json: is not a list of disabled plugins; delete the file, which enables" in err


def test_a_removed_plugin_is_no_longer_disabled(call, tmp_path):
    call("plugins", "disable", "handbone-one")
    code, out, _ = call("plugins", "remove", "handbone-one", "--yes", "--json")
    assert code == 0 and json.loads(out) == {
        **{"schema": "handbone.plugins.change/1", "removed": "handbone-one", "version": "1.2"},
    }
    assert json.loads((tmp_path / "config" / "plugins.json").read_text()) == {"disabled": []}
    assert call("plugins", "remove", "handbone-two", "-y")[1] == "Handbone_Two was removed.\n"


def test_a_plugin_that_stays_after_its_removal_can_be_disabled(call, monkeypatch):
    monkeypatch.setattr(installing, "uninstall", lambda name: None)
    code, _, err = call("plugins", "remove", "handbone-one", "--yes")
    assert code == 1 and "is still installed, outside of this environment; handbone plugins disable handbone-one" in err


def test_a_removal_that_is_not_confirmed_does_nothing(call, monkeypatch):
    def said_no(*_, **__):
        import typer

        raise typer.Abort

    monkeypatch.setattr("handbone.cli.plugins.typer.confirm", said_no)
    code, out, _ = call("plugins", "remove", "handbone-one", "--json")
    value = json.loads(out)
    assert code == 1 and value["error"] == "nothing was done, because it was not confirmed"
    assert [package.name for package in discovery.installed()] == ["handbone-one", "Handbone_Two"]


PLUGIN = {
    **{"package": "handbone-[one]", "version": "1.2", "state": "works", "reason": "", "events": ["run_finished"]},
    **{"provides": {"loss": ["a"], "writer": ["b", "c"], "weights": ["w"]}},
}


def test_plugins_are_a_table_with_what_each_provides(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "300")
    broken = PLUGIN | {"package": "bad", "state": "broken", "reason": "no module [x]", "provides": {}, "events": []}
    show_list([PLUGIN, broken])
    said = capsys.readouterr()
    first, second = said.out.splitlines()[1:]
    told = "handbone-[one] 1.2 works losses: a; writers: b, c; weights: w; events: run_finished"
    assert first.split() == told.split()
    assert "broken: no module [x]" in second and "handbone plugins info PLUGIN" in said.err
    show_list([])
    assert "No plugins are installed; see handbone plugins install --help." in capsys.readouterr().out


def test_details_have_settings_with_their_defaults(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "300")
    settings = [
        {"name": "weight", "type": "number", "default": 0.5, "description": "of [it]"},
        {"name": "path", "type": "text", "default": None, "description": "where"},
    ]
    thing = {"kind": "reader", "name": "r", "summary": "Reads.", "settings": settings, "extensions": [".x", ".y"]}
    one = PLUGIN | {"summary": "Does.", "location": "/x", "sha256": "", "details": "Traceback", "provides": [thing]}
    show_details(one)
    text = capsys.readouterr().out
    assert "handbone-[one] 1.2  Does." in text and "reader r (.x, .y)  Reads." in text and "Traceback" in text
    assert [line.split() for line in text.splitlines() if line.startswith(("weight", "path"))] == [
        ["weight", "number", "0.5", "of", "[it]"],
        ["path", "text", "where"],
    ]
    assert "sha256" not in text, "what is not known is left out"


@pytest.mark.parametrize(("state", "mark"), [("passed", "✓"), ("failed", "✗"), ("left out", "–")])
def test_a_check_has_a_mark_and_its_reasons(capsys, monkeypatch, state, mark):
    monkeypatch.setenv("COLUMNS", "120")
    show_check(Check("loss [a]", state, ("one", "two")))
    lines = [line.strip() for line in capsys.readouterr().out.splitlines()]
    assert lines[0].startswith(f"{mark}  loss [a]") and lines[0].endswith("one") and lines[1] == "two"


def test_a_new_package_says_what_comes_next(call, tmp_path):
    code, out, _ = call("plugins", "new", "handbone-mine", "-o", tmp_path)
    folder = tmp_path / "handbone-mine"
    assert code == 0 and out.splitlines()[1:] == [
        f"  handbone plugins install -e {folder}",
        f"  handbone plugins check {folder}",
        f"  handbone run {folder / 'recipe.toml'}",
    ]
    code, out, _ = call("plugins", "new", "handbone-mine", "-o", tmp_path)
    assert code == 1 and out == ""
    value = json.loads(call("plugins", "new", "handbone-other", "-o", tmp_path, "--json")[1])
    assert "pyproject.toml" in value["files"] and value["files"] == sorted(value["files"])


def test_no_weights_are_a_sentence_and_an_empty_list(call):
    code, out, err = call("weights", "list")
    assert code == 0 and out == "" and "No weights are installed; see handbone weights fetch --help." in err
    assert json.loads(call("weights", "list", "--json")[1])["items"] == []


@pytest.fixture
def packed(call, tmp_path):
    save_seeing(tmp_path / "run" / "coarse.safetensors", bones=[0])
    (tmp_path / "metrics.json").write_text('{"Dice, synthetic hands": 0.93}')
    words = ("--name", "small", "--summary", "for [tests]", "--limit", "Untrained.", "--data", "none")
    code, out, err = call(
        *("weights", "pack", tmp_path / "run" / "coarse.safetensors", tmp_path / "small"),
        *(*words, "--metrics", tmp_path / "metrics.json"),
    )
    assert code == 0 and out.startswith("small  ") and " MB" in out, err
    return tmp_path / "small"


def test_a_set_and_a_file_are_shown_with_metrics_limits_and_digests(call, packed, tmp_path):
    code, out, _ = call("weights", "info", packed)
    assert code == 0 and "for [tests]" in out and "matches the card" in out and "0.93" in out and "- Untrained." in out
    value = json.loads(call("weights", "info", packed, "--json")[1])
    assert (
        value["verified"] is True and value["problem"] is None and value["metrics"] == {"Dice, synthetic hands": 0.93}
    )
    file = packed / "coarse.safetensors"
    file.write_bytes(file.read_bytes()[:-1] + b"\0")
    code, out, _ = call("weights", "info", packed)
    assert code == 1 and "matches the card" not in out
    value = json.loads(call("weights", "info", packed, "--json")[1])
    assert value["verified"] is False and value["problem"]
    code, out, _ = call("weights", "info", tmp_path / "run" / "coarse.safetensors")
    assert code == 0 and "64 x 64 pixels" in out and "coarse" in out
    (file,) = json.loads(call("weights", "info", tmp_path / "run" / "coarse.safetensors", "--json")[1])["files"]
    assert file["size"] == 64 and len(file["sha256"]) == 64 and file["bytes"] > 1000


@pytest.mark.parametrize(("text", "words"), [("{", "is not valid JSON"), ("[1]", "is not a JSON object")])
def test_metrics_that_are_none_are_refused_with_an_example(call, tmp_path, text, words):
    (tmp_path / "m.json").write_text(text)
    code, _, err = call(
        *("weights", "pack", tmp_path / "none.safetensors", tmp_path / "out", "--name", "x", "--metrics"),
        tmp_path / "m.json",
    )
    assert code == 1 and words in err and '{"Dice, synthetic hands": 0.93}' in err and not (tmp_path / "out").exists()
