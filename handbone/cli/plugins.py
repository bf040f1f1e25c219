"""`handbone plugins`: which plugins there are, what they bring or why they are left out, and how they come and go."""

import json
from typing import Annotated, Any

import typer

from handbone.cli import complete, plugins_author
from handbone.cli.output import echo_json
from handbone.core.errors import HandboneError

app = typer.Typer(help="List, show, install, remove, enable, disable, check and begin plugins.", no_args_is_help=True)
app.command("new")(plugins_author.new)
app.command("check")(plugins_author.check)


AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]
Name = Annotated[str, typer.Argument(help="An installed plugin's package.", autocompletion=complete.plugins)]


@app.command("list")
def list_plugins(
    every: Annotated[bool, typer.Option("--all", help="What handbone itself brings, too.")] = False,
    as_json: AsJson = False,
) -> None:
    """List the installed plugins: what each provides, or why it is left out."""
    from handbone.plugins import describe, installed_plugins

    manager = installed_plugins()
    found = [describe.overview(manager, package) for package in manager.packages]
    if every:
        found.insert(0, describe.builtins(manager))
    if as_json:
        echo_json(found, "plugins.list/1")
    else:
        from handbone.cli.plugins_show import show_list

        show_list(found)
    _exit_if_strict(bool(manager.problems))


@app.command("info")
def info(name: Name, as_json: AsJson = False) -> None:
    """Show where a plugin lies and each thing that it provides with its settings, or what is wrong with it."""
    from handbone.plugins import describe, discovery, installed_plugins

    manager = installed_plugins()
    found = describe.details(manager, discovery.find(name, manager.packages))
    if as_json:
        echo_json(found, "plugins.info/1")
    else:
        from handbone.cli.plugins_show import show_details

        show_details(found)
    _exit_if_strict(found["state"] == describe.BROKEN)


@app.command("install", context_settings={"ignore_unknown_options": True})
def install(
    what: Annotated[
        list[str],
        typer.Argument(metavar="WHAT...", help="A name, a requirement, an address or a path, and options of pip."),
    ],
    as_json: AsJson = False,
) -> None:
    """Install a plugin into the running environment, and show what it registers or why it is broken.

    By pip, or by uv where there is no pip. handbone and torch stay at the versions that they have.
    """
    from handbone.plugins import describe, discovery, installing

    before = {package.name: package.stamp for package in discovery.installed()}
    installing.install(what)
    # In a process of its own: this one has read the environment as it was before.
    found = [each for each in _asked_anew() if before.get(each["package"]) != tuple(each.pop("stamp"))]
    if not found:
        raise HandboneError(
            "is installed, but no plugin came with it or it was there before",
            where=" ".join(what),
            remedy="see handbone plugins list; to install it again add --force-reinstall --no-deps",
        )
    if as_json:
        echo_json(found, "plugins.install/1")
    else:
        from handbone.cli.plugins_show import show_details

        for each in found:
            show_details(each)
    if any(each["state"] == describe.BROKEN for each in found):
        raise typer.Exit(1)


@app.command("remove")
def remove(
    name: Name,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    as_json: AsJson = False,
) -> None:
    """Uninstall a plugin's package; packages that are no plugins are left alone."""
    from handbone.plugins import disabled, discovery, installing

    package = discovery.find(name, discovery.installed())
    if not yes:
        typer.confirm(f"Uninstall {package.name} {package.version}?", abort=True, err=True)
    installing.uninstall(package.name)
    if any(one.name == package.name for one in discovery.installed()):
        what = "is still there: it was not installed into this environment"
        raise HandboneError(what, where=package.name, remedy=f"handbone plugins disable {package.name}")
    disabled.switch(package.name, on=True)
    _tell({"removed": package.name, "version": package.version}, f"{package.name} is removed.", as_json)


@app.command("enable")
def enable(
    name: Annotated[str, typer.Argument(help="A disabled plugin.", autocompletion=complete.plugins)],
    as_json: AsJson = False,
) -> None:
    """Use a plugin again that was disabled."""
    from handbone.plugins import disabled, discovery

    # Also one that was uninstalled since.
    if disabled.plain(name) not in disabled.names():
        name = discovery.find(name, discovery.installed()).name
    changed = disabled.switch(name, on=True)
    _tell({"enabled": name, "changed": changed}, f"{name} {'is' if changed else 'was'} enabled.", as_json)


@app.command("disable")
def disable(name: Name, as_json: AsJson = False) -> None:
    """Leave a plugin out of every command from now on, without uninstalling it: it is not even imported."""
    from handbone.plugins import disabled, discovery

    name = discovery.find(name, discovery.installed()).name
    changed = disabled.switch(name, on=False)
    _tell({"disabled": name, "changed": changed}, f"{name} {'is' if changed else 'was'} disabled.", as_json)


def _asked_anew() -> list[dict[str, Any]]:
    """The details of every plugin with its stamp, as a fresh process sees them."""
    import subprocess
    import sys

    code = (
        "import json\n"
        "from handbone.plugins import describe, installed_plugins\n"
        "manager = installed_plugins()\n"
        "found = [{**describe.details(manager, p), 'stamp': p.stamp} for p in manager.packages]\n"
        "print(json.dumps(found, default=str))"
    )
    done = subprocess.run([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(done.stdout)


def _exit_if_strict(broken: bool) -> None:
    from handbone.plugins.manager import is_strict

    if broken and is_strict():
        raise typer.Exit(1)


def _tell(facts: dict[str, Any], sentence: str, as_json: bool) -> None:
    if as_json:
        echo_json(facts, "plugins.change/1")
    else:
        typer.echo(sentence)
