"""Work on images one after the other: each result is kept as soon as it is made, and one that fails costs no other.

Nothing of an image stays in memory once its results are kept: what becomes of it is an `Outcome` of a few words.
"""

import errno
import traceback
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Generic

from handbone.core.errors import HandboneError
from handbone.core.files import write_text
from handbone.core.progress import console, track
from handbone.workflows.stored_results import StoredResults
from handbone.workflows.tasks import Crew, Item, Task, here

ERRORS = "errors"
# What a system says of one file's name, and not of the disk.
_OF_ONE_NAME = (errno.ENAMETOOLONG, errno.EEXIST, errno.ENOTDIR, errno.EISDIR, errno.EILSEQ, errno.EINVAL)

#: Finds a kept result by its name and the stem of its overlay.
Find = Callable[[str, str], dict[str, Any] | None]


@dataclass(frozen=True)
class Made:
    """One result of an image: its name, the stem of its overlay, JSON values, and what draws the overlay to a path."""

    name: str
    stem: str
    result: dict[str, Any]
    draw: Callable[[Path], None]


@dataclass(frozen=True)
class Job:
    """The work on one image, in steps that may overlap with those of other images.

    Parameters
    ----------
    name: of the image. stem: of its files. where: the image for messages.
    key: gives what its results are made from, see `StoredResults`.
    known: gives the names of the results that are kept, all or none.
    load: reads the image. make: gives the results of what was read, mostly one.
    """

    name: str
    stem: str
    where: str
    key: Callable[[], str]
    known: Callable[[Find], list[str]]
    load: Callable[[], Any]
    make: Callable[[Any], list[Made]]


@dataclass(frozen=True)
class Outcome:
    """What became of an image.

    Parameters
    ----------
    name: of the image. results: the names of its results; none if it failed.
    error: why it failed, in a sentence. unread: whether it could not even be read.
    known: whether its results were kept before.
    """

    name: str
    results: tuple[str, ...] = ()
    error: str | None = None
    unread: bool = False
    known: bool = False


@dataclass(frozen=True)
class Opened(Generic[Item]):
    """A command's work, ready for images: networks are loaded.

    Parameters
    ----------
    kept: where results are kept. earlier: where earlier ones may be found, too.
    job: gives the work on an image.
    """

    kept: StoredResults
    earlier: tuple[StoredResults, ...]
    job: Callable[[Item], Job]

    def one(self, item: Item) -> Outcome:
        """All the work on one image."""
        loaded = _load(self, item)
        if isinstance(loaded, Outcome):
            return loaded
        made = _make(self, loaded)
        return made if isinstance(made, Outcome) else _keep(self, loaded, made)

    def each(self, items: Iterable[Item]) -> Iterator[Outcome]:
        """Networks work in this thread, while a second one reads the next image and a third keeps the last results.

        Drawing and compressing an overlay takes as long as a network.
        """
        with ThreadPoolExecutor(1) as reading, ThreadPoolExecutor(1) as keeping:
            last: Future[Outcome] | None = None
            for loaded in _ahead(reading, partial(_load, self), items):
                made = loaded if isinstance(loaded, Outcome) else _make(self, loaded)
                if isinstance(made, Outcome):
                    yield made
                    continue
                if last is not None:
                    yield last.result()
                last = keeping.submit(_keep, self, loaded, made)
            if last is not None:
                yield last.result()


def make_each(
    task: Task[Item, Outcome], items: Iterable[Item], *, title: str, total: int, done: str, crew: Crew = here
) -> Generator[Outcome, None, None]:
    """What becomes of each image, as it does; results that are kept already are not made again.

    Parameters
    ----------
    items: what the task's jobs are made for.
    title: of the progress bar. total: number of items. done: what has become of images that have a result.
    crew: who does the work.

    Raises
    ------
    OSError: results cannot be kept, as on a full disk.
    """
    again = 0
    for outcome in track(crew(task, items), title, total=total):
        again += outcome.known
        yield outcome
    if again:
        console.print(f"{again} of {total} radiographs were {done} before", highlight=False)


@dataclass(frozen=True)
class _Loaded:
    job: Job
    key: str
    content: Any


def _ahead(pool: ThreadPoolExecutor, work: Callable[[Item], Any], items: Iterable[Item]) -> Iterator[Any]:
    """The result of each item, while that of the next one is made."""
    waiting: Future[Any] | None = None
    for item in items:
        following = pool.submit(work, item)
        if waiting is not None:
            yield waiting.result()
        waiting = following
    if waiting is not None:
        yield waiting.result()


def _load(opened: Opened[Item], item: Item) -> "_Loaded | Outcome":
    """An image that was read, or what became of it already."""
    job = opened.job(item)
    try:
        key = job.key()
        if names := job.known(partial(_find, opened, key)):
            return Outcome(job.name, tuple(names), known=True)
        return _Loaded(job, key, job.load())
    except HandboneError as error:
        return Outcome(job.name, error=str(error), unread=True)
    except Exception as error:  # one image must not cost the others
        return _failed(job, error, opened.kept)


def _make(opened: Opened[Any], loaded: _Loaded) -> list[Made] | Outcome:
    try:
        return loaded.job.make(loaded.content)
    except Exception as error:  # one image must not cost the others
        return _failed(loaded.job, error, opened.kept)


def _keep(opened: Opened[Any], loaded: _Loaded, made: list[Made]) -> Outcome:
    """Keep an image's results; one whose overlay cannot be drawn has failed."""
    try:
        for one in made:
            one.draw(opened.kept.overlay(one.stem))
            opened.kept.keep(one.name, one.stem, loaded.key, one.result)
    except Exception as error:  # one image must not cost the others
        if isinstance(error, OSError) and error.errno not in _OF_ONE_NAME:
            raise  # a full disk is not the image's fault
        return _failed(loaded.job, error, opened.kept)
    return Outcome(loaded.job.name, tuple(one.name for one in made))


def _find(opened: Opened[Any], key: str, name: str, stem: str) -> dict[str, Any] | None:
    known = opened.kept.find(name, stem, key)
    for earlier in opened.earlier:
        known = known or opened.kept.copy_from(earlier, name, stem, key)
    return known


def _failed(job: Job, error: Exception, kept: StoredResults) -> Outcome:
    """Why an image failed; what nobody foresaw is kept for a report of the fault."""
    if isinstance(error, HandboneError):
        return Outcome(job.name, error=str(error))
    trace = kept.folder / ERRORS / f"{job.stem}.txt"
    write_text(trace, "".join(traceback.format_exception(error)))
    first = (str(error).strip().splitlines() or [""])[0]
    return Outcome(
        job.name, error=f"{job.where}: {type(error).__name__}: {first}; {ERRORS}/{trace.name} has the whole message"
    )
