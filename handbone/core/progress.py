"""Progress bars with the remaining time, for all rooms."""

from collections.abc import Iterable, Iterator
from typing import TypeVar

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

T = TypeVar("T")

# Users read stderr; stdout is kept for results, so that `--json` can be piped.
console = Console(stderr=True)


def progress_bar() -> Progress:
    """A bar with a description, counts, elapsed and remaining time, and a field `note` for metrics; not in pipes."""
    return Progress(
        TextColumn("[bold]{task.description}"),
        BarColumn(bar_width=None),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
        TextColumn("{task.fields[note]}"),
        console=console,
        disable=not console.is_terminal,
    )


def track(items: Iterable[T], description: str, total: int | None = None) -> Iterator[T]:
    """Yield from `items` while a progress bar shows the count and the remaining time."""
    if total is None:
        items = list(items)
        total = len(items)
    with progress_bar() as bar:
        task = bar.add_task(description, total=total, note="")
        for item in items:
            yield item
            bar.advance(task)
