"""A lock file for one process at a time, which is released when its holder dies and removed at the end."""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

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
    HandboneError: another process holds it.
    """
    lock.parent.mkdir(parents=True, exist_ok=True)
    taken = _flocked(lock) if fcntl else _locked_on_windows(lock)
    if taken is None:
        raise HandboneError("another handbone process is at work there", where=where, remedy=remedy)
    try:
        yield
    finally:
        # First the name, then the lock: who opens the file meanwhile sees that it is not that of the name any more.
        with suppress(OSError):
            lock.unlink()
        taken.close()


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
                return _Descriptor(number)
        os.close(number)  # its holder has just removed it


def _locked_on_windows(lock: Path):
    from filelock import FileLock, Timeout

    held = FileLock(lock)
    try:
        held.acquire(timeout=0)
    except Timeout:
        return None
    held.close = held.release
    return held
