"""One process at a time in a run's folder; the others are told which one it is."""

import json
import os
import platform
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from filelock import FileLock, Timeout

from handbone.core.errors import HandboneError
from handbone.core.files import write_json

_LOCK, _HOLDER = ".lock", ".holder.json"


@contextmanager
def held(folder: Path) -> Iterator[None]:
    """Hold a folder, which is made where there is none; the system frees it when its holder ends, however that ends.

    Raises
    ------
    HandboneError: another process holds it; says which, and since when.
    """
    folder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder / _LOCK)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        remedy = "wait for it, or give this run another folder with --output"
        raise HandboneError(f"{_holder(folder)} is at work on this run", where=folder, remedy=remedy) from None
    try:
        # Beside the lock, as Windows lets nobody read a locked file.
        since = datetime.now().isoformat(" ", "minutes")
        write_json(folder / _HOLDER, {"process": os.getpid(), "machine": platform.node(), "since": since})
        yield
    finally:
        (folder / _HOLDER).unlink(missing_ok=True)
        lock.release()


def _holder(folder: Path) -> str:
    try:
        known = json.loads((folder / _HOLDER).read_text(encoding="utf-8"))
        return "handbone process {process} on {machine}, since {since},".format(**known)
    except (OSError, ValueError, KeyError, TypeError):
        return "another handbone process"
