"""Registers `handbone serve`. FastAPI and torch are imported when the command runs, never here."""

from handbone.plugins import CommandSpec, hookimpl

HANDBONE_API = 1


def _build_serve():
    from handbone_serve.command import serve

    return serve


@hookimpl
def handbone_commands() -> list[CommandSpec]:
    """The local page."""
    return [
        CommandSpec(
            name="serve", summary="Open a local web page that outlines radiographs, with a REST API", build=_build_serve
        )
    ]
