"""`handbone recipes`: list, show, copy and validate recipes."""

import tomllib
from pathlib import Path
from shlex import quote
from typing import Annotated, Any

import typer
from rich.table import Table
from rich.text import Text

from handbone.cli import complete
from handbone.cli.ending import fail_if
from handbone.cli.output import echo_json, headed_table, plain, results
from handbone.core.errors import HandboneError
from handbone.core.escaping import markup
from handbone.core.files import write_text
from handbone.core.progress import console
from handbone.recipe import explain, reference
from handbone.recipe.dump import to_toml
from handbone.recipe.load import LoadedRecipe, load_recipe
from handbone.recipe.problems import RecipeError
from handbone.recipe.store import builtin_recipe, builtin_recipes

app = typer.Typer(help="List, show, copy and check recipes.", no_args_is_help=True)

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]
Overrides = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Change a key, such as --set coarse.train.epochs=3."),
]
NameOrPath = Annotated[
    str, typer.Argument(help="A TOML file, or the name of a built-in recipe.", autocompletion=complete.recipes)
]


@app.command("list")
def list_recipes(as_json: AsJson = False) -> None:
    """List the built-in recipes."""
    recipes = {name: load_recipe(path) for name, path in builtin_recipes().items()}
    if as_json:
        echo_json([_summary(name, loaded) for name, loaded in recipes.items()], "recipes.list/1")
        return
    table = headed_table("recipe", "what it does", "extends")
    for name, loaded in recipes.items():
        parent = loaded.files[1].stem if len(loaded.files) > 1 else ""
        table.add_row(Text(name, "bold cyan"), loaded.recipe.summary, Text(parent, "dim"))
    results().print(table)
    console.print("[dim]handbone recipes show NAME · handbone recipes copy NAME · handbone run NAME[/dim]")


@app.command("show")
def show(
    recipe: NameOrPath,
    overrides: Overrides = None,
    changed: Annotated[bool, typer.Option("--changed", help="Show only what differs from the defaults.")] = False,
    synthetic: Annotated[
        bool, typer.Option("--synthetic", help="Show the recipe as it is used with the synthetic set.")
    ] = False,
    as_toml: Annotated[bool, typer.Option("--toml", help="Print one complete TOML file.")] = False,
    as_json: AsJson = False,
) -> None:
    """Show every key of a recipe: its value, where it comes from and what it means."""
    loaded = load_recipe(recipe, overrides or ())
    resolved = loaded.for_synthetic() if synthetic else loaded.recipe
    if as_toml:
        typer.echo(to_toml(resolved), nl=False)
        return
    rows = [row for row in explain.rows(loaded, synthetic=synthetic) if row.changed or not changed]
    if as_json:
        listed = [{"key": r.key, "value": _typed(r.value), "from": str(r.origin), "meaning": r.meaning} for r in rows]
        echo_json(
            {**_summary(resolved.name, loaded), "recipe": resolved.model_dump(by_alias=True), "keys": listed},
            "recipes.show/1",
        )
        return
    out = results()
    out.print(plain(resolved.name, "bold cyan") + plain(f"  {resolved.summary}"))
    out.print(plain(" ← ".join(map(str, loaded.files)), "dim"), soft_wrap=True)
    out.print(_explained(rows))
    if loaded.when_synthetic and not synthetic:
        console.print("[dim]With the synthetic set, some keys differ: add --synthetic to see them.[/dim]")


@app.command("copy")
def copy(
    name: Annotated[str, typer.Argument(help="The name of a built-in recipe.")],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="File or folder; default: NAME.toml in the current folder.")
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace an existing file.")] = False,
) -> None:
    """Copy a built-in recipe, with its comments, for editing."""
    source = builtin_recipe(name)
    target = output or Path(source.name)
    if target.is_dir():
        target = target / source.name
    if target.exists() and not overwrite:
        remedy = "choose another file with --output, or replace it with --overwrite"
        raise HandboneError("the file already exists", where=target, remedy=remedy)
    write_text(target, source.read_text(encoding="utf-8"))
    told = f"Wrote [bold]{markup(target)}[/bold]. Run it with: handbone run {markup(quote(str(target)))}"
    console.print(told, soft_wrap=True, highlight=False)


