"""Commands that are imported when they are used: handbone's own, and those of plugins, whatever is wrong with them."""

from types import SimpleNamespace

import pytest
import typer
from cli_small import main

from handbone.cli import app, complete, lazy
from handbone.core.commands import COMMANDS
from handbone.core.errors import HandboneError
from handbone.plugins import CommandSpec
from handbone.plugins.provider import Provided


def of(name="say", build=lambda: None, package="handbone-say", summary="Say it."):
    return Provided(CommandSpec(name=name, summary=summary, build=build), package, "1.2")


@pytest.fixture
def plugged(say, monkeypatch):
    """Runs a command where plugins provide some; gives a function of these and the words."""

    def run(providers, *words):
        found = {}
        for provided in providers:
            found.setdefault(provided.spec.name, []).append(provided)
        manager = SimpleNamespace(from_plugins=lambda kind: found if kind == "command" else {})
        monkeypatch.setattr("handbone.plugins.installed_plugins", lambda: manager)
        monkeypatch.setattr("handbone.plugins.manager.registry", lambda: manager)
        monkeypatch.setenv("TERM", "dumb")
        return say(*words)

    return run


def test_a_function_of_a_plugin_is_a_command_with_its_options(plugged):
    def command(word: str, times: int = 1) -> None:
        """Repeat a word."""
        typer.echo(" ".join([word] * times))

    assert plugged([of(build=lambda: command)], "say", "hand", "--times", "3") == (0, "hand hand hand\n", "")
    code, out, _ = plugged([of(build=lambda: command)], "say", "--help")
    assert code == 0 and "Repeat a word." in out and "--times" in out
    assert plugged([of(build=lambda: command)], "say")[0] == 2, "the word is missing"


def test_an_app_of_a_plugin_is_a_group_of_commands(plugged):
    inner = typer.Typer(help="Words.")
    inner.command("one")(lambda: typer.echo("one"))
    inner.command("two")(lambda: typer.echo("two"))
    assert plugged([of(build=lambda: inner)], "say", "two")[:2] == (0, "two\n")
    code, out, _ = plugged([of(build=lambda: inner)], "say", "--help")
    assert code == 0 and "one" in out and "two" in out


def of_a_type_that_no_option_has(value: int | str) -> None:
    """A function whose argument cannot be typed."""


@pytest.mark.parametrize("built", [None, 7, "text", of_a_type_that_no_option_has])
def test_what_is_no_command_is_the_plugin_s_fault_by_name(plugged, built):
    code, out, err = plugged([of(build=lambda: built)], "say")
    assert (code, out) == (1, "") and "Traceback" not in err
    assert "the command 'say' of handbone-say 1.2 is not valid (" in err and "report it to its authors" in err


def test_two_plugins_of_one_command_are_both_named(plugged):
    both = [of(), of(package="handbone-other")]
    code, _, err = plugged(both, "say")
    assert code == 1 and "the command 'say' is provided by handbone-say and handbone-other; disable one of them" in err
    code, out, _ = plugged(both, "--help")
    assert code == 0 and "Say it. (handbone-say and handbone-other)" in out


def test_an_error_in_a_plugin_s_command_is_told_as_any_other(plugged):
    def command() -> None:
        raise HandboneError("is cut", where="[a].png", remedy="copy it again")

    assert "Error: [a].png: is cut; copy it again" in plugged([of(build=lambda: command)], "say")[2]


def test_ctrl_c_in_a_plugin_s_command_ends_it_with_a_sentence(plugged):
    def command() -> None:
        raise KeyboardInterrupt

    code, out, err = plugged([of(build=lambda: command)], "say")
    assert (code, out, err) == (130, "", "Stopped. Run the same command to start again.\n")


def test_commands_of_handbone_come_first_and_a_plugin_cannot_take_their_names(plugged):
    code, out, _ = plugged([of("about", summary="About [it].")], "--help")
    assert code == 0 and out.index("plugins") < out.index("About [it].")
    group = typer.main.get_command(app)
    names = group.list_commands(None)
    assert names[: len(COMMANDS)] == list(COMMANDS) and names[len(COMMANDS) :] == ["about"]


def test_plugins_are_not_looked_for_where_a_command_is_handbone_s_own(monkeypatch, capsys):
    def search():
        raise AssertionError("plugins were searched")

    monkeypatch.setattr("handbone.plugins.installed_plugins", search)
    group = typer.main.get_command(app)
    for name in COMMANDS:
        assert group.get_command(None, name) is not None
    with pytest.raises(AssertionError, match="were searched"):
        group.get_command(None, "say")
    assert group.get_command(None, "say") is None, "and only once"


def test_wrong_settings_of_plugins_do_not_hide_the_help(monkeypatch, capsys):
    def search():
        raise HandboneError("is damaged", where="plugins.json", remedy="remove it")

    monkeypatch.setattr("handbone.plugins.installed_plugins", search)
    monkeypatch.setenv("TERM", "dumb")
    assert main(monkeypatch, "--help") == 0
    said = capsys.readouterr()
    assert said.err == "Error: plugins.json: is damaged; remove it\n" and "predict" in said.out


def test_a_command_is_imported_once_it_is_used(monkeypatch):
    built = []
    command = lazy.LazyCommand("x", "X.", lambda: built.append(1) or typer.main.get_command(app))
    assert command.help == "X." and built == []
    command.make_context("x", ["--help"], resilient_parsing=True)
    assert built == [1]


def test_names_are_completed_with_those_of_plugins(monkeypatch):
    specs = [SimpleNamespace(spec=SimpleNamespace(name=name)) for name in ("mine", "mean", "vote")]
    manager = SimpleNamespace(provided=lambda kind: specs if kind in ("ensembler", "writer") else [])
    monkeypatch.setattr("handbone.plugins.installed_plugins", lambda: manager)
    assert complete.methods("") == ["best", "mean", "mine", "vote"] and complete.methods("m") == ["mean", "mine"]
    assert complete.formats("v") == ["vote"] and complete.formats("best") == []
    packages = [SimpleNamespace(name=name) for name in ("handbone-b", "handbone-a", "other")]
    monkeypatch.setattr("handbone.plugins.discovery.installed", lambda: packages)
    assert complete.plugins("handbone") == ["handbone-a", "handbone-b"] and complete.plugins("") == [
        *("handbone-a", "handbone-b", "other"),
    ]


def test_hidden_files_and_files_of_other_kinds_are_no_recipes(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "sub").mkdir()
    for name in ("sub/.a.toml", "sub/a.toml", "sub/a.txt", "sub/.git"):
        (tmp_path / name).write_text("")
    (tmp_path / "sub" / "deep.d").mkdir()
    assert complete.recipes("sub/") == ["sub/a.toml", "sub/deep.d/"]
    assert complete.recipes(f"{tmp_path}/sub/a") == [f"{tmp_path}/sub/a.toml"]
