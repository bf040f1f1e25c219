"""What every command prints on stdout: results, so that they can be piped. Remarks and progress go to stderr."""

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
    """An empty table with these headings, whose first column is not broken."""
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    table.add_column(first, no_wrap=True)
    for column in columns:
        table.add_column(column, overflow="fold")
    return table


def facts_table(facts: Mapping[str, str | Text]) -> Table:
    """Names and values, those without a value left out; a str is shown as it is, without markup."""
    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in facts.items():
        if value:
            table.add_row(name, value if isinstance(value, Text) else Text(value))
    return table


def echo_json(value: Any) -> None:
    """JSON for programs, see `json_value`."""
    typer.echo(json.dumps(value, indent=1, ensure_ascii=False, default=json_value))