@app.command("validate")
def validate(
    recipes: Annotated[list[str], typer.Argument(help="TOML files or names of built-in recipes.")],
    overrides: Overrides = None,
    as_json: AsJson = False,
) -> None:
    """Check recipes and report every mistake, each with its file, line and a fix."""
    findings = {recipe: _mistakes(recipe, overrides or []) for recipe in recipes}
    if as_json:
        echo_json(
            [{"recipe": name, "valid": not found, "problems": found} for name, found in findings.items()],
            "recipes.validate/1",
        )
    else:
        for name, found in findings.items():
            _print_verdict(name, found)
    fail_if(any(findings.values()))


@app.command("keys")
def keys(
    table: Annotated[str, typer.Argument(help="Show only this table, such as coarse.train.")] = "",
    markdown: Annotated[bool, typer.Option("--markdown", help="Print Markdown, as in recipes/README.md.")] = False,
    as_json: AsJson = False,
) -> None:
    """Explain every key that a recipe can have; --json prints a JSON Schema for editors."""
    if as_json:
        echo_json(reference.json_schema())
        return
    if markdown:
        typer.echo(reference.to_markdown(), nl=False)
        return
    out = results()
    for section in reference.sections_of(table):
        out.print(Text(section.title, "bold cyan"))
        shown = headed_table("key", "takes", "default", "meaning")
        for key in section.keys:
            shown.add_row(plain(key.name), plain(key.takes, "dim"), plain(key.default, "green"), plain(key.meaning))
        out.print(shown, "")


def _explained(rows: list[explain.Row]) -> Table:
    """Rows under the headers of their tables, as in a TOML file."""
    table = headed_table("key", "value", "from", "meaning")
    table.columns[2].no_wrap = True
    header = ""
    for row in rows:
        if row.table != header:
            header = row.table
            table.add_row()
            table.add_row(Text(f"[{header}]", "bold cyan"))
        origin = plain(row.origin.short, "" if row.changed else "dim")
        key = Text(row.key.removeprefix(f"{header}."), "bold" if row.changed else "")
        table.add_row(key, plain(row.value, "green"), origin, plain(row.meaning, "dim"))
    return table


def _mistakes(recipe: str, overrides: list[str]) -> list[dict[str, Any]]:
    try:
        load_recipe(recipe, overrides)
    except RecipeError as error:
        return [
            {
                "file": str(problem.origin.file) if problem.origin.file else None,
                "line": problem.origin.line,
                "key": problem.key or None,
                "message": str(problem),
            }
            for problem in error.problems
        ]
    except HandboneError as error:
        return [{"file": None, "line": None, "key": None, "message": str(error)}]
    return []


def _print_verdict(name: str, found: list[dict[str, Any]]) -> None:
    out = results()
    if not found:
        out.print(Text("✓ ", "bold green") + plain(name, "bold") + Text("  is valid"), soft_wrap=True)
        return
    count = "1 mistake" if len(found) == 1 else f"{len(found)} mistakes"
    out.print(Text("✗ ", "bold red") + plain(name, "bold") + Text(f"  {count}"), soft_wrap=True)
    for problem in found:
        out.print(plain(f"  {problem['message']}"), soft_wrap=True)


def _typed(text: str) -> Any:
    """The value of an explained key, parsed from TOML; None if it is unset."""
    return None if text == "unset" else tomllib.loads(f"value = {text}")["value"]


def _summary(name: str, loaded: LoadedRecipe) -> dict[str, Any]:
    return {"name": name, "summary": loaded.recipe.summary, "files": [str(path) for path in loaded.files]}
