"""What `handbone predict` prints for people: every radiograph of a few, and a summary of many."""

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from handbone.cli.output import results as results_console
from handbone.core.escaping import markup

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from handbone.workflows.prediction_join import Summary
    from handbone.workflows.records import ImageRecord

_NO_HAND = "[yellow]no hand[/yellow]"
_SHOWN = 3  # flags of an image that are printed; predictions.json has all
_MANY = 50  # radiographs for which there is a table
_FAILED_SHOWN = 10  # of many


def show(summary: "Summary", output: Path, invert: str) -> None:
    """Print what became of all radiographs."""
    console = results_console()
    if summary.total <= _MANY:
        records = list(summary.records(output))
        console.print(_table(records))
        for record in records:
            _show_remarks(console, record, invert)
    else:
        _show_many(console, summary, invert)
    told = f"{summary.outcomes['outlined']} of {summary.total} radiographs outlined"
    if no_hand := summary.outcomes["no_hand"]:
        told += f", {no_hand} without a hand"
    place = markup(_to_open(output)) if output.exists() else "nothing was written"
    console.print(f"{told}: {place}", soft_wrap=True)


def _to_open(output: Path) -> Path:
    from handbone.workflows.outputs import PAGE_FILE

    page = output / PAGE_FILE
    return page if page.exists() else output


def _show_many(console: "Console", summary: "Summary", invert: str) -> None:
    """How many are doubtful, and where it stands of which."""

    def say(style: str, word: str, told: str) -> None:
        console.print(f"[{style}]{word}[/{style}] {told}", soft_wrap=True, highlight=False)

    for record in summary.failed[:_FAILED_SHOWN]:
        say("red", "failed", markup(record.error or ""))
    if (more := len(summary.failed) - _FAILED_SHOWN) > 0:
        say("red", "failed", f"and {more} more: 'error' in predictions.json")
    if summary.unwritten:
        say("red", "not written", f"{_radiographs(summary.unwritten)}: 'unwritten' in predictions.json")
    if summary.inverted and invert == "auto":
        said = f"{_radiographs(summary.inverted)} in which bones look dark: 'inverted' in predictions.json"
        say("yellow", "inverted", f"{said}; if that is wrong, give --invert no")
    if summary.doubtful:
        said = f"{_radiographs(summary.doubtful)}: 'flags' in predictions.json, dashed in overlays"
        say("yellow", "check", said)


def _radiographs(count: int) -> str:
    return "1 radiograph" if count == 1 else f"{count} radiographs"


def _show_remarks(console: "Console", record: "ImageRecord", invert: str) -> None:
    from handbone.workflows.records import flag_text

    if record.error:
        console.print(f"[red]failed[/red] {markup(record.error)}", soft_wrap=True, highlight=False)
    if record.inverted and invert == "auto":
        said = "bones look dark, so it was turned round; if that is wrong, give --invert no"
        console.print(f"[yellow]inverted[/yellow] {markup(record.name)}: {said}", soft_wrap=True, highlight=False)
    for format, reason in record.unwritten.items():
        console.print(f"[red]not written[/red] as {format}: {markup(reason)}", soft_wrap=True, highlight=False)
    for flag in record.flags[:_SHOWN]:
        said = markup(flag_text(flag))
        console.print(f"[yellow]check[/yellow] {markup(record.name)}: {said}", soft_wrap=True, highlight=False)
    if len(record.flags) > _SHOWN:
        console.print(f"  and {len(record.flags) - _SHOWN} more in predictions.json", highlight=False)


def _table(records: "Iterable[ImageRecord]") -> "Table":
    from rich.table import Table

    table = Table("Radiograph", "Hand", "Bones", "Confidence", "Flags", "Refined", "Seconds")
    for record in records:
        if record.error:
            table.add_row(markup(record.name), "[red]failed[/red]", "", "", "", "", "")
            continue
        found = record.confidence.values()
        table.add_row(
            markup(record.name),
            ", ".join(filter(None, [_hand(record) if found else _NO_HAND, "inverted" * record.inverted])),
            f"{len(found)}",
            f"{sum(found) / len(found):.2f}" if found else "",
            f"{len(record.flags) or ''}",
            f"{sum(d['used'] for d in record.decisions)} of {len(record.decisions)}" if record.frames else "",
            f"{sum(record.seconds.values()):.2f}",
        )
    return table


def _hand(record: "ImageRecord") -> str:
    """How the hand lies: its direction, and the side of its thumb."""
    place = record.location
    if place is None:
        return ""
    if not place["found"]:
        return "in part"
    return f"{place['degrees']:+.0f}°, thumb {place['thumb']}"
