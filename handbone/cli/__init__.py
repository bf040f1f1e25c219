"""The command line: one module for each command, and one place that turns errors into a sentence and an exit code."""

import errno
import os
import sys
from typing import NoReturn

import typer

from handbone import __version__
from handbone.cli.lazy import LazyGroup
from handbone.cli.output import Told, echo_error
from handbone.core.collection import keep_what_starts
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
    """Run the command line; exit with 0 if everything succeeded, 2 for wrong usage, 1 otherwise.

    With `--json` every outcome is one JSON value on standard output, see `handbone.cli.output`.
    """
    keep_what_starts()
    as_json = "--json" in sys.argv[1:]
    Told.json = False
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # other programs may have replaced these streams
            stream.reconfigure(errors="backslashreplace")  # file names may contain bytes that are not text
    try:
        if as_json:
            _end_json(typer.main.get_command(app).main(standalone_mode=False))
        else:
            app()
    except HandboneError as error:
        _fail(str(error), error if as_json else None)
    except ModuleNotFoundError as error:
        from handbone.core.extras import is_of_extra, not_installed

        if not is_of_extra(error):
            raise
        missing = not_installed(error)
        _fail(str(missing), missing if as_json else None)
    except OSError as error:
        # For example a full disk or a read-only folder: the system's own message, with the file.
        if error.errno is None or error.errno == errno.EPIPE:
            raise
        place = f"{error.filename}: " if error.filename else ""
        sentence = f"{place}{error.strerror}; free disk space or check permissions, and run the same command again"
        _fail(sentence, error if as_json else None)
    except Exception as error:
        if not as_json:
            raise
        _end_json_with(error)


def _fail(sentence: str, as_json: Exception | None) -> NoReturn:
    from handbone.core.escaping import markup
    from handbone.core.progress import console

    who = ""
    if console.quiet:  # a further process of a run, which says nothing but this
        from handbone.runs.ranks import rank_name

        console.quiet, who = False, f"{rank_name()}: "
    console.print(f"[bold red]Error:[/bold red] {who}{markup(sentence)}", soft_wrap=True, highlight=False)
    if as_json is not None:
        echo_error(sentence, 1, where=getattr(as_json, "where", None), remedy=getattr(as_json, "remedy", None))
    sys.exit(1)


def _end_json(code: object) -> NoReturn:
    """Exit with a command's code after `--json`; a command without output prints the error as JSON."""
    code = code if isinstance(code, int) else 0
    if code:
        echo_error("interrupted before the end" if code == 130 else "the command did not succeed completely", code)
    sys.exit(code)


def _end_json_with(error: Exception) -> NoReturn:
    """Exit after wrong usage or an internal error, with the error as JSON."""
    from handbone.core.progress import console

    if type(error).__name__ == "Abort":  # the user answered a question with no
        echo_error("nothing was done, because it was not confirmed", 1)
        sys.exit(1)
    if not hasattr(error, "format_message"):  # typer's usage errors have this method
        echo_error(f"{type(error).__name__}: {error}", 1)
        raise error
    sentence, code = error.format_message(), getattr(error, "exit_code", 2)
    console.print(f"Error: {sentence}", markup=False, highlight=False, soft_wrap=True)
    echo_error(sentence, code)
    sys.exit(code)
