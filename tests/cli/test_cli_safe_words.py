"""Texts of others in what commands print: cards of weights, plugins, recipes and file names cannot steer a terminal.

What handbone suggests to type can be typed as it stands.
"""

import json
import math
import shlex
from types import SimpleNamespace

import pytest
from cli_small import draw_image, save_seeing

from handbone.cli import complete, lazy, output
from handbone.cli.plugins_author import _show as show_check
from handbone.cli.plugins_show import show_details, show_list
from handbone.plugin_kit.findings import Check
from handbone.plugins import CommandSpec
from handbone.plugins.provider import Provided
from handbone.workflows.adapt.adaptation import Adaptation
from handbone.workflows.adapt.changes import BoneChange, Changes
from handbone.workflows.bench.bench import Bench

ESC = "\x1b[2J\x1b]0;owned\x07"
SHOWN = r"\x1b[2J\x1b]0;owned\x07"
RIGHT_TO_LEFT, SHOWN_RTL = "a\u202egnp.exe", r"a\u202egnp.exe"


def assert_safe(text, times=1):
    assert "\x1b" not in text and "\x07" not in text and "\u202e" not in text
    assert text.count(SHOWN) >= times, text


def test_a_plain_text_keeps_its_lines_and_brackets_and_nothing_that_steers():
    text = output.plain(f"[bold]{ESC}\nsecond {RIGHT_TO_LEFT}\r\x08", "red")
    assert text.plain == f"[bold]{SHOWN}\nsecond {SHOWN_RTL}\\x0d\\x08" and text.style == "red"
    assert output.plain(None).plain == "None" and output.plain("").plain == ""


def test_a_card_of_weights_is_shown_and_listed_as_text(say, tmp_path, monkeypatch):
    monkeypatch.setattr("handbone.weights.sets.SHIPPED", tmp_path / "shipped")
    save_seeing(tmp_path / "run" / "coarse.safetensors", bones=[0])
    told = ("--summary", f"S {ESC}", "--data", f"D {ESC}", "--limit", f"L {ESC}", "--licence", f"P {ESC}")
    (tmp_path / "metrics.json").write_text(json.dumps({f"M {ESC}": 0.5}))
    folder = tmp_path / "own" / "cache" / "weights" / "mine"
    words = ("--name", "mine", *told, "--metrics", "metrics.json")
    code, out, err = say("weights", "pack", "run/coarse.safetensors", folder, *words)
    assert code == 0, err
    code, out, _ = say("weights", "info", "mine")
    assert code == 0
    assert_safe(out, 5)
    code, out, _ = say("weights", "list")
    assert code == 0
    assert_safe(out)
    assert json.loads(say("weights", "info", "mine", "--json")[1])["summary"] == f"S {ESC}", "JSON escapes it itself"


def test_a_damaged_card_is_quoted_safely(say, tmp_path, monkeypatch):
    monkeypatch.setattr("handbone.weights.sets.SHIPPED", tmp_path / "shipped")
    folder = tmp_path / "own" / "cache" / "weights" / "mine"
    folder.mkdir(parents=True)
    (folder / "card.json").write_text(json.dumps({"name": "mine", "files": {f"x{ESC}": {}}}))
    code, out, _ = say("weights", "list")
    assert code == 1 and "damaged" in out and "\x1b" not in out and "\x07" not in out


def plugin(**more):
    return {
        **{"package": f"p{ESC}", "version": f"1{ESC}", "state": "broken", "reason": f"r{ESC}", "events": [f"e{ESC}"]},
        **{"provides": {"loss": [f"l{ESC}"]}, **more},
    }


def test_what_plugins_say_of_themselves_is_shown_as_text(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "400")
    show_list([plugin()])
    assert_safe(capsys.readouterr().out, 5)
    setting = {"name": f"n{ESC}", "type": f"t{ESC}", "default": f"d{ESC}", "description": f"m{ESC}"}
    thing = {"kind": "loss", "name": f"l{ESC}", "summary": f"s{ESC}", "settings": [setting], "extensions": [f"x{ESC}"]}
    show_details(plugin(summary=f"s{ESC}", location=f"/{ESC}", sha256="", details=f"line\n{ESC}", provides=[thing]))
    text = capsys.readouterr().out
    assert_safe(text, 13)
    assert f"line\n{SHOWN}\n" in text, "a traceback keeps its lines"
    show_check(Check(f"loss {ESC}", "failed", (f"why {ESC}", "and why")))
    assert_safe(capsys.readouterr().out.replace("\n", "").replace(" ", ""), 1)


def test_commands_of_plugins_stand_in_the_help_as_text(say, monkeypatch):
    spec = CommandSpec(name="mine", summary=f"Does [red]it[/red]\n{ESC}", build=lambda: print)
    found = SimpleNamespace(from_plugins=lambda kind: {"mine": [Provided(spec, "handbone-[x]", "1.0")]})
    monkeypatch.setattr("handbone.plugins.installed_plugins", lambda: found)
    monkeypatch.setattr("handbone.cli.app.info.cls", lazy.LazyGroup)
    monkeypatch.setenv("TERM", "dumb")
    code, out, _ = say("--help")
    assert code == 0 and "Does [red]it[/red] " in out and "(handbone-[x])" in out
    assert_safe(out)


