"""Progress bars with the remaining time, for all rooms."""

import time
from collections.abc import Callable, Generator, Iterable, Iterator
from datetime import timedelta
from typing import TypeVar

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    SpinnerColumn,
    Task,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.text import Text

T = TypeVar("T")

# Users read stderr; stdout is kept for results, so that `--json` can be piped.
console = Console(stderr=True)


# Of a bar's speed: an image may take a minute.
_SPEED_SECONDS = 300.0
_PATIENCE_SECONDS = 2.0
_LINE_SECONDS = 60.0


class RateColumn(ProgressColumn):
    """How fast it goes: items a second, or seconds an item."""

    def render(self, task: Task) -> Text:
        """The rate of the last minutes; nothing before the second item."""
        return Text(rate(task.finished_speed or task.speed))


def rate(per_second: float | None) -> str:
    """A speed in words: "3.1/s", or "2.4 s each" where that is the larger number.

    >>> rate(3.1), rate(0.4167), rate(None)
    ('3.1/s', '2.4 s each', '')
    """
    if not per_second:
        return ""
    return f"{per_second:.1f}/s" if per_second > 1 else f"{1 / per_second:.1f} s each"


def progress_bar() -> Progress:
    """A bar with a description, counts, rate and times, and a field `note` for metrics; not in pipes."""
    return Progress(
        TextColumn("[bold]{task.description}"),
        BarColumn(bar_width=None),
        MofNCompleteColumn(),
        RateColumn(),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
        TextColumn("{task.fields[note]}"),
        console=console,
        speed_estimate_period=_SPEED_SECONDS,
        disable=not console.is_terminal,
    )


def track(
    items: Iterable[T], description: str, total: int | None = None, *, note: Callable[[], str] = str
) -> Generator[T, None, None]:
    """Yield from `items` while a progress bar shows the count, the rate, the remaining time and a note such as a loss.

    Where there is no terminal, as in a job's log, a line every minute does.
    """
    if total is None:
        items = list(items)
        total = len(items)
    begun = last = time.monotonic()
    with progress_bar() as bar:
        task = bar.add_task(description, total=total, note="")
        for count, item in enumerate(items, 1):
            yield item
            bar.update(task, advance=1, note=note())
            now = time.monotonic()
            if bar.disable and now - last > _LINE_SECONDS:
                left = timedelta(seconds=round((now - begun) / count * (total - count)))
                said = f", {note()}" if note() else ""
                told = f"{description}: {count} of {total}{said}, {rate(count / (now - begun))}, {left} left"
                console.print(told, markup=False, highlight=False, soft_wrap=True)
                last = now


def counted(items: Iterable[T], description: str) -> Iterator[T]:
    """Yield from items of unknown number; their count is shown once that takes longer than two seconds."""
    begun, count = time.monotonic(), 0
    bar = Progress(SpinnerColumn(), TextColumn("{task.description} {task.completed}"), console=console)
    task = bar.add_task(description, total=None)
    try:
        for item in items:
            yield item
            count += 1
            if bar.live.is_started:
                bar.update(task, completed=count)
            elif console.is_terminal and time.monotonic() - begun > _PATIENCE_SECONDS:
                bar.start()
    finally:
        if bar.live.is_started:
            bar.stop()
