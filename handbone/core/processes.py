"""Processes that end with the one that started them, however that ends."""

import ctypes
import os
import signal
import sys
import threading
import time

_SET_DEATH_SIGNAL = 1  # PR_SET_PDEATHSIG of linux/prctl.h
_POLL_SECONDS = 1.0


def end_with(parent: int) -> None:
    """End this process as soon as the one that started it is gone, also after kill -9; to be called in the child.

    Linux sends the signal itself. Elsewhere a thread looks every second. On Windows nothing is done: a process there
    does not learn of its parent's end, and torch's workers watch it themselves.

    Parameters
    ----------
    parent: the starting process's id, as it knew itself; it may be gone before this call.
    """
    if sys.platform == "win32":
        return
    told = sys.platform == "linux" and ctypes.CDLL(None).prctl(_SET_DEATH_SIGNAL, signal.SIGKILL) == 0
    if os.getppid() != parent:
        os._exit(1)
    if not told:
        threading.Thread(target=_watch, args=(parent,), daemon=True).start()


def _watch(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(_POLL_SECONDS)
    os._exit(1)
