"""`handbone weights`: the trained weights that there are, what they are worth, and how more come in or are packed."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from handbone.errors import HandboneError
from handbone.progress import console

if TYPE_CHECKING:
    from handbone.weights import WeightsSet

app = typer.Typer(help="List, show, fetch and pack trained weights.", no_args_is_help=True)

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]


@app.command("list")
def list_weights(as_json: AsJson = False) -> None:
    """List the weights that come with handbone, those that plugins carry and those that were fetched."""
    from handbone.weights import find, names

    found, damaged = [], {}
    for name in names():
        try:
            found.append(find(name))
        except HandboneError as error:
            damaged[name] = str(error)
    if as_json:
        _echo_json([*(_facts(each) for each in found), *({"name": n, "error": e} for n, e in damaged.items())])
    else:
        table = _table("weights", "origin", "stages", "MB", "what they are")
        for each in found:
            stages, size = " + ".join(each.files), f"{each.size_bytes / 1e6:.1f}"
            origin = each.package or each.origin
            table.add_row(Text(each.name, "bold cyan"), Text(origin), stages, size, Text(each.summary))
        for name, error in damaged.items():
            table.add_row(Text(name, "bold cyan"), Text("damaged", "red"), "", "", Text(error))
        if table.rows:
            _results().print(table)
            console.print("[dim]handbone weights info NAME · handbone predict PICTURES --weights NAME[/dim]")
        else:
            console.print("None came with handbone and none were fetched: see handbone weights fetch --help.")
    if damaged:
        raise typer.Exit(1)


@app.command("info")
def info(
    weights: Annotated[
        str, typer.Argument(metavar="NAME_OR_PATH", help="A name, a folder of weights, a run, or a weights file.")
    ],
    as_json: AsJson = False,
) -> None:
    """Show figures, limits and networks, and compare files with their digests. Exits with 1 when one differs."""
    from handbone.weights import read_set, resolve
    from handbone.weights.card import CARD_FILE

    path = resolve(weights)
    if not (path / CARD_FILE).is_file():
        _show_files(path, as_json)
        return
    found = read_set(path)
    problem = _problem(found)
    if as_json:
        card = {"data": found.card.data, "recipe": found.card.recipe, "limits": found.card.limits}
        _echo_json({**_facts(found), **card, "verified": problem is None, "problem": problem})
    else:
        _show_set(found, problem)
    if problem:
        raise typer.Exit(1)


@app.command("fetch")
def fetch_weights(
    source: Annotated[
        str, typer.Argument(help="An https address or a local file: a .zip of a set, or one coarse .safetensors.")
    ],
    sha256: Annotated[str, typer.Option("--sha256", metavar="HEX", help="The source's digest, as published.")],
    name: Annotated[str | None, typer.Option("--name", help="What to call them; default: what they say.")] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace those fetched under that name.")] = False,
) -> None:
    """Fetch weights into the user's cache; the digest is checked before anything is unpacked."""
    from handbone.weights import fetch

    found = fetch(source, sha256=sha256, name=name, overwrite=overwrite)
    _results().print(Text.assemble((found.name, "bold cyan"), f"  {found.folder}"), soft_wrap=True)
    console.print(f"[dim]handbone weights info {found.name}[/dim]")


@app.command("pack")
def pack_weights(
    run: Annotated[str, typer.Argument(help="A run's folder, a folder of weights, or a coarse weights file.")],
    out: Annotated[Path, typer.Argument(help="The new folder.")],
    name: Annotated[str, typer.Option("--name", help="What they are called: lower case, digits, '_', '-', '.'.")],
    summary: Annotated[str, typer.Option("--summary", help="One line for people.")] = "",
    figures: Annotated[
        Path | None, typer.Option("--figures", metavar="FILE.json", help="Measured figures; default: the run's own.")
    ] = None,
    limits: Annotated[
        list[str] | None, typer.Option("--limit", help="A sentence on where not to trust them; may be repeated.")
    ] = None,
    data: Annotated[
        str | None, typer.Option("--data", help="What they learned from; default: as the run says.")
    ] = None,
    licence: Annotated[str, typer.Option("--licence", help="SPDX identifier.")] = "Apache-2.0",
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace a set that OUT holds already.")] = False,
) -> None:
    """Pack a run's weights to be passed on: half the bytes, card.json with digests, and MODEL_CARD.md."""
    from handbone.weights import pack

    measured = None if figures is None else _read_figures(figures)
    packed = pack(
        run,
        out,
        name=name,
        summary=summary,
        figures=measured,
        limits=limits or (),
        data=data,
        licence=licence,
        overwrite=overwrite,
    )
    size = f"{packed.size_bytes / 1e6:.1f} MB"
    _results().print(Text.assemble((packed.name, "bold cyan"), f"  {size}  {packed.folder}"), soft_wrap=True)


