"""How `handbone weights` shows a set of weights, or the files of a run."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from handbone.errors import HandboneError

if TYPE_CHECKING:
    from handbone.weights import WeightsSet


def problem_of(found: "WeightsSet") -> str | None:
    """What is wrong with a set's files, or None where they are those of its card."""
    try:
        found.verify()
    except HandboneError as error:
        return str(error)
    return None


def facts_of(found: "WeightsSet") -> dict[str, Any]:
    """What `--json` tells of a set."""
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


def show_set(found: "WeightsSet", problem: str | None) -> None:
    """A set's card with its figures and limits; `problem` is what `problem_of` found."""
    from handbone.weights.card import flat

    card, out = found.card, results()
    out.print(Text.assemble((found.name, "bold cyan"), f"  {found.summary}"))
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
    table = columns("file", "network", "MB", "sha256")
    for name, facts in card.files.items():
        table.add_row(name, Text(facts.network), f"{facts.bytes / 1e6:.1f}", Text(facts.sha256, "dim"))
    out.print("", table)
    if card.figures:
        table = columns("figure", "value")
        for name, value in flat(card.figures):
            table.add_row(Text(name), Text(value, "green"))
        out.print("", table)
    out.print("", Text("limits", "bold"))
    for limit in (*card.limits, "It is not a medical device."):
        out.print(Text(f"- {limit}"))


def show_files(path: Path, as_json: bool) -> None:
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
        echo_json({"files": listed})
        return
    for file, card, digest in cards:
        results().print(Text(str(file), "bold cyan"), soft_wrap=True)
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
    results().print(table)


def columns(first: str, *columns: str) -> Table:
    """An empty table with these headings, whose first column is not broken."""
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    table.add_column(first, no_wrap=True)
    for column in columns:
        table.add_column(column, overflow="fold")
    return table


def results() -> Console:
    """Where results go, so that they can be piped; remarks go to stderr."""
    return Console(highlight=False)


def echo_json(value: Any) -> None:
    """JSON for programs, on stdout."""
    typer.echo(json.dumps(value, indent=1, ensure_ascii=False))
