"""The command line: one module a command, and one place that turns mistakes into a sentence and an exit code."""

import errno
import os
import sys
from typing import NoReturn

import typer

from handbone import __version__
from handbone.cli.lazy import LazyGroup
from handbone.cli.output import Told, echo_error
from handbone.core.errors import HandboneError

# pydantic would search every installed package for plugins of its own, and stumble over a damaged one.
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
        # In the environment, so that processes that this one starts do without them as well.
        os.environ["HANDBONE_PLUGINS"] = ""


@app.callback()
def _root(
    version: bool = typer.Option(False, "--version", callback=_show_version, is_eager=True, help="Show the version."),
    no_plugins: bool = typer.Option(
        False, "--no-plugins", callback=_use_no_plugins, is_eager=True, help="Use what handbone itself brings, only."
    ),
) -> None:
    from handbone.networks import runtime

    runtime.prepare()


def main() -> None:
    """Run the command line; exit 0 when all that was asked for was done, 2 for wrong usage, 1 otherwise.

    With `--json` every outcome is one JSON value on standard output, see `handbone.cli.output`.
    """
    as_json = "--json" in sys.argv[1:]
    Told.json = False
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # not where a program has put something of its own there
            stream.reconfigure(errors="backslashreplace")  # names may hold bytes that are no text
    try:
        if as_json:
            _end_json(typer.main.get_command(app).main(standalone_mode=False))
        else:
            app()
    except HandboneError as error:
        _fail(str(error), error if as_json else None)
    except OSError as error:
        # A full disk, a folder that cannot be written: the system's own words, which name the file.
        if error.errno is None or error.errno == errno.EPIPE:
            raise
        place = f"{error.filename}: " if error.filename else ""
        sentence = f"{place}{error.strerror}; free space or check the folder, and give the same command again"
        _fail(sentence, error if as_json else None)
    except Exception as error:
        if not as_json:
            raise
        _end_json_with(error)


def _fail(sentence: str, as_json: Exception | None) -> NoReturn:
    from handbone.core.escaping import markup
    from handbone.core.progress import console

    console.print(f"[bold red]Error:[/bold red] {markup(sentence)}", soft_wrap=True, highlight=False)
    if as_json is not None:
        echo_error(sentence, 1, where=getattr(as_json, "where", None), remedy=getattr(as_json, "remedy", None))
    sys.exit(1)


def _end_json(code: object) -> NoReturn:
    """End a command that was asked for JSON with its exit code; one that has printed nothing says so as JSON."""
    code = code if isinstance(code, int) else 0
    if code:
        echo_error("stopped before it was done" if code == 130 else "not everything was done", code)
    sys.exit(code)


def _end_json_with(error: Exception) -> NoReturn:
    """End a command whose words were wrong, or that met a mistake of ours."""
    from handbone.core.progress import console

    if type(error).__name__ == "Abort":  # a question that was answered with no
        echo_error("nothing was done, as it was not confirmed", 1)
        sys.exit(1)
    if not hasattr(error, "format_message"):  # which what typer raises for wrong words has
        echo_error(f"{type(error).__name__}: {error}", 1)
        raise error
    sentence, code = error.format_message(), getattr(error, "exit_code", 2)
    console.print(f"Error: {sentence}", markup=False, highlight=False, soft_wrap=True)
    echo_error(sentence, code)
    sys.exit(code)
