"""`handbone weights`: list, inspect, fetch and pack trained weights."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.text import Text

from handbone.cli.ending import fail_if
from handbone.cli.output import echo_json, headed_table, plain, results
from handbone.cli.weights_show import facts_of, problem_of, show_files, show_set
from handbone.core.errors import HandboneError
from handbone.core.progress import console

app = typer.Typer(help="List, show, fetch and pack trained weights.", no_args_is_help=True)

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]


@app.command("list")
def list_weights(as_json: AsJson = False) -> None:
    """List the weights that are built in, provided by plugins or fetched."""
    from handbone.weights import find, names

    found, damaged = [], {}
    for name in names():
        try:
            found.append(find(name))
        except HandboneError as error:
            damaged[name] = str(error)
    if as_json:
        echo_json(
            [*(facts_of(each) for each in found), *({"name": name, "error": text} for name, text in damaged.items())],
            "weights.list/1",
        )
    else:
        table = headed_table("weights", "origin", "stages", "MB", "description")
        for each in found:
            stages, size = " + ".join(each.files), f"{each.size_bytes / 1e6:.1f}"
            origin = each.package or each.origin
            table.add_row(plain(each.name, "bold cyan"), plain(origin), stages, size, plain(each.summary))
        for name, text in damaged.items():
            table.add_row(plain(name, "bold cyan"), Text("damaged", "red"), "", "", plain(text))
        if table.rows:
            results().print(table)
            console.print("[dim]handbone weights info NAME · handbone predict IMAGES --weights NAME[/dim]")
        else:
            console.print("No weights are installed; see handbone weights fetch --help.")
    fail_if(damaged)


@app.command("info")
def info(
    weights: Annotated[
        str, typer.Argument(metavar="NAME_OR_PATH", help="A name, a folder of weights, a run or a weights file.")
    ],
    as_json: AsJson = False,
) -> None:
    """Show metrics, limits and networks, and verify the files' digests. Exits with 1 if one differs."""
    from handbone.weights import read_set, resolve
    from handbone.weights.card import CARD_FILE

    path = resolve(weights)
    if not (path / CARD_FILE).is_file():
        show_files(path, as_json)
        return
    found = read_set(path)
    problem = problem_of(found)
    if as_json:
        card = {"data": found.card.data, "recipe": found.card.recipe, "limits": found.card.limits}
        echo_json({**facts_of(found), **card, "verified": problem is None, "problem": problem}, "weights.info/1")
    else:
        show_set(found, problem)
    fail_if(problem)


@app.command("fetch")
def fetch_weights(
    source: Annotated[
        str, typer.Argument(help="An https URL or a local file: a .zip of a set, or a coarse .safetensors file.")
    ],
    sha256: Annotated[str, typer.Option("--sha256", metavar="HEX", help="The published sha256 of the source.")],
    name: Annotated[
        str | None, typer.Option("--name", help="Name of the weights; default: the name in their card.")
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace weights that were fetched under this name.")
    ] = False,
) -> None:
    """Download weights into the user's cache; the digest is checked before anything is unpacked."""
    from handbone.weights import fetch

    found = fetch(source, sha256=sha256, name=name, overwrite=overwrite)
    results().print(plain(found.name, "bold cyan") + plain(f"  {found.folder}"), soft_wrap=True)
    console.print(f"[dim]handbone weights info {found.name}[/dim]")


@app.command("pack")
def pack_weights(
    run: Annotated[str, typer.Argument(help="Folder of a run or of weights, or a coarse weights file.")],
    out: Annotated[Path, typer.Argument(help="New folder for the set.")],
    name: Annotated[
        str, typer.Option("--name", help="Name of the weights: lower-case letters, digits, '_', '-' and '.'.")
    ],
    summary: Annotated[str, typer.Option("--summary", help="One-line description.")] = "",
    metrics: Annotated[
        Path | None,
        typer.Option("--metrics", metavar="FILE.json", help="JSON file of metrics; default: the run's own metrics."),
    ] = None,
    limits: Annotated[
        list[str] | None, typer.Option("--limit", help="A sentence about a limitation; can be repeated.")
    ] = None,
    data: Annotated[
        str | None, typer.Option("--data", help="Description of the training data; default: from the run.")
    ] = None,
    licence: Annotated[str, typer.Option("--licence", help="SPDX licence identifier.")] = "Apache-2.0",
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace an existing set in OUT.")] = False,
) -> None:
    """Pack a run's weights for distribution, at half the size, with card.json (digests) and MODEL_CARD.md."""
    from handbone.weights import pack

    measured = None if metrics is None else _read_metrics(metrics)
    packed = pack(
        run,
        out,
        name=name,
        summary=summary,
        metrics=measured,
        limits=limits or (),
        data=data,
        licence=licence,
        overwrite=overwrite,
    )
    size = f"{packed.size_bytes / 1e6:.1f} MB"
    results().print(plain(packed.name, "bold cyan") + plain(f"  {size}  {packed.folder}"), soft_wrap=True)


def _read_metrics(path: Path) -> dict[str, Any]:
    remedy = 'write a JSON object of names and numbers, such as {"Dice, synthetic hands": 0.93}'
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise HandboneError(f"is not valid JSON ({error})", where=path, remedy=remedy) from None
    if not isinstance(values, dict):
        raise HandboneError("is not a JSON object", where=path, remedy=remedy)
    return values