def _read_figures(path: Path) -> dict[str, Any]:
    remedy = 'write an object of names and numbers, such as {"Dice, phantoms": 0.93}'
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise HandboneError(f"is no JSON ({error})", where=path, remedy=remedy) from None
    if not isinstance(values, dict):
        raise HandboneError("holds no object", where=path, remedy=remedy)
    return values


def _problem(found: "WeightsSet") -> str | None:
    try:
        found.verify()
    except HandboneError as error:
        return str(error)
    return None


def _facts(found: "WeightsSet") -> dict[str, Any]:
    files = {
        stage: {"path": str(path), **found.card.files[path.name].model_dump()} for stage, path in found.files.items()
    }
    return {
        "name": found.name,
        "origin": found.origin,
        "package": found.package,
        "folder": str(found.folder),
        "summary": found.summary,
        "licence": found.licence,
        "handbone": found.card.handbone,
        "created": found.card.created,
        "figures": found.figures,
        "files": files,
    }


def _show_set(found: "WeightsSet", problem: str | None) -> None:
    from handbone.weights.card import flat

    card, results = found.card, _results()
    results.print(Text.assemble((found.name, "bold cyan"), f"  {found.summary}"))
    state = Text(problem, "red") if problem else Text("as the card says", "green")
    made = f"handbone {card.handbone}, {card.created}"
    _print_facts(
        {
            "folder": f"{found.folder} ({found.package or found.origin})",
            "licence": card.licence,
            "made by": made,
            "data": card.data,
            "sha256": state,
        }
    )
    table = _table("file", "network", "MB", "sha256")
    for name, facts in card.files.items():
        table.add_row(name, Text(facts.network), f"{facts.bytes / 1e6:.1f}", Text(facts.sha256, "dim"))
    results.print("", table)
    if card.figures:
        table = _table("figure", "value")
        for name, value in flat(card.figures):
            table.add_row(Text(name), Text(value, "green"))
        results.print("", table)
    results.print("", Text("limits", "bold"))
    for limit in (*card.limits, "It is not a medical device."):
        results.print(Text(f"- {limit}"))


def _show_files(path: Path, as_json: bool) -> None:
    """The weights of a run or file, which have a card each and none together."""
    from handbone.files import sha256_of
    from handbone.training.weights import read_card
    from handbone.weights import find_weights

    files = [file for file in find_weights(path) if file is not None]
    cards = [(file, read_card(file), sha256_of(file)) for file in files]
    if as_json:
        listed = [
            {"path": str(file), "bytes": file.stat().st_size, "sha256": digest, **card.model_dump(by_alias=True)}
            for file, card, digest in cards
        ]
        _echo_json({"files": listed})
        return
    for file, card, digest in cards:
        _results().print(Text(str(file), "bold cyan"), soft_wrap=True)
        _print_facts(
            {
                "stage": card.stage,
                "network": card.network,
                "reads": f"{card.size} x {card.size} pixels",
                "bones": str(len(card.bones)),
                "made by": f"handbone {card.handbone}",
                "plugin": f"{card.plugin.package} {card.plugin.version}" if card.plugin else "",
                "training": json.dumps(card.training, ensure_ascii=False, default=str),
                "beside": json.dumps(card.extra, ensure_ascii=False, default=str),
                "MB": f"{file.stat().st_size / 1e6:.1f}",
                "sha256": digest,
            }
        )


def _print_facts(facts: dict[str, str | Text]) -> None:
    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in ((name, value) for name, value in facts.items() if value):
        table.add_row(name, value if isinstance(value, Text) else Text(value))
    _results().print(table)


def _table(first: str, *columns: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    table.add_column(first, no_wrap=True)
    for column in columns:
        table.add_column(column, overflow="fold")
    return table


def _results() -> Console:
    """Where results go, so that they can be piped; remarks go to stderr."""
    return Console(highlight=False)


def _echo_json(value: Any) -> None:
    typer.echo(json.dumps(value, indent=1, ensure_ascii=False))
