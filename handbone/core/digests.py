"""The content of files as sha256: an index remembers it for as long as a file's place and times stay the same."""

import functools
import hashlib
import json
import os
import time
from contextlib import suppress
from pathlib import Path

import platformdirs

from handbone.core.files import expanded, sha256_of, write_text

# A file that is changed twice within one tick of the file system's clock has the same times, so new files wait.
_SETTLED_NS = 2_000_000_000
_MOST = 100_000


def cache_root() -> Path:
    """The folder for what can be made again: what the variable HANDBONE_CACHE says, else in the user's cache folder."""
    told = os.environ.get("HANDBONE_CACHE")
    return expanded(told) if told else platformdirs.user_cache_path("handbone")


def content_digest(path: str | Path) -> str:
    """The hexadecimal sha256 of a file's bytes, read again only where the file may have changed.

    A file that has the same inode, size, time of change and time of status change as before is taken for the same. On
    Linux and macOS no program can set the last one: a file changed in place under its old size and time is noticed. On
    Windows it is not, and `forget_digests` reads every file again.

    Raises
    ------
    OSError: the file cannot be read.
    """
    return _index(cache_root() / "digests.txt").of(Path(path))


def forget_digests() -> None:
    """Read every file again, once, whatever its times say."""
    _index(cache_root() / "digests.txt").forget()


def keep_digests() -> None:
    """Write what is known to disk, for the next process; without an error where that cannot be."""
    _index(cache_root() / "digests.txt").keep()


class _Index:
    """Digests by (device, inode), each with the size and times at which it was taken."""

    def __init__(self, file: Path):
        self._file, self._known, self._changed = file, _read(file), False

    def of(self, path: Path) -> str:
        stat = path.stat()
        place, seen = f"{stat.st_dev}:{stat.st_ino}", [stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns]
        known = self._known.get(place)
        if known is not None and known[:-1] == seen:
            return known[-1]
        settled = time.time_ns() - max(seen[1:]) > _SETTLED_NS
        digest = sha256_of(path)
        if settled:
            self._known.pop(place, None)  # the newest come last
            self._known[place] = [*seen, digest]
            self._changed = True
        return digest

    def forget(self) -> None:
        self._known = {}

    def keep(self) -> None:
        if not self._changed:
            return
        text = json.dumps(dict(list(self._known.items())[-_MOST:]))
        with suppress(OSError):
            write_text(self._file, f"{hashlib.sha256(text.encode()).hexdigest()}\n{text}")
        self._changed = False


_index = functools.cache(_Index)


def _read(file: Path) -> dict[str, list]:
    """What an earlier process has kept; nothing where the file is missing or damaged."""
    try:
        digest, _, text = file.read_text(encoding="utf-8").partition("\n")
    except (OSError, ValueError):
        return {}
    return json.loads(text) if hashlib.sha256(text.encode()).hexdigest() == digest else {}
