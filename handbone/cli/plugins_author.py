"""`handbone plugins new` and `handbone plugins check`, for plugin authors."""

from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Annotated

import typer

from handbone.cli.ending import fail_if
from handbone.cli.output import echo_json, plain
from handbone.core.escaping import printable

if TYPE_CHECKING:
    from handbone.plugin_kit.findings import Check


def new(
    name: Annotated[str, typer.Argument(help="Name of the package, such as handbone-mine.")],
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="DIR", file_okay=False, help="Parent folder of the new package.")
    ] = Path("."),
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for programs.")] = False,
) -> None:
    """Write a new plugin package: a network, a loss, an ensembler and a command, with tests that pass."""
    from handbone.plugin_kit.new import write_package

    folder = write_package(name, output)
    files = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    if as_json:
        echo_json({"package": name, "folder": str(folder), "files": files}, "plugins.new/1")
        return
    typer.echo(f"{printable(folder)}: {len(files)} files. Next:")
    typer.echo(f"  handbone plugins install -e {quote(printable(folder))}")
    typer.echo(f"  handbone plugins check {quote(printable(folder))}")
    typer.echo(f"  handbone run {quote(printable(folder / 'recipe.toml'))}")


def check(
    what: Annotated[
        str, typer.Argument(metavar="PATH_OR_NAME", help="Folder of a package, or name of an installed plugin.")
    ],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for programs.")] = False,
) -> None:
    """Test a plugin against handbone's contracts and report what is wrong. This runs the plugin's code.

    A folder is built as a wheel and installed in a temporary environment that also sees the packages of this one.
    Everything that the plugin registers is tested against its contract, with default settings. Then the plugin's own
    tests run, if it has any. Exits with 1 if anything failed.
    """
    from handbone.plugin_kit.check import check as checked

    found = []
    for each in checked(what):
        found.append(each)
        if not as_json:
            _show(each)
    failed = [each for each in found if each.state == "failed"]
    if as_json:
        from dataclasses import asdict

        echo_json({"ok": not failed, "checks": list(map(asdict, found))}, "plugins.check/1")
    else:
        typer.echo(f"{len(failed)} of {len(found)} checks failed." if failed else f"All {len(found)} checks passed.")
    fail_if(failed)


_MARKS = {"passed": ("✓", "green"), "failed": ("✗", "bold red"), "left out": ("–", "yellow")}


def _show(check: "Check") -> None:
    """Print one row of the table at once, because some checks take long."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column(width=1)
    table.add_column(width=30, overflow="fold")
    table.add_column(overflow="fold")
    mark, style = _MARKS[check.state]
    table.add_row(
        Text(mark, style), plain(check.what), plain("\n".join(check.reasons), "" if check.state == "failed" else "dim")
    )
    Console(highlight=False).print(table)
