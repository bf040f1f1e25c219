"""How `handbone plugins` prints plugins."""

from typing import Any

from rich.console import Console
from rich.text import Text

from handbone.cli.output import facts_table, headed_table, plain, results

_COLOURS = {"works": "green", "built in": "green", "broken": "red"}
_PLURALS = {"loss": "losses", "weights": "weights"}


def show_list(plugins: list[dict[str, Any]]) -> None:
    """Print a table with one row for each plugin: what it provides, or why it is not loaded."""
    console = results()
    if plugins:
        table = headed_table("plugin", "version", "state", "provides")
        for one in plugins:
            table.add_row(plain(one["package"], "bold cyan"), plain(one["version"]), _state(one), _provided(one))
        console.print(table)
    else:
        console.print("No plugins are installed; see handbone plugins install --help.")
    remarks = "handbone plugins info PLUGIN · handbone plugins list --all also shows what is built in"
    Console(stderr=True).print(Text(remarks, "dim"), soft_wrap=True)


def show_details(one: dict[str, Any]) -> None:
    """Print one plugin and everything that it provides, with settings."""
    console = results()
    title = plain(one["package"], "bold cyan") + plain(f" {one['version']}  {one['summary']}")
    console.print(title, soft_wrap=True)
    told = {name: one[name] for name in ("location", "sha256")}
    console.print(facts_table({"state": _state(one), **told, "events": ", ".join(one["events"])}))
    if one["details"]:
        console.print(plain(one["details"], "dim"), soft_wrap=True)
    for thing in one["provides"]:
        _show_thing(console, thing)


def _show_thing(console: Console, thing: dict[str, Any]) -> None:
    extensions = f" ({', '.join(thing['extensions'])})" if "extensions" in thing else ""
    console.print()
    console.print(
        plain(f"{thing['kind']} ") + plain(thing["name"], "bold") + plain(f"{extensions}  {thing['summary']}")
    )
    if thing["settings"]:
        table = headed_table("setting", "type", "default", "meaning")
        for setting in thing["settings"]:
            default = "" if setting["default"] is None else str(setting["default"])
            table.add_row(
                plain(setting["name"]), plain(setting["type"]), plain(default, "green"), plain(setting["description"])
            )
        console.print(table)


def _state(one: dict[str, Any]) -> Text:
    state = f"{one['state']}: {one['reason']}" if one["reason"] else one["state"]
    return plain(state, _COLOURS.get(one["state"], "yellow"))


def _provided(one: dict[str, Any]) -> Text:
    parts = [f"{_PLURALS.get(kind, f'{kind}s')}: {', '.join(names)}" for kind, names in one["provides"].items()]
    if one["events"]:
        parts.append(f"events: {', '.join(one['events'])}")
    return plain("; ".join(parts))