@pytest.mark.parametrize("name", ["{}.toml", "r{}.toml"])
def test_mistakes_in_a_recipe_are_quoted_safely(say, tmp_path, name):
    path = tmp_path / name.format("a\x1b[31m")
    path.write_text(f'summary = "S"\n"k{json.dumps(ESC)[1:-1]}" = 1\n')
    code, out, _ = say("recipes", "validate", path)
    assert code == 1 and "1 mistake" in out
    assert "\x1b" not in out and r"\x1b[31m.toml" in out
    path.write_text(f'name = "mine"\nsummary = "S {json.dumps(ESC)[1:-1]}"\n')
    code, out, _ = say("recipes", "show", path, "--changed")
    assert code == 0 and r'"S \u001b[2J' in out, "its own value is TOML"
    assert_safe(out)


def test_every_meaning_of_a_key_is_shown_whole(say):
    from handbone.recipe import reference

    out = " ".join(say("recipes", "keys")[1].split())
    for section in reference.sections_of(""):
        for key in section.keys:
            assert " ".join(key.meaning.split()) in out, key.name


def test_what_a_bench_measured_is_named_safely(say, monkeypatch):
    found = Bench(f"w{ESC}", f"m{ESC}", 1, f"i{ESC}", (), f"use{ESC}", (f"handbone predict {ESC}",))
    monkeypatch.setattr("handbone.workflows.bench.bench", lambda *_, **__: found)
    code, out, _ = say("bench")
    assert code == 0 and "1 core;" in out
    assert_safe(out, 5)


def test_a_radiograph_that_adapt_skips_is_named_safely(say, tmp_path, monkeypatch):
    draw_image(tmp_path / "images" / "a.png")
    result = Adaptation(
        weights=tmp_path / "mine",
        page=tmp_path / "page.html",
        refused=(),
        radiographs=1,
        unread=(f"{ESC}[red].png: is cut",),
        steps=3,
        dice=(0.9, 0.9),
        changes=Changes((BoneChange("Radius", math.nan, math.nan, 0, 0, 0, 0),), ()),
        pseudo_masks={"used": 0, "outlined": 0, "bones_used": 0.0},
    )
    monkeypatch.setattr("handbone.workflows.adapt.run.adapt", lambda *_, **__: result)
    code, _, err = say("adapt", "images", "-o", "mine")
    assert code == 1 and f"skipped {SHOWN}[red].png: is cut" in err and "\x1b" not in err


PLACES = ["plain", "two words", "it's", "$HOME", "[a]", "a;b"]


@pytest.mark.parametrize("place", PLACES)
def test_what_comes_after_a_new_plugin_can_be_typed_as_it_stands(say, tmp_path, place):
    (tmp_path / place).mkdir()
    code, out, _ = say("plugins", "new", "handbone-mine", "-o", place)
    assert code == 0
    folder = f"{place}/handbone-mine"
    assert [shlex.split(line) for line in out.splitlines()[1:]] == [
        ["handbone", "plugins", "install", "-e", folder],
        ["handbone", "plugins", "check", folder],
        ["handbone", "run", f"{folder}/recipe.toml"],
    ]


@pytest.mark.parametrize("place", PLACES)
def test_a_copied_recipe_is_run_by_what_is_printed(say, tmp_path, place):
    (tmp_path / place).mkdir()
    code, out, err = say("recipes", "copy", "tiny", "-o", place)
    assert code == 0 and out == "" and err.count("\n") == 1
    assert shlex.split(err.partition("Run it with: ")[2]) == ["handbone", "run", f"{place}/tiny.toml"]
    assert f"Wrote {place}/tiny.toml." in err
    code, _, err = say("recipes", "copy", "tiny", "-o", place)
    assert code == 1 and f"{place}/tiny.toml: the file already exists; choose another file" in err
    (tmp_path / place / "tiny.toml").write_text("")
    assert say("recipes", "copy", "tiny", "-o", f"{place}/tiny.toml", "--overwrite")[0] == 0
    assert (tmp_path / place / "tiny.toml").read_text().strip()


@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        ("[a", ["[a].toml"]),
        ("x", ["x*.toml", "x1.toml"]),
        ("x*", ["x*.toml"]),
        ("**", []),
        ("q?", []),
        ("[d]/", ["[d]/inner.toml"]),
        ("[", ["[a].toml", "[d]/"]),
    ],
)
def test_signs_of_patterns_in_a_name_are_completed_as_they_are(tmp_path, monkeypatch, typed, offered):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "[d]").mkdir()
    for name in ("[a].toml", "x*.toml", "x1.toml", "q1.toml", "[d]/inner.toml"):
        (tmp_path / name).write_text("")
    assert complete.recipes(typed) == offered
