"""Work on many items as a value, so that this process, several others or a cluster can do it alike."""

from collections.abc import Callable, Generator, Hashable, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any, Generic, Protocol, TypeVar
from uuid import uuid4

from handbone.core.errors import HandboneError
from handbone.core.progress import track

Item = TypeVar("Item", bound=Hashable)
Result = TypeVar("Result")
T = TypeVar("T")
ItemOf = TypeVar("ItemOf", contravariant=True)
ResultOf = TypeVar("ResultOf", covariant=True)


class Ready(Protocol[ItemOf, ResultOf]):
    """Work for which everything is loaded."""

    def one(self, item: ItemOf) -> ResultOf:
        """All the work on one item."""

    def each(self, items: Iterable[ItemOf]) -> Iterator[ResultOf]:
        """The work on items one after the other, in this process."""


class Task(Protocol[ItemOf, ResultOf]):
    """A command's work on items of any number; hashable and, for other processes, picklable.

    networks: whether it computes with networks, for which processes share the GPUs.
    """

    @property
    def networks(self) -> bool: ...

    def __hash__(self) -> int: ...

    def open(self) -> Ready[ItemOf, ResultOf]:
        """Load what all items need; done once in a process."""

    def lost(self, item: ItemOf, why: str) -> ResultOf:
        """The result of an item whose processes died."""


#: What gives each item's result, such as `here` in this process; in any order.
Crew = Callable[[Task[Any, Any], Iterable[Any]], Iterator[Any]]


def here(task: Task[Item, Result], items: Iterable[Item]) -> Iterator[Result]:
    """The result of each item, made in this process."""
    return task.open().each(items)


def in_reach(crew: Crew, made: T, again: Callable[[], T]) -> Callable[[], T]:
    """What gives workers something that is open here already: the same in this process, else a new one."""
    return (lambda: made) if crew is here else again


@dataclass(frozen=True)
class Failed:
    """Why an item has no result, in a sentence."""

    error: str


def each_in_order(
    prepare: Callable[[], Callable[[Item], Result]],
    items: Sequence[Item],
    *,
    title: str,
    crew: Crew = here,
) -> Generator[tuple[Item, Result | Failed], None, None]:
    """Every item in order with what a function makes of it.

    Parameters
    ----------
    prepare: gives the function; done once in each process. A HandboneError that it raises is the item's own.
    title: of the progress bar. crew: who does the work; with other processes, prepare, items and results are copied.
    """
    waiting: dict[int, Result | Failed] = {}
    following = 0
    # Its place is ours until the last process has ended.
    with closing(track(crew(_Each(prepare), enumerate(items)), title, total=len(items))) as made:
        for number, result in made:
            waiting[number] = result
            while following in waiting:
                yield items[following], waiting.pop(following)
                following += 1


@dataclass(frozen=True)
class _Each(Generic[Item, Result]):
    """A function of one item as a task. Two are the same if one is a copy of the other."""

    prepare: Callable[[], Callable[[Item], Result]] = field(compare=False)
    token: str = field(default_factory=lambda: uuid4().hex)
    networks: bool = False

    def open(self) -> "_Function[Item, Result]":
        return _Function(self.prepare())

    def lost(self, item: tuple[int, Item], why: str) -> tuple[int, Failed]:
        return item[0], Failed(f"{item[1]}: {why}")


@dataclass(frozen=True)
class _Function(Generic[Item, Result]):
    function: Callable[[Item], Result]

    def one(self, item: tuple[int, Item]) -> tuple[int, Result | Failed]:
        number, content = item
        try:
            return number, self.function(content)
        except HandboneError as error:  # one item must not cost the others
            return number, Failed(str(error))

    def each(self, items: Iterable[tuple[int, Item]]) -> Iterator[tuple[int, Result | Failed]]:
        return map(self.one, items)
