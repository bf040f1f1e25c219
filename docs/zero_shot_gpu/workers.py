"""Processes that draw hands into shared memory, ahead of the training."""

import itertools
import mmap
import multiprocessing as mp
import os
import queue
import traceback
from collections.abc import Iterator, Sequence
from typing import Self

import cv2
import numpy as np
from draw import Draw

from handbone.core.errors import HandboneError

# Places for synthetic hands per worker: while the first steps choose their algorithms, no worker waits.
_PLACES = 8
# Seconds between two looks at whether the other side is still there.
_PATIENCE = 5.0
# Hands that a worker may fail to draw before it gives up.
_FAILURES = 10


class Drawers:
    """Workers that draw as long as the block lasts; also killed with the training, not after it.

    Parameters
    ----------
    count: processes. kind, draw: the records and what fills them, see `draw.drawing`.
    seed: numbers that no other run of the same training has, so that none draws the same hands.
    """

    def __init__(self, count: int, *, kind: np.dtype, draw: Draw, seed: Sequence[int]):
        # A forked process finds OpenCV's threads gone, and would wait for them for ever: they end before the forks.
        cv2.setNumThreads(1)
        for share in (0.0, 1.0):  # compiles what draws, once for all workers
            draw(np.zeros(1, kind)[0], np.random.default_rng(seed), adult_share=share)
        # An anonymous map and forks: containers often have next to no /dev/shm, which other ways need.
        context = mp.get_context("fork")
        self._records = np.frombuffer(mmap.mmap(-1, _PLACES * count * kind.itemsize), kind)
        self._free, self._ready = context.Queue(), context.Queue()
        shared = (self._records, self._free, self._ready, draw)
        self._workers = [
            context.Process(target=_work, args=(*shared, (*seed, number)), daemon=True) for number in range(count)
        ]

    def __enter__(self) -> Self:
        for worker in self._workers:
            worker.start()
        for place in range(len(self._records)):
            self._free.put(place)
        return self

    def __exit__(self, *_: object) -> None:
        for worker in self._workers:
            worker.kill()
        # Nobody reads them any more.
        self._free.cancel_join_thread()

    def take(self, most: int, *, wait: bool = False) -> Iterator[np.void]:
        """The hands that are ready; each holds until the next one is asked for.

        Parameters
        ----------
        most: hands to take, where more are ready.
        wait: for the first of them, where none is ready.

        Raises
        ------
        HandboneError: no worker is left.
        """
        taken = 0
        while taken < most:
            try:
                place = self._ready.get(timeout=_PATIENCE) if wait else self._ready.get_nowait()
            except queue.Empty:
                if not any(worker.is_alive() for worker in self._workers):
                    remedy = "see their errors above, then continue with --resume"
                    raise HandboneError("no worker that draws hands is left", remedy=remedy) from None
                if wait:
                    continue
                return
            yield self._records[place]
            self._free.put(place)
            taken, wait = taken + 1, False


def _work(records: np.ndarray, free: mp.Queue, ready: mp.Queue, draw: Draw, seed: tuple[int, ...]) -> None:
    """Draw one hand after the other into free places."""
    os.nice(1)
    failures = 0
    for number in itertools.count():
        place = _next(free)
        if place is None:
            return
        try:
            draw(records[place], np.random.default_rng((*seed, number)))
        except Exception:
            # One hand less is no reason to lose a machine that is lent for minutes; errors of all hands are.
            traceback.print_exc()
            failures += 1
            if failures == _FAILURES:
                return
            free.put(place)
            continue
        ready.put(place)


def _next(free: mp.Queue) -> int | None:
    """The next free place; None when the training is gone, which a killed one cannot say."""
    while mp.parent_process().is_alive():
        try:
            return free.get(timeout=_PATIENCE)
        except queue.Empty:
            continue
    return None
