"""Several processes of this machine, each with networks of its own; they end with this one, however that ends."""

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import BrokenExecutor, Future, ProcessPoolExecutor
from contextlib import contextmanager
from importlib.util import find_spec
from multiprocessing import active_children, get_context
from multiprocessing.process import BaseProcess
from typing import Any

from handbone.core.processes import end_with
from handbone.core.progress import console
from handbone.networks import runtime
from handbone.workflows.pool import hand_out
from handbone.workflows.tasks import Item, Result, Task

_DEVICES = "CUDA_VISIBLE_DEVICES"


def in_processes(task: Task[Item, Result], items: Iterable[Item], *, count: int) -> Iterator[Result]:
    """The result of each item in so many processes, which share the machine's cores and GPUs."""
    with _processes(count, _devices() if task.networks else []) as places:
        yield from hand_out(task, items, places)


class _Process:
    """A place with one process. That it is one alone tells of which image it died."""

    lost: tuple[type[BaseException], ...] = (BrokenExecutor,)
    patience = 1

    def __init__(self, threads: int, device: str | None):
        self._begin = (os.getpid(), threads, device)
        self._process: BaseProcess | None = None
        self._pool = self._new()

    def room(self) -> int:
        return 1

    def submit(self, work: Callable[..., Result], *arguments: Any) -> "Future[Result]":
        before = {child.pid for child in active_children()}
        with _interrupts_wait():
            future = self._pool.submit(work, *arguments)
        self._process = next((child for child in active_children() if child.pid not in before), self._process)
        return future

    def renew(self) -> None:
        self._pool.shutdown()
        self._pool = self._new()

    def close(self) -> None:
        """Wait for the image that is worked on."""
        self._pool.shutdown(cancel_futures=True)

    def kill(self) -> None:
        """End at once."""
        if self._process is not None:
            self._process.kill()

    def _new(self) -> ProcessPoolExecutor:
        # Threads of OpenCV and torch do not survive a fork.
        return ProcessPoolExecutor(1, get_context("spawn"), _begin, self._begin)


def _begin(parent: int, threads: int, device: str | None) -> None:
    """The start of a worker: it ends with its parent, and Ctrl-C is the parent's affair."""
    end_with(parent)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if device is not None:
        os.environ[_DEVICES] = device
    runtime.limit_threads(threads)
    import cv2

    cv2.setNumThreads(threads)


@contextmanager
def _processes(count: int, devices: Sequence[str]) -> Iterator[list[_Process]]:
    threads = max(1, runtime.cores() // count)
    places = [_Process(threads, devices[number % len(devices)] if devices else None) for number in range(count)]
    try:
        try:
            yield places
        except KeyboardInterrupt:
            told = "Stopping once the images at work are done; Ctrl-C stops at once"
            console.print(told, highlight=False, soft_wrap=True)
            raise
        finally:
            for place in places:
                place.close()
    except BaseException:
        for place in places:
            place.kill()
        raise


def _devices() -> list[str]:
    """The GPUs that processes may use, as `CUDA_VISIBLE_DEVICES` names them; none without torch."""
    if find_spec("torch") is None:
        return []
    import torch

    if not torch.cuda.is_available():
        return []
    named = os.environ.get(_DEVICES)
    return [*named.split(",")] if named else [str(number) for number in range(torch.cuda.device_count())]


@contextmanager
def _interrupts_wait() -> Iterator[None]:
    """Ctrl-C comes after the block, and processes that are started in it never get it."""
    if sys.platform == "win32":
        yield
        return
    # The mask is for processes that inherit it. It does not hold for other threads, which may be sent the signal.
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        with _kept_back():
            yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextmanager
def _kept_back() -> Iterator[None]:
    """A Ctrl-C that another thread is sent waits for the end of the block, too; only the main thread handles any."""
    handler = signal.getsignal(signal.SIGINT)
    if handler is None or threading.current_thread() is not threading.main_thread():
        yield
        return
    came: list[int] = []
    signal.signal(signal.SIGINT, lambda number, _: came.append(number))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, handler)
        for number in came[:1]:
            signal.raise_signal(number)
