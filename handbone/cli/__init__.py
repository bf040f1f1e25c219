"""The command line: one module a command, and one place that turns mistakes into a sentence and an exit code."""

import sys

import typer

from handbone import __version__, runtime
from handbone.cli import data, predict, recipes, run
from handbone.errors import HandboneError
from handbone.progress import console

app = typer.Typer(
    name="handbone",
    help="Outline the 29 bones of the hand in radiographs. A research tool, [bold]not a medical device[/bold].",
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("run")(run.command)
app.command("predict")(predict.command)
app.add_typer(data.app, name="data")
app.add_typer(recipes.app, name="recipes")


def _show_version(value: bool) -> None:
    if value:
        typer.echo(f"handbone {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: bool = typer.Option(False, "--version", callback=_show_version, is_eager=True, help="Show the version."),
) -> None:
    runtime.prepare()


def main() -> None:
    """Run the command line; exit 0 when all that was asked for was done, 2 for wrong usage, 1 otherwise."""
    try:
        app()
    except HandboneError as error:
        console.print(f"[bold red]Error:[/bold red] {_plain(error)}", soft_wrap=True, highlight=False)
        sys.exit(1)


def _plain(error: HandboneError) -> str:
    from rich.markup import escape

    return escape(str(error))
