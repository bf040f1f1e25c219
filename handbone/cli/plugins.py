"""`handbone plugins`: list, inspect, install, remove, enable and disable plugins."""

import json
from typing import Annotated, Any

import typer

from handbone.cli import complete, plugins_author
from handbone.cli.ending import fail_if
from handbone.cli.output import echo_json
from handbone.core.errors import HandboneError

app = typer.Typer(help="List, show, install, remove, enable, disable, check and create plugins.", no_args_is_help=True)
app.command("new")(plugins_author.new)
app.command("check")(plugins_author.check)


AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]
Name = Annotated[str, typer.Argument(help="Package name of an installed plugin.", autocompletion=complete.plugins)]


@app.command("list")
def list_plugins(
    every: Annotated[bool, typer.Option("--all", help="Also list what is built in.")] = False,
    as_json: AsJson = False,
) -> None:
    """List the installed plugins: what each provides, or why it is not loaded."""
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
    """Show where a plugin is installed, what it provides with which settings, or what is wrong with it."""
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
        typer.Argument(metavar="WHAT...", help="A name, requirement, URL or path, and options for pip."),
    ],
    as_json: AsJson = False,
) -> None:
    """Install a plugin into the running environment, and show what it provides or why it is broken.

    Uses pip, or uv if pip is not installed. The versions of handbone and torch do not change.
    """
    from handbone.plugins import describe, discovery, installing

    before = {package.name: package.stamp for package in discovery.installed()}
    installing.install(what)
    # In a new process: this one has already read the old environment.
    found = [each for each in _asked_anew() if before.get(each["package"]) != tuple(each.pop("stamp"))]
    if not found:
        raise HandboneError(
            "is installed, but contains no plugin, or was already installed",
            where=" ".join(what),
            remedy="see handbone plugins list; to reinstall it, add --force-reinstall --no-deps",
        )
    if as_json:
        echo_json(found, "plugins.install/1")
    else:
        from handbone.cli.plugins_show import show_details

        for each in found:
            show_details(each)
    fail_if(any(each["state"] == describe.BROKEN for each in found))


@app.command("remove")
def remove(
    name: Name,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask for confirmation.")] = False,
    as_json: AsJson = False,
) -> None:
    """Uninstall a plugin's package; packages that are not plugins cannot be removed."""
    from handbone.plugins import disabled, discovery, installing

    package = discovery.find(name, discovery.installed())
    if not yes:
        typer.confirm(f"Uninstall {package.name} {package.version}?", abort=True, err=True)
    installing.uninstall(package.name)
    if any(one.name == package.name for one in discovery.installed()):
        what = "is still installed, outside of this environment"
        raise HandboneError(what, where=package.name, remedy=f"handbone plugins disable {package.name}")
    disabled.switch(package.name, on=True)
    _tell({"removed": package.name, "version": package.version}, f"{package.name} was removed.", as_json)


@app.command("enable")
def enable(
    name: Annotated[str, typer.Argument(help="A disabled plugin.", autocompletion=complete.plugins)],
    as_json: AsJson = False,
) -> None:
    """Enable a plugin that was disabled."""
    from handbone.plugins import disabled, discovery

    # The plugin may have been uninstalled in the meantime.
    if disabled.plain(name) not in disabled.names():
        name = discovery.find(name, discovery.installed()).name
    changed = disabled.switch(name, on=True)
    _tell({"enabled": name, "changed": changed}, f"{name} {'is now' if changed else 'was already'} enabled.", as_json)


@app.command("disable")
def disable(name: Name, as_json: AsJson = False) -> None:
    """Stop loading a plugin, without uninstalling it."""
    from handbone.plugins import disabled, discovery

    name = discovery.find(name, discovery.installed()).name
    changed = disabled.switch(name, on=False)
    _tell({"disabled": name, "changed": changed}, f"{name} {'is now' if changed else 'was already'} disabled.", as_json)


def _asked_anew() -> list[dict[str, Any]]:
    """The details of every plugin with its stamp, as a new process sees them."""
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

    fail_if(broken and is_strict())


def _tell(facts: dict[str, Any], sentence: str, as_json: bool) -> None:
    if as_json:
        echo_json(facts, "plugins.change/1")
    else:
        typer.echo(sentence)
