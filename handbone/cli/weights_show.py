"""How `handbone weights` prints a set of weights, or the files of a run."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.text import Text

from handbone.cli.output import echo_json, facts_table, headed_table, plain, results
from handbone.core.errors import HandboneError

if TYPE_CHECKING:
    from handbone.weights import WeightsSet


def problem_of(found: "WeightsSet") -> str | None:
    """What is wrong with a set's files; None if they match its card."""
    try:
        found.verify()
    except HandboneError as error:
        return str(error)
    return None


def facts_of(found: "WeightsSet") -> dict[str, Any]:
    """The JSON object of a set."""
    facts = {str(name): each.model_dump() for name, each in found.card.files.items()}
    files = {stage: {"path": str(path), **facts[path.name]} for stage, path in found.files.items()}
    return {
        "name": found.name,
        "origin": found.origin,
        "package": found.package,
        "folder": str(found.folder),
        "summary": found.summary,
        "licence": found.licence,
        "handbone": found.card.handbone,
        "created": found.card.created,
        "metrics": found.metrics,
        "files": files,
    }


def show_set(found: "WeightsSet", problem: str | None) -> None:
    """Print a set's card with its metrics and limits; `problem` is the result of `problem_of`."""
    from handbone.weights.card import flat

    card, out = found.card, results()
    out.print(plain(found.name, "bold cyan") + plain(f"  {found.summary}"))
    state = plain(problem, "red") if problem else Text("matches the card", "green")
    made = f"handbone {card.handbone}, {card.created}"
    table = facts_table(
        {
            "folder": f"{found.folder} ({found.package or found.origin})",
            "licence": card.licence,
            "made by": made,
            "data": card.data,
            "sha256": state,
        }
    )
    out.print(table)
    table = headed_table("file", "network", "MB", "sha256")
    for name, facts in card.files.items():
        table.add_row(plain(name), plain(facts.network), f"{facts.bytes / 1e6:.1f}", plain(facts.sha256, "dim"))
    out.print("", table)
    if card.metrics:
        table = headed_table("value", "metric")
        for metric, value in flat(card.metrics):
            table.add_row(plain(value, "green"), plain(metric))
        out.print("", table)
    out.print("", Text("limits", "bold"))
    for limit in card.shown_limits:
        out.print(plain(f"- {limit}"))


def show_files(path: Path, as_json: bool) -> None:
    """Print the weights files of a run, each of which has a card of its own."""
    from handbone.core.files import sha256_of
    from handbone.weights import find_weights
    from handbone.weights.network_file import read_card

    files = [file for file in find_weights(path) if file is not None]
    cards = [(file, read_card(file), sha256_of(file)) for file in files]
    if as_json:
        listed = [
            {"path": str(file), "bytes": file.stat().st_size, "sha256": digest, **card.model_dump(by_alias=True)}
            for file, card, digest in cards
        ]
        echo_json({"files": listed}, "weights.files/1")
        return
    for file, card, digest in cards:
        results().print(plain(file, "bold cyan"), soft_wrap=True)
        facts = facts_table(
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
        results().print(facts)
