"""Commands that are imported only when used: handbone's own from a table, those of plugins from their specs."""

import importlib
from collections.abc import Callable
from functools import partial
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup

from handbone.core.collection import no_collection
from handbone.core.commands import COMMANDS
from handbone.core.errors import HandboneError

_PANEL = "Plugins"


class LazyCommand(TyperCommand):
    """A placeholder that imports its command when it is called, asked for help or completed."""

    def __init__(self, name: str, summary: str, real: Callable[[], Any], *, panel: str | None = None):
        super().__init__(name, help=summary, rich_help_panel=panel)
        self._real = real

    def make_context(self, info_name: str | None, args: list[str], parent: Any = None, **extra: Any) -> Any:
        """The context of the real command, in which everything else takes place."""
        return self._real().make_context(info_name, args, parent=parent, **extra)


class LazyGroup(TyperGroup):
    """The top-level command group."""

    def __init__(self, **attributes: Any):
        super().__init__(**attributes)
        for name, (module, summary) in COMMANDS.items():
            self.commands[name] = LazyCommand(name, summary, partial(_own, name, module))
        self._searched = False

    def invoke(self, ctx: Any) -> Any:
        """Run the command; Ctrl-C ends it with a message unless the command handles it."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            typer.echo("Stopped. Run the same command to start again.", err=True)
            raise typer.Exit(130) from None

    def list_commands(self, ctx: Any) -> list[str]:
        """handbone's own commands, then those of plugins."""
        try:
            self._add_plugins()
        except HandboneError as error:  # the plugin settings are wrong; the help is shown anyway
            typer.echo(f"Error: {error}", err=True)
        return list(self.commands)

    def get_command(self, ctx: Any, name: str) -> Any:
        """A command by name; plugins are searched only for one that is not handbone's own."""
        if name not in self.commands:
            self._add_plugins()
        return self.commands.get(name)

    def _add_plugins(self) -> None:
        if self._searched:
            return
        self._searched = True
        from handbone.core.escaping import markup
        from handbone.plugins import installed_plugins

        for name, providers in installed_plugins().from_plugins("command").items():
            packages = " and ".join(provided.package for provided in providers)
            summary = f"{markup(' '.join(providers[0].spec.summary.split()))} [dim]({markup(packages)})[/dim]"
            self.commands[name] = LazyCommand(name, summary, partial(_of_plugin, providers), panel=_PANEL)


@no_collection()
def _own(name: str, module: str) -> Any:
    found = importlib.import_module(f"handbone.cli.{module}")
    return _as_command(name, found.app if hasattr(found, "app") else found.command)


def _of_plugin(providers: list[Any]) -> Any:
    from handbone.plugins.manager import ONE_OF_TWO, registry
    from handbone.plugins.provider import only

    registry()  # reports faulty plugins, as every command does
    provided = only(providers, remedy=ONE_OF_TWO)
    built = provided.spec.build()
    try:
        return _as_command(provided.spec.name, built)
    except (RuntimeError, TypeError, ValueError, AttributeError, AssertionError) as error:  # of typer
        what = f"the command {provided.spec.name!r} of {provided.package} {provided.version} is not valid ({error})"
        raise HandboneError(what, remedy="report it to its authors") from error


def _as_command(name: str, of: Any) -> Any:
    """A function or a `typer.Typer` as a command of the group, as if it had been added to it at once."""
    parent = typer.Typer(rich_markup_mode="rich", pretty_exceptions_enable=False, add_completion=False)
    if isinstance(of, typer.Typer):
        parent.add_typer(of, name=name)
    else:
        parent.command(name)(of)
    parent.callback()(lambda: None)
    return typer.main.get_group(parent).commands[name]
