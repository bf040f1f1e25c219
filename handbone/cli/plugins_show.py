"""How `handbone plugins` shows plugins to people."""

from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

_COLOURS = {"works": "green", "built in": "green", "broken": "red"}
_PLURALS = {"loss": "losses", "weights": "weights"}


def show_list(plugins: list[dict[str, Any]]) -> None:
    """A table with a row a plugin, and its reason or what it provides."""
    console = _results()
    if plugins:
        table = _table("plugin", "version", "state", "provides")
        for one in plugins:
            table.add_row(Text(one["package"], "bold cyan"), one["version"], _state(one), _provided(one))
        console.print(table)
    else:
        console.print("No plugin is installed: see handbone plugins install --help.")
    remarks = "handbone plugins info PLUGIN · handbone plugins list --all shows what handbone itself brings"
    Console(stderr=True).print(Text(remarks, "dim"), soft_wrap=True)


def show_details(one: dict[str, Any]) -> None:
    """Facts of one plugin, and a table of its things with their settings."""
    console = _results()
    title = Text.assemble((one["package"], "bold cyan"), f" {one['version']}  {one['summary']}")
    console.print(title, soft_wrap=True)
    told = {name: Text(one[name]) for name in ("location", "sha256")}
    facts = {"state": _state(one), **told, "events": Text(", ".join(one["events"]))}
    grid = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    grid.add_column(style="dim", no_wrap=True)
    grid.add_column(overflow="fold")
    for name, value in facts.items():
        if value:
            grid.add_row(
                name,
                value if isinstance(value, Text) else Text(", ".join([value] if isinstance(value, str) else value)),
            )
    console.print(grid)
    if one["details"]:
        console.print(Text(one["details"], "dim"), soft_wrap=True)
    for thing in one["provides"]:
        _show_thing(console, thing)


def _show_thing(console: Console, thing: dict[str, Any]) -> None:
    extensions = f" ({', '.join(thing['extensions'])})" if "extensions" in thing else ""
    console.print()
    console.print(Text.assemble(f"{thing['kind']} ", (thing["name"], "bold"), f"{extensions}  {thing['summary']}"))
    if thing["settings"]:
        table = _table("setting", "type", "default", "what it is")
        for setting in thing["settings"]:
            default = "" if setting["default"] is None else str(setting["default"])
            table.add_row(setting["name"], Text(setting["type"]), Text(default, "green"), Text(setting["description"]))
        console.print(table)


def _state(one: dict[str, Any]) -> Text:
    state = f"{one['state']}: {one['reason']}" if one["reason"] else one["state"]
    return Text(state, _COLOURS.get(one["state"], "yellow"))


def _provided(one: dict[str, Any]) -> Text:
    parts = [f"{_PLURALS.get(kind, f'{kind}s')}: {', '.join(names)}" for kind, names in one["provides"].items()]
    if one["events"]:
        parts.append(f"events: {', '.join(one['events'])}")
    return Text("; ".join(parts))


def _table(first: str, *columns: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    table.add_column(first, no_wrap=True)
    for column in columns:
        table.add_column(column, overflow="fold")
    return table


def _results() -> Console:
    """Where results go, so that they can be piped; remarks go to stderr."""
    return Console(highlight=False)
