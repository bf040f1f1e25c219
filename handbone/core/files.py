"""Files that are written atomically; for folders see `handbone.core.folders`."""

import contextlib
import hashlib
import json
import os
import re
import secrets
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path, PurePath
from typing import Any

if sys.platform == "win32":
    fcntl = None
else:
    import fcntl

# What `_beside` makes.
_TEMPORARY = re.compile(r"\..*-[0-9a-f]{12}(\.[^.]+)?")


@contextlib.contextmanager
def atomic_file(path: Path) -> Iterator[Path]:
    """A temporary path beside `path` to write to; it takes the place of `path` only when the block succeeds.

    It is flushed to disk, so that a system crash cannot leave an empty or partial file under this name.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    with _new_file(path) as temporary:
        try:
            yield temporary
            _sync(temporary)
            move(temporary, path)
        finally:
            temporary.unlink(missing_ok=True)


@contextlib.contextmanager
def _new_file(path: Path) -> Iterator[Path]:
    """An empty file beside `path`, locked while the block lasts: `sweep` sees by the lock that its writer lives."""
    while True:
        temporary = _beside(path)
        # Made here and not by mkstemp, whose files only their owner can read: results are shared like any other file.
        handle = os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666)
        if fcntl is None:
            os.close(handle)  # Windows renames no open file
            yield temporary
            return
        try:
            # A sweep may come between these two lines, and take the file for one that is left over.
            if _locked(handle) and os.fstat(handle).st_nlink:
                yield temporary
                return
        finally:
            os.close(handle)


def _locked(handle: int) -> bool:
    """Whether the lock is ours now; also where the file system has no locks, since no sweep gets one there either."""
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return True
    return True


def copy_file(source: Path, target: Path) -> None:
    """Let a finished file have a second name, in place of what has that; a copy where the system has no such links.

    Both names have the same content until one of them is replaced, as every writer of handbone does it.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    target.unlink(missing_ok=True)
    try:
        os.link(source, target)
    except OSError:  # another disk, or a file system without links
        with atomic_file(target) as temporary:
            shutil.copyfile(source, temporary)


def expanded(path: str | Path) -> Path:
    """A user's path with its `~` filled in; that of an unknown user stays, so that whoever opens it says so."""
    return Path(os.path.expanduser(path))


def is_temporary(path: Path) -> bool:
    """Whether a name is one of those under which `atomic_file` and `atomic_dir` write."""
    return _TEMPORARY.fullmatch(path.name) is not None


def sweep(folder: Path) -> None:
    """Remove the temporary files in a folder whose writers are dead, as their locks tell, however old they are.

    On Windows, and where the file system has no locks, they stay.
    """
    for path in folder.iterdir() if fcntl and folder.is_dir() else ():
        if not is_temporary(path) or path.is_symlink() or not path.is_file():
            continue
        with contextlib.suppress(OSError):  # another sweep was quicker, or the folder is not ours
            handle = os.open(path, os.O_RDWR)
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                path.unlink()
            finally:
                os.close(handle)


def move(source: Path, target: Path) -> None:
    """Rename a file or folder within its folder, replacing the target; a crash keeps one of the two."""
    os.replace(source, target)
    _sync(target.parent)


def _beside(path: Path) -> Path:
    """A name in the same folder that nothing has; short, as that of `path` may be as long as a name can be."""
    suffix = path.suffix if len(path.suffix) < 20 else ""
    return path.with_name(f".{path.stem[:30]}-{secrets.token_hex(6)}{suffix}")


def sync_folder(folder: Path) -> None:
    """Flush a folder and everything in it to disk."""
    for inside in [folder, *folder.rglob("*")]:
        if not inside.is_symlink():
            _sync(inside)


def _sync(path: Path) -> None:
    """Flush a file's content, or a folder's list of names, to disk."""
    if sys.platform == "win32":
        if path.is_dir():  # which it cannot open
            return
        handle = os.open(path, os.O_RDWR | os.O_BINARY)
    else:
        handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def write_text(path: Path, text: str) -> Path:
    """Write text as UTF-8, whole or not at all; bytes of file names that are no UTF-8 as `\\udcXX`, as JSON has it."""
    with atomic_file(path) as temporary:
        temporary.write_bytes(text.encode("utf-8", "backslashreplace"))
    return Path(path)


def write_json(path: Path, value: Any) -> Path:
    """Write a value as indented JSON, atomically."""
    return write_text(path, json_text(value) + "\n")


def json_text(value: Any, *, ascii_only: bool = False) -> str:
    """Indented JSON of a value; see `json_value`. What is not a finite number is null, as JSON knows no NaN."""

    def dumped(content: Any, **options: Any) -> str:
        return json.dumps(content, indent=1, ensure_ascii=ascii_only, default=json_value, **options)

    try:
        return dumped(value, allow_nan=False)
    except ValueError:
        return dumped(json.loads(dumped(value), parse_constant=lambda _: None))


def json_value(value: Any) -> Any:
    """The JSON form of a value that json.dumps does not know; for its parameter `default`.

    numpy numbers and arrays become Python's, paths become strings, and `to_json` is called if it exists.

    Raises
    ------
    TypeError: for anything else, which would otherwise be written as the text "False" or "<object at ...>".
    """
    for name in ("to_json", "tolist"):
        if hasattr(value, name):
            return getattr(value, name)()
    if isinstance(value, PurePath):
        return str(value)
    raise TypeError(f"{type(value).__name__} is not a JSON value")


def sha256_of(path: Path) -> str:
    """The hexadecimal sha256 of a file's bytes."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
