"""The command line: one module for each command, and one place that turns errors into a sentence and an exit code."""

import os
import sys
from typing import NoReturn

import typer

from handbone import __version__
from handbone.cli.lazy import LazyGroup
from handbone.core.errors import HandboneError

# Otherwise pydantic searches every installed package for its own plugins, and fails on a damaged one.
os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")

app = typer.Typer(
    name="handbone",
    cls=LazyGroup,
    help="Outline the 29 bones of the hand in radiographs. A research tool, [bold]not a medical device[/bold].",
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _show_version(value: bool) -> None:
    if value:
        typer.echo(f"handbone {__version__}")
        raise typer.Exit


def _use_no_plugins(value: bool) -> None:
    if value:
        # In the environment, so that child processes do not use plugins either.
        os.environ["HANDBONE_PLUGINS"] = ""


@app.callback()
def _root(
    version: bool = typer.Option(False, "--version", callback=_show_version, is_eager=True, help="Show the version."),
    no_plugins: bool = typer.Option(
        False, "--no-plugins", callback=_use_no_plugins, is_eager=True, help="Use only what is built in."
    ),
) -> None:
    from handbone.networks import runtime

    runtime.prepare()


def main() -> None:
    """Run the command line; exit with 0 if everything succeeded, 2 for wrong usage, 1 otherwise."""
    try:
        app()
    except HandboneError as error:
        _fail(str(error))
    except OSError as error:
        # For example a full disk or a read-only folder: the system's own message, with the file.
        if error.errno is None:
            raise
        place = f"{error.filename}: " if error.filename else ""
        _fail(f"{place}{error.strerror}; free disk space or check permissions, and run the same command again")


def _fail(sentence: str) -> NoReturn:
    from rich.markup import escape

    from handbone.core.progress import console

    console.print(f"[bold red]Error:[/bold red] {escape(sentence)}", soft_wrap=True, highlight=False)
    sys.exit(1)
