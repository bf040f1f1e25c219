"""Items, mostly images, handed to several processes as these become free; a process that dies costs no item.

Local processes and a cluster differ only in the place that takes the work.
"""

from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from functools import lru_cache
from threading import Lock
from typing import Any, Protocol

from handbone.workflows.tasks import Item, Ready, Result, Task

_opening = Lock()


class Place(Protocol):
    """Where images are worked on.

    lost: what a future raises if its worker died. patience: how often an image is tried again then.
    """

    lost: tuple[type[BaseException], ...]
    patience: int

    def room(self) -> int:
        """How many images it takes at a time."""

    def submit(self, work: Callable[..., Result], *arguments: Any) -> "Future[Result]":
        """Start the work on an image."""

    def renew(self) -> None:
        """Replace a worker that died."""


def hand_out(task: Task[Item, Result], items: Iterable[Item], places: Sequence[Place]) -> Iterator[Result]:
    """The result of each item, as it is there; no more are handed out than are worked on.

    Parameters
    ----------
    task: picklable and hashable; each process opens it once.

    Raises
    ------
    Exception: what is not one item's fault, such as weights that cannot be loaded, or a full disk.
    """
    left, again = iter(items), deque[Item]()
    running: dict[Future[Result], tuple[Place, Item]] = {}
    deaths = Counter[Item]()
    while True:
        for place in places:
            busy = sum(where is place for where, _ in running.values())
            for item in _next(again, left, place.room() - busy):
                running[place.submit(do, task, item)] = place, item
        if not running:
            return
        for future in wait(running, return_when=FIRST_COMPLETED).done:
            place, item = running.pop(future)
            try:
                result = future.result()
            except place.lost:
                place.renew()
                deaths[item] += 1
                if deaths[item] <= place.patience:
                    again.append(item)
                    continue
                result = task.lost(item, "the process that worked on it died, and so did a second one")
            yield result


def _next(again: deque[Item], left: Iterator[Item], count: int) -> Iterator[Item]:
    """Up to so many items, those first whose worker died."""
    for _ in range(count):
        if again:
            yield again.popleft()
            continue
        for item in left:
            yield item
            break


def do(task: Task[Item, Result], item: Item) -> Result:
    """The work on one item, in a worker."""
    with _opening:  # a cluster's worker may have several threads
        opened = _opened(task)
    return opened.one(item)


@lru_cache(1)
def _opened(task: Task[Any, Any]) -> Ready[Any, Any]:
    return task.open()
