"""Work on images one after the other: each result is kept as soon as it is made, and one that fails costs no other."""

import errno
import traceback
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from handbone.core.errors import HandboneError
from handbone.core.files import write_text
from handbone.core.progress import console, track
from handbone.workflows.stored_results import StoredResults

ERRORS = "errors"
# What a system says of one file's name, and not of the disk.
_OF_ONE_NAME = (errno.ENAMETOOLONG, errno.EEXIST, errno.ENOTDIR, errno.EISDIR, errno.EILSEQ, errno.EINVAL)


@dataclass(frozen=True)
class Job:
    """The work on one image.

    Parameters
    ----------
    name: of the image. stem: of its overlay. where: the image for messages.
    key: gives what the result is made from, see `StoredResults`.
    make: gives the result as JSON values, and what draws the overlay to a path.
    """

    name: str
    stem: str
    where: str
    key: Callable[[], str]
    make: Callable[[], tuple[dict[str, Any], Callable[[Path], None]]]


@dataclass(frozen=True)
class Failure:
    """Why an image has no result, in a sentence."""

    reason: str


def make_each(
    jobs: Iterable[Job], kept: StoredResults, before: StoredResults | None, *, title: str, total: int, done: str
) -> dict[str, dict[str, Any] | Failure]:
    """The result of each image by its name, or why there is none; results that are kept already are not made again.

    Parameters
    ----------
    kept: where results are kept. before: where earlier ones may be found, too.
    title: of the progress bar. total: number of jobs. done: what has become of images that have a result.

    Raises
    ------
    OSError: results cannot be kept, as on a full disk.
    """
    results: dict[str, dict[str, Any] | Failure] = {}
    again = 0
    # Drawing and compressing an overlay takes as long as a network: a second thread does it meanwhile.
    with ThreadPoolExecutor(1) as drawing:
        pending: tuple[Job, Future[None]] | None = None
        for job in track(jobs, title, total=total):
            try:
                key = job.key()
                known = kept.find(job.name, job.stem, key)
                if known is None and before is not None:
                    known = kept.copy_from(before, job.name, job.stem, key)
                if known is not None:
                    results[job.name] = known
                    again += 1
                    continue
                made, draw = job.make()
            except Exception as error:  # one image must not cost the others
                results[job.name] = _failure(job, error, kept)
                continue
            results[job.name] = made
            if pending is not None:
                _finish(*pending, results, kept)
            pending = job, drawing.submit(_keep, kept, job, key, made, draw)
        if pending is not None:
            _finish(*pending, results, kept)
    if again:
        console.print(f"{again} of {total} radiographs were {done} before", highlight=False)
    return results


def _keep(kept: StoredResults, job: Job, key: str, result: dict[str, Any], draw: Callable[[Path], None]) -> None:
    draw(kept.overlay(job.stem))
    kept.keep(job.name, job.stem, key, result)


def _finish(job: Job, work: "Future[None]", results: dict[str, dict[str, Any] | Failure], kept: StoredResults) -> None:
    """Wait until a result is kept; an image whose overlay cannot be drawn has failed."""
    try:
        work.result()
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
