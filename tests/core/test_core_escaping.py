"""Foreign names on terminals, in spreadsheets and in archives."""

import io
import os
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console
from rich.text import Text

from handbone.core.escaping import cell, markup, portable, printable

ANY = st.text(st.characters(), max_size=20)


@given(ANY)
def test_what_is_printed_is_one_line_without_anything_that_steers(text):
    shown = printable(text)
    assert not {unicodedata.category(c) for c in shown} & {"Cc", "Cf", "Cs", "Zl", "Zp"}
    assert len(shown.splitlines()) <= 1


@given(ANY.filter(str.isprintable))
def test_what_is_harmless_stays_as_it_is(text):
    """Letters of every script, signs and single spaces; Python's own judgement of what can be printed is narrower."""
    assert printable(text) == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("환자 1.png", "환자 1.png"),
        ("Zoë.png", "Zoë.png"),
        ("a\x1b[31mred", "a\\x1b[31mred"),
        ("a\nb\r\tc\0", "a\\x0ab\\x0d\\x09c\\x00"),
        ("gnp.\u202efdp", "gnp.\\u202efdp"),
        ("a\u2028b", "a\\u2028b"),
        (os.fsdecode(b"caf\xe9"), "caf\\xe9"),
        ("\ud800", "\\ud800"),
        ("\x9b31m", "\\x9b31m"),
        ("\u200b", "\\u200b"),
        (7, "7"),
    ],
)
def test_what_steers_a_terminal_is_shown_as_its_number(text, shown):
    assert printable(text) == shown


@given(ANY)
def test_brackets_are_no_markup(text):
    """What rich prints of an escaped text is the text, and nothing of it is a style."""
    rendered = Text.from_markup(markup(text))
    assert rendered.plain == printable(text) and not rendered.spans


def test_rich_prints_a_name_with_brackets_as_it_is():
    console = Console(width=80, record=True, file=io.StringIO())
    console.print(markup("[red]a[/red] [/] [link=x]"))
    assert console.export_text().strip() == "[red]a[/red] [/] [link=x]"


@pytest.mark.parametrize("first", ["=", "+", "-", "@", "\t=", "\r=", "\n+", " =", "\t", "  \r@", "\t\t=x"])
@pytest.mark.parametrize("rest", ["cmd|' /C calc'!A0", "SUM(A1)", "1+1", "a.png"])
def test_no_text_becomes_a_formula(first, rest):
    assert cell(first + rest) == f"'{first}{rest}"


@pytest.mark.parametrize(
    "value", ["", "a.png", "a=b", "1-2", "-0.5", "+3", "-1e-5", "+.5E3", "7.", "'=1", "é=1", 3, -3.5, None, True]
)
def test_numbers_and_plain_texts_stay(value):
    assert cell(value) is value


@pytest.mark.parametrize("value", ["-", "+", "-.", "-1e", "--1", "-1 ", "-1+2", "-0x5", "-inf", "-1,5"])
def test_what_only_looks_like_a_number_is_escaped(value):
    assert cell(value) == f"'{value}"


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("p1/wrist.png", "p1/wrist.png"),
        ("환자/Zoë 100%.png", "환자/Zoë 100%.png"),
        (os.fsdecode(b"p1/caf\xe9.png"), "p1/caf%E9.png"),
        (os.fsdecode(b"100%\xff.png"), "100%25%FF.png"),
        ("a\ud800b", "a?b"),
    ],
)
def test_a_portable_path_is_text_that_any_program_reads(path, text):
    assert portable(path) == text
    text.encode("utf-8")


@given(st.lists(st.binary(min_size=1, max_size=8).filter(lambda b: not set(b) & set(b"/\0")), min_size=2, max_size=5))
def test_different_names_stay_different(names):
    """Of names with bytes that are no text; a name with %XX in plain text is another matter."""
    different = {os.fsdecode(name) for name in names if b"%" not in name and name not in (b".", b"..")}
    assert len({portable(name) for name in different}) == len(different)
