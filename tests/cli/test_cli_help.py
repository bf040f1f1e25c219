"""Every command explains itself and all its options, and wrong usage is one sentence with exit code 2, also as JSON."""

import json
import re
from functools import cache

import pytest
import typer
from cli_small import main

from handbone import __version__
from handbone.cli import app
from handbone.core.commands import COMMANDS


@cache
def commands():
    """Words of every command and group, with what typer knows of it."""
    found = {}

    def walk(words, command):
        real = command._real() if hasattr(command, "_real") else command
        found[words] = real
        for name, inner in getattr(real, "commands", {}).items():
            walk((*words, name), inner)

    for name, command in typer.main.get_command(app).commands.items():
        walk((name,), command)
    return found


ALL = [
    *[(name,) for name in COMMANDS],
    *[("data", name) for name in ("check", "summary", "draw", "diff", "merge")],
    *[("recipes", name) for name in ("list", "show", "copy", "validate", "keys")],
    *[("weights", name) for name in ("list", "info", "fetch", "pack")],
    *[("plugins", name) for name in ("list", "info", "install", "remove", "enable", "disable", "check", "new")],
]


def test_all_commands_are_tested_here():
    assert set(ALL) == set(commands())


@pytest.mark.parametrize("words", ALL, ids=" ".join)
def test_help_names_every_argument_and_option_and_what_they_do(words, monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "300")
    monkeypatch.setenv("TERM", "dumb")
    assert main(monkeypatch, *words, "--help") == 0
    text = capsys.readouterr().out
    assert re.search(rf"Usage: .*handbone {' '.join(words)} ", text)
    for parameter in commands()[words].params:
        if parameter.param_type_name == "option" and not parameter.hidden:
            assert all(name in text for name in parameter.opts), parameter.opts
            assert (parameter.help or "").rstrip().endswith((".", "]")), parameter.opts
        elif parameter.param_type_name == "argument":
            assert parameter.help, f"{words}: {parameter.name} says nothing"


@pytest.mark.parametrize("words", ALL, ids=" ".join)
def test_help_begins_with_a_sentence(words):
    sentence = (commands()[words].help or "").strip().split("\n")[0]
    assert sentence[:1].isupper() and len(sentence.split()) > 2 and len(sentence.split()) <= 30


# `plugins install` hands options that it does not know to pip.
STRICT = [words for words in ALL if words != ("plugins", "install")]
JSON = [words for words in STRICT if words not in [("data",), ("recipes",), ("weights",), ("plugins",)]]


@pytest.mark.parametrize("words", STRICT, ids=" ".join)
def test_an_option_that_there_is_not_is_wrong_usage(words, monkeypatch, capsys):
    assert main(monkeypatch, *words, "--no-such-option") == 2
    said = capsys.readouterr()
    assert said.out == "" and "--no-such-option" in said.err and "Traceback" not in said.err


@pytest.mark.parametrize("words", JSON, ids=" ".join)
def test_wrong_usage_is_json_for_programs(words, monkeypatch, capsys):
    assert main(monkeypatch, *words, "--json", "--no-such-option") == 2
    said = capsys.readouterr()
    value = json.loads(said.out)
    assert value["schema"] == "handbone.error/1" and value["exit_code"] == 2
    assert list(value) == ["schema", "error", "where", "remedy", "exit_code"]
    assert value["error"] in said.err, "people read the same on the other stream"


@pytest.mark.parametrize(("option", "said"), [("--version", f"handbone {__version__}"), ("--help", "Usage: ")])
def test_the_command_line_says_what_it_is(option, said, monkeypatch, capsys):
    assert main(monkeypatch, option) == 0 and said in capsys.readouterr().out


@pytest.mark.parametrize("words", [(), ("data",), ("recipes",), ("weights",), ("plugins",)], ids=" ".join)
def test_without_a_command_its_help_is_shown(words, monkeypatch, capsys):
    monkeypatch.setenv("TERM", "dumb")
    assert main(monkeypatch, *words) in (0, 2)
    said = capsys.readouterr()
    assert "Usage: " in said.out + said.err


@pytest.mark.parametrize("word", ["outline", "Predict", "predict.", "data check", ""])
def test_a_command_that_there_is_not_is_wrong_usage(word, monkeypatch, capsys):
    assert main(monkeypatch, word) == 2
    assert f"No such command '{word}'" in " ".join(capsys.readouterr().err.split())


def test_the_main_help_lists_all_commands_in_their_order(monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "300")
    monkeypatch.setenv("TERM", "dumb")
    main(monkeypatch, "--help")
    text = capsys.readouterr().out
    places = [text.index(sentence.split(":")[0][:60]) for _, sentence in COMMANDS.values()]
    assert places == sorted(places)


def test_plugins_can_be_left_out(monkeypatch, capsys):
    monkeypatch.setenv("HANDBONE_PLUGINS", "none-such")
    assert main(monkeypatch, "--no-plugins", "recipes", "list", "--json") == 0
    assert json.loads(capsys.readouterr().out)["items"]
