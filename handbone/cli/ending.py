"""How a command ends: its result for programs or for people, its exit code, and what Ctrl-C says."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import typer


def finish(as_json: bool, tell: Callable[[], None], show: Callable[[], None], *, failed: object = False) -> None:
    """End a command with its result, as JSON for programs or in words for people.

    failed: true where not all that was asked for was done; the exit code is then 1.
    """
    (tell if as_json else show)()
    fail_if(failed)


def fail_if(failed: object) -> None:
    """End the command with exit code 1 where not all that was asked for was done."""
    if failed:
        raise typer.Exit(1)


@contextmanager
def resumable() -> Iterator[None]:
    """Work that the same command goes on with; Ctrl-C ends the command with exit code 130."""
    try:
        yield
    except KeyboardInterrupt:
        typer.echo("Stopped. Run the same command to continue.", err=True)
        raise typer.Exit(130) from None
