"""Output of results on stdout, so that they can be piped; remarks and progress go to stderr.

With `--json` every outcome, including an error, is one JSON value; see `docs/pages/json.md`.
"""

import json
import sys
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from handbone.core.escaping import printable
from handbone.core.files import json_text
from handbone.core.progress import console as progress

if TYPE_CHECKING:
    from handbone.formats.image_search import PassedOver

ERROR_SCHEMA = "handbone.error/1"
# Wide enough for any name: a pipe has no width, and programs want names whole.
_PIPE_COLUMNS = 100_000


def results() -> Console:
    """The console for results; in a pipe nothing is cut, broken or coloured."""
    console = Console(highlight=False)
    return console if console.is_terminal else Console(highlight=False, width=_PIPE_COLUMNS, color_system=None)


def headed_table(first: str, *columns: str) -> Table:
    """An empty table with these headings; its first column does not wrap."""
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    table.add_column(first, no_wrap=True)
    for column in columns:
        table.add_column(column, overflow="fold")
    return table


def plain(text: object, style: str = "") -> Text:
    """A text of anyone's as it is: without markup, safe for any terminal; its lines stay lines."""
    return Text("\n".join(map(printable, str(text).split("\n"))), style)


def facts_table(facts: Mapping[str, str | Text]) -> Table:
    """Names and values, those without a value left out; a str is shown as `plain` shows it."""
    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in facts.items():
        if value:
            table.add_row(name, value if isinstance(value, Text) else plain(value))
    return table


def say_passed_over(passed_over: "Iterable[PassedOver]") -> None:
    """Print which files of the given folders are no input, by kind, for people."""
    for each in passed_over:
        progress.print(f"Ignored: {printable(each)}", markup=False, highlight=False, soft_wrap=True)


class Told:
    """Whether this process has printed its JSON value."""

    json = False


def echo_json(value: Any, schema: str | None = None) -> None:
    """Print a value as JSON; see `json_text`.

    Parameters
    ----------
    value: an object; a list becomes the key `items` of an object.
    schema: its name and version, "weights.list/1"; the first key. `docs/pages/json.md` describes them all. The version
        increases with every incompatible change.
    """
    if schema is not None:
        value = {"schema": f"handbone.{schema}", **(value if isinstance(value, Mapping) else {"items": value})}
    Told.json = True
    for ascii_only in (False, True):
        text = json_text(value, ascii_only=ascii_only)
        # File names may contain bytes that are not text, and a stream may accept only ASCII: JSON can escape both.
        if ascii_only or _fits(text, getattr(sys.stdout, "encoding", None) or "utf-8"):
            typer.echo(text)
            return


def echo_json_entries(head: Mapping[str, Any], key: str, entries: Iterable[Any]) -> None:
    """Print an object as JSON whose last key has a list of any length; one entry is in memory at a time.

    head: all other keys, first the schema. key: of the list.
    """
    from handbone.core.json_stream import json_chunks

    Told.json = True
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    for text in json_chunks(head, key, entries):
        typer.echo(text if _fits(text, encoding) else _escaped(text), nl=False)
    typer.echo()


def _escaped(text: str) -> str:
    """A piece of JSON in which letters beyond ASCII, which only texts have, are escaped."""
    return "".join(character if character < "\x7f" else json.dumps(character)[1:-1] for character in text)


def _fits(text: str, encoding: str) -> bool:
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        return False
    return True


def error_json(sentence: str, code: int, *, where: str | None = None, remedy: str | None = None) -> dict[str, Any]:
    """The JSON of a command that ends without a result of its own."""
    return {"schema": ERROR_SCHEMA, "error": sentence, "where": where, "remedy": remedy, "exit_code": code}


def echo_error(sentence: str, code: int, *, where: str | None = None, remedy: str | None = None) -> None:
    """Print an error as JSON, unless the command has already printed its value."""
    if not Told.json:
        echo_json(error_json(sentence, code, where=where, remedy=remedy))
