"""Work on images one after the other: each result is kept as soon as it is made, and one that fails costs no other."""

import errno
import traceback
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from handbone.core.errors import HandboneError
from handbone.core.files import write_text
from handbone.core.progress import console, track
from handbone.workflows.stored_results import StoredResults

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
    """The work on one image.

    Parameters
    ----------
    name: of the image. stem: of its files. where: the image for messages.
    key: gives what its results are made from, see `StoredResults`.
    make: gives its results, mostly one.
    known: gives the results that are kept, all or none.
    """

    name: str
    stem: str
    where: str
    key: Callable[[], str]
    make: Callable[[], list[Made]]
    known: Callable[[Find], list[dict[str, Any]]]


@dataclass(frozen=True)
class Failure:
    """Why an image has no result, in a sentence."""

    reason: str


def make_each(
    jobs: Iterable[Job], kept: StoredResults, before: StoredResults | None, *, title: str, total: int, done: str
) -> dict[str, list[dict[str, Any]] | Failure]:
    """The results of each image by its name, or why there are none; those that are kept already are not made again.

    Parameters
    ----------
    kept: where results are kept. before: where earlier ones may be found, too.
    title: of the progress bar. total: number of jobs. done: what has become of images that have a result.

    Raises
    ------
    OSError: results cannot be kept, as on a full disk.
    """
    results: dict[str, list[dict[str, Any]] | Failure] = {}
    again = 0
    # Drawing and compressing an overlay takes as long as a network: a second thread does it meanwhile.
    with ThreadPoolExecutor(1) as drawing:
        pending: tuple[Job, list[Future[None]]] | None = None
        for job in track(jobs, title, total=total):
            try:
                key = job.key()
                if known := job.known(partial(_find, kept, before, key)):
                    results[job.name] = known
                    again += 1
                    continue
                made = job.make()
            except Exception as error:  # one image must not cost the others
                results[job.name] = _failure(job, error, kept)
                continue
            results[job.name] = [one.result for one in made]
            if pending is not None:
                _finish(*pending, results, kept)
            pending = job, [drawing.submit(_keep, kept, one, key) for one in made]
        if pending is not None:
            _finish(*pending, results, kept)
    if again:
        console.print(f"{again} of {total} radiographs were {done} before", highlight=False)
    return results


def _find(kept: StoredResults, before: StoredResults | None, key: str, name: str, stem: str) -> dict[str, Any] | None:
    known = kept.find(name, stem, key)
    return kept.copy_from(before, name, stem, key) if known is None and before is not None else known


def _keep(kept: StoredResults, one: Made, key: str) -> None:
    one.draw(kept.overlay(one.stem))
    kept.keep(one.name, one.stem, key, one.result)


def _finish(
    job: Job, work: "list[Future[None]]", results: dict[str, list[dict[str, Any]] | Failure], kept: StoredResults
) -> None:
    """Wait until an image's results are kept; one whose overlay cannot be drawn has failed."""
    for each in work:
        try:
            each.result()
        except Exception as error:  # one image must not cost the others
            if isinstance(error, OSError) and error.errno not in _OF_ONE_NAME:
                raise  # a full disk is not the image's fault
            results[job.name] = _failure(job, error, kept)


def _failure(job: Job, error: Exception, kept: StoredResults) -> Failure:
    """Why an image failed; what nobody foresaw is kept for a report of the fault."""
    if isinstance(error, HandboneError):
        return Failure(str(error))
    trace = kept.folder / ERRORS / f"{job.stem}.txt"
    write_text(trace, "".join(traceback.format_exception(error)))
    first = (str(error).strip().splitlines() or [""])[0]
    return Failure(f"{job.where}: {type(error).__name__}: {first}; {ERRORS}/{trace.name} has the whole message")
