"""What commands share: settings from words, completion, class maps, JSON in any encoding, tables, and endings."""

import json
from types import SimpleNamespace

import numpy as np
import pytest
import typer
from hypothesis import given, settings
from hypothesis import strategies as st

from handbone.anatomy import INDEX
from handbone.cli import complete, output
from handbone.cli.ending import fail_if, finish, resumable
from handbone.cli.options import class_map_of
from handbone.cli.settings import nested_settings
from handbone.core.errors import HandboneError


@pytest.mark.parametrize(
    ("words", "settings"),
    [
        ([], {}),
        (["a=1"], {"a": 1}),
        (["a.b=1", "a.c=x"], {"a": {"b": 1, "c": "x"}}),
        (["a.b.c=1.5", "a.b.d=[1, 2]"], {"a": {"b": {"c": 1.5, "d": [1, 2]}}}),
        (["a=1", "a=2"], {"a": 2}),
        (["a=true", "b=false"], {"a": True, "b": False}),
        (['a="1"'], {"a": "1"}),
        (["a=b=c"], {"a": "b=c"}),
    ],
)
def test_dotted_keys_are_nested(words, settings):
    assert nested_settings(words) == settings


def test_a_key_below_a_value_is_refused_with_its_word():
    with pytest.raises(HandboneError, match=r"^--set a\.b=2: 'a' already has a value; set it only once$"):
        nested_settings(["a=1", "a.b=2"])


@pytest.mark.parametrize("word", ["a", "=1", "a.=1", ".a=1", "", "a..b=1"])
def test_what_is_no_setting_is_refused(word):
    with pytest.raises(HandboneError):
        nested_settings([word])


@pytest.mark.parametrize(
    ("words", "classes"),
    [(None, None), ([], None), (["a=Scaphoid"], {"a": (INDEX["Scaphoid"],)}), (["a=skip"], {"a": ()})],
)
def test_a_class_map_is_made_of_words(words, classes):
    found = class_map_of(words)
    assert (found and found.classes) == classes
    assert len(class_map_of(["ram_w600"]).classes) >= 14, "or of a map's name"


@pytest.mark.parametrize("word", ["Scaphoid", "a=Scafoid", "=Scaphoid", "no_such_map", "missing.toml"])
def test_what_is_no_class_map_is_wrong_usage_of_its_option(word):
    with pytest.raises(typer.BadParameter) as error:
        class_map_of([word])
    assert error.value.param_hint == "--map" and error.value.exit_code == 2


@pytest.fixture
def files(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("mine.toml", "other.txt", ".hidden.toml", "deep/inner.toml", "deep/.git/x.toml"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("")
    return tmp_path


@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        ("mi", ["mine.toml"]),
        ("d", ["deep/"]),
        ("deep/", ["deep/inner.toml"]),
        ("deep/in", ["deep/inner.toml"]),
        ("o", []),
        ("missing/x", []),
    ],
)
def test_recipes_are_completed_with_files_and_folders(files, typed, offered):
    names = [name for name in complete.recipes(typed) if "/" in name or "." in name]
    assert names == offered


def test_names_are_completed_by_their_beginning_and_sorted():
    assert "two_stage" in complete.recipes("two_") and "two_stage" not in complete.recipes("to")
    assert complete.methods("b")[:1] == ["best"] and complete.methods("") == sorted(complete.methods(""))
    assert "coco" in complete.formats("co") and complete.formats("no-such") == []
    assert complete.plugins("no-such-plugin") == []


class Stream:
    """A standard output of some encoding that keeps what is written."""

    def __init__(self, encoding):
        self.encoding = encoding


@pytest.mark.parametrize("encoding", ["utf-8", "ascii", "latin-1", None, "cp949"])
@pytest.mark.parametrize("name", ["a.png", "환자.png", "caf\udce9.png", "\u2028", 'quote".png'])
def test_json_comes_whole_through_any_encoding(monkeypatch, encoding, name):
    written = []
    monkeypatch.setattr(output.sys, "stdout", Stream(encoding))
    monkeypatch.setattr(output.typer, "echo", lambda text="", nl=True: written.append(text + "\n" * nl))
    output.echo_json({"name": name, "n": np.int64(3)}, "thing/1")
    output.echo_json_entries({"schema": "handbone.things/1"}, "items", [{"name": name}, 2])
    one, many = written[0], "".join(written[1:])
    assert json.loads(one) == {"schema": "handbone.thing/1", "name": name, "n": 3}
    assert json.loads(many) == {"schema": "handbone.things/1", "items": [{"name": name}, 2]}
    (one + many).encode(encoding or "utf-8")


def test_a_list_is_items_and_a_value_without_a_schema_stays(capsys):
    output.echo_json([1, 2], "list/1")
    output.echo_json({"a": 1})
    assert (
        capsys.readouterr().out.split("}\n")[0] + "}"
        == '{\n "schema": "handbone.list/1",\n "items": [\n  1,\n  2\n ]\n}'
    )


@pytest.mark.parametrize("told", [False, True])
def test_an_error_is_printed_unless_a_value_was(monkeypatch, capsys, told):
    monkeypatch.setattr(output.Told, "json", told)
    output.echo_error("it is cut", 1, where="a.png", remedy="copy it again")
    text = capsys.readouterr().out
    if told:
        assert text == ""
        return
    assert json.loads(text) == {
        **{"schema": "handbone.error/1", "error": "it is cut", "where": "a.png"},
        **{"remedy": "copy it again", "exit_code": 1},
    }
    assert output.Told.json


def test_tables_show_texts_as_they_are_and_leave_empty_facts_out(capsys):
    output.results().print(output.facts_table({"one": "[red]a[/red]", "two": "", "three": "b"}))
    table = output.headed_table("first", "second")
    table.add_row("x" * 300, "y")
    output.results().print(table)
    text = capsys.readouterr().out
    assert "[red]a[/red]" in text and "two" not in text and "x" * 300 in text


def test_what_was_passed_over_is_said_in_one_safe_line_each(capsys):
    output.say_passed_over(["3 \x1b[31mmasks", "[bold]2 films"])
    assert capsys.readouterr().err.splitlines() == [r"Ignored: 3 \x1b[31mmasks", "Ignored: [bold]2 films"]


@pytest.mark.parametrize("failed", [False, True, [], ["a"], None, {}])
@pytest.mark.parametrize("as_json", [False, True])
def test_a_result_is_told_or_shown_and_the_exit_code_says_whether_all_was_done(as_json, failed):
    called = []
    end = SimpleNamespace(code=0)
    try:
        finish(as_json, lambda: called.append("json"), lambda: called.append("words"), failed=failed)
    except typer.Exit as exit_:
        end.code = exit_.exit_code
    assert called == ["json" if as_json else "words"] and end.code == int(bool(failed))


def test_ctrl_c_in_resumable_work_ends_with_130(capsys):
    with pytest.raises(typer.Exit) as error, resumable():
        raise KeyboardInterrupt
    assert error.value.exit_code == 130
    assert capsys.readouterr().err == "Stopped. Run the same command to continue.\n"
    with pytest.raises(ValueError), resumable():
        raise ValueError
    fail_if(False)


@settings(max_examples=40)
@given(st.dictionaries(st.text("abc", min_size=1, max_size=3), st.integers(-9, 9), max_size=5))
def test_settings_of_any_names_come_back(values):
    assert nested_settings(f"{key}={value}" for key, value in values.items()) == values
