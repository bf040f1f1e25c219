"""Radiographs that were handed in: a queue, one worker, and news for whoever listens."""

import asyncio
import queue
import secrets
import shutil
import threading
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from handbone.core.errors import HandboneError
from handbone.workflows.records import ImageRecord
from handbone_serve import work

State = Literal["queued", "outlining", "measuring", "done", "failed", "cancelled"]
#: States from which a job does not go on.
ENDED = ("done", "failed", "cancelled")


@dataclass(eq=False)
class Job:
    """One radiograph.

    Parameters
    ----------
    id: nobody guesses it. name: of its file. folder: holds all of it, and nothing else does.
    records, measurements, cards: one per hand, once it is done.
    """

    id: str
    name: str
    folder: Path
    state: State = "queued"
    error: str | None = None
    records: list[ImageRecord] = field(default_factory=list)
    measurements: list[dict[str, Any]] = field(default_factory=list)
    cards: list[str] = field(default_factory=list)
    # Files of one format are written by one request at a time.
    lock: threading.Lock = field(default_factory=threading.Lock)


class Full(Exception):
    """So many radiographs are there that no other is taken."""


class Jobs:
    """All radiographs of a server; one is worked on at a time.

    Parameters
    ----------
    folder: in which each gets a folder. outliner: the weights. most: radiographs that may be there at a time.
    """

    def __init__(self, folder: Path, outliner: work.Outliner, *, most: int = 200):
        self._folder, self._outliner, self._most = folder, outliner, most
        self._jobs: dict[str, Job] = {}
        self._queue: queue.Queue[Job | None] = queue.Queue()
        self._lock = threading.RLock()
        self._listeners: set[tuple[asyncio.AbstractEventLoop, asyncio.Queue[tuple[Job, State]]]] = set()
        self._worker: threading.Thread | None = None

    def start(self) -> None:
        """Begin to work; after `stop` it may begin again."""
        self._worker = threading.Thread(target=self._work, daemon=True, name="handbone-serve")
        self._worker.start()

    def stop(self) -> None:
        """Cancel what waits, and end after what is at work."""
        for job in self.all():
            self._end(job)
        self._queue.put(None)
        if self._worker is not None:
            # A network that computes while Python ends would take the process down.
            self._worker.join(timeout=60)

    def new(self, name: str) -> Job:
        """A job with an empty folder for its file, not in the queue yet.

        Raises
        ------
        Full: too many are there.
        """
        with self._lock:
            if len(self._jobs) >= self._most:
                raise Full
            id = secrets.token_urlsafe(12)
            job = Job(id, name, self._folder / id)
            (job.folder / work.IMAGE).mkdir(parents=True)
            self._jobs[id] = job
            return job

    def add(self, job: Job) -> None:
        """Put a job whose file is there into the queue."""
        self._queue.put(job)
        self._tell(job)

    def get(self, id: str) -> Job | None:
        """A job by its id."""
        return self._jobs.get(id)

    def all(self) -> list[Job]:
        """All jobs, as they came."""
        with self._lock:
            return list(self._jobs.values())

    def ahead(self, job: Job) -> int:
        """How many radiographs are worked on before this one."""
        if job.state != "queued":
            return 0
        before = self.all()
        return sum(other.state not in ENDED for other in before[: before.index(job)]) if job in before else 0

    def remove(self, job: Job) -> None:
        """Cancel a job where it is not done, and delete all of it."""
        with self._lock:
            self._jobs.pop(job.id, None)
            at_work = job.state in ("outlining", "measuring")
            self._end(job)
        if not at_work:
            shutil.rmtree(job.folder, ignore_errors=True)

    async def news(self) -> AsyncIterator[tuple[Job, State] | None]:
        """Each change of a job's state, from now on; None after ten quiet seconds."""
        listener = asyncio.get_running_loop(), asyncio.Queue[tuple[Job, State]]()
        self._listeners.add(listener)
        try:
            while True:
                try:
                    yield await asyncio.wait_for(listener[1].get(), timeout=10)
                except TimeoutError:
                    yield None
        finally:
            self._listeners.discard(listener)

    def _end(self, job: Job) -> None:
        with self._lock:
            if job.state not in ENDED:
                self._set(job, "cancelled")

    def _set(self, job: Job, state: State) -> bool:
        """Change a job's state, unless it has ended; whether it was changed."""
        with self._lock:
            if job.state in ENDED:
                return False
            job.state = state
            self._tell(job)
        return True

    def _tell(self, job: Job) -> None:
        for loop, listener in list(self._listeners):
            loop.call_soon_threadsafe(listener.put_nowait, (job, job.state))

    def _work(self) -> None:
        while (job := self._queue.get()) is not None:
            try:
                self._outline(job)
            except Exception as error:  # one radiograph must not end the server
                known = str(error) if isinstance(error, HandboneError) else f"{type(error).__name__}: {error}"
                job.error = known.replace(f"{job.folder / work.IMAGE}/", "").replace(str(job.folder), "")
                self._set(job, "failed")
            if job.state == "cancelled":
                shutil.rmtree(job.folder, ignore_errors=True)

    def _outline(self, job: Job) -> None:
        if not self._set(job, "outlining"):
            return
        outlined = self._outliner.outline(job.folder)
        job.records = outlined.records
        if not self._set(job, "measuring"):
            return
        job.measurements = work.measure(job.folder)
        job.cards = list(self._outliner.cards(job.folder, outlined))
        self._set(job, "done")
