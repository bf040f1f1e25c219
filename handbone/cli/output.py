"""Output of results on stdout, so that they can be piped; remarks and progress go to stderr."""

import json
from collections.abc import Mapping
from typing import Any

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from handbone.core.files import json_value


def results() -> Console:
    """The console for results."""
    return Console(highlight=False)


def headed_table(first: str, *columns: str) -> Table:
    """An empty table with these headings; its first column does not wrap."""
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    table.add_column(first, no_wrap=True)
    for column in columns:
        table.add_column(column, overflow="fold")
    return table


def facts_table(facts: Mapping[str, str | Text]) -> Table:
    """A table of names and values without empty values; strings are shown without markup."""
    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in facts.items():
        if value:
            table.add_row(name, value if isinstance(value, Text) else Text(value))
    return table


def echo_json(value: Any) -> None:
    """Print a value as JSON; see `json_value`."""
    typer.echo(json.dumps(value, indent=1, ensure_ascii=False, default=json_value))
