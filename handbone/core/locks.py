"""A lock file for one process at a time, which is released when its holder dies and removed at the end.

Its text says which process holds it, for those that come second.
"""

import errno
import os
import platform
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import Any

from handbone.core.errors import HandboneError

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

# What file systems say that know no such locks: work goes on there without.
_NO_LOCKS = (errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP)


@contextmanager
def hold(lock: Path, *, where: Path, remedy: str) -> Iterator[None]:
    """Hold a lock for the length of the block.

    Parameters
    ----------
    lock: its file; made with its folder, removed at the end. The system frees it when its holder dies.
    where, remedy: what an error says.

    Raises
    ------
    HandboneError: another process holds it; says which, on which machine, and since when.
    """
    lock.parent.mkdir(parents=True, exist_ok=True)
    taken = _flocked(lock) if fcntl else _locked_on_windows(lock)
    if taken is None:
        raise HandboneError(f"another handbone process{_holder(lock)} is at work there", where=where, remedy=remedy)
    try:
        yield
    finally:
        # First the name, then the lock: who opens the file meanwhile sees that it is not that of the name any more.
        with suppress(OSError):
            lock.unlink()
        taken.close()


def _holder(lock: Path) -> str:
    """Who holds a lock, as its file says; nothing where it cannot be read, as on Windows."""
    with suppress(OSError, ValueError):
        if told := lock.read_text(encoding="utf-8"):
            return f" ({told})"
    return ""


class _Descriptor:
    def __init__(self, number: int):
        self._number = number

    def close(self) -> None:
        os.close(self._number)


def _flocked(lock: Path) -> _Descriptor | None:
    while True:
        number = os.open(lock, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o666)
        try:
            fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno not in _NO_LOCKS:
                os.close(number)
                return None
        with suppress(FileNotFoundError):
            if os.path.samestat(os.fstat(number), os.stat(lock)):
                _write_holder(number)
                return _Descriptor(number)
        os.close(number)  # its holder has just removed it


def _write_holder(number: int) -> None:
    since = datetime.now().isoformat(" ", "minutes")
    with suppress(OSError):  # a full disk
        os.ftruncate(number, 0)
        os.write(number, f"{os.getpid()} on {platform.node()}, since {since}".encode())


def _locked_on_windows(lock: Path) -> Any:
    from filelock import FileLock, Timeout

    held: Any = FileLock(lock)
    try:
        held.acquire(timeout=0)
    except Timeout:
        return None
    held.close = held.release
    return held
