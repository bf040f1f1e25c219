"""Folders of results that take their place whole, wherever that is: a new folder, an old one, a mount point, a link.

A folder that is replaced is renamed aside before and goes last, so that a crash keeps either. One that cannot be
renamed (a mount point, the current folder, one in a folder that is not ours) gets its files one by one.
"""

import errno
import hashlib
import os
import re
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from handbone.core.errors import HandboneError
from handbone.core.files import atomic_file, move, sync_folder
from handbone.core.locks import hold

# What a system says of a folder that cannot be renamed: a mount point, or one of a lower layer.
_FIXED = (errno.EBUSY, errno.EXDEV, errno.EPERM, errno.EACCES)
_ASIDE = ".handbone-old"
_LONGEST = 200  # bytes of a name to which something is added; file systems take 255


@dataclass(frozen=True)
class Place:
    """Where a folder of results comes to lie.

    Parameters
    ----------
    path: as it was given. real: the same with links followed.
    whole: whether a folder can be renamed to it; else files are moved into it.
    """

    path: Path
    real: Path
    whole: bool

    @classmethod
    def of(cls, path: Path) -> "Place":
        """The place that a path means.

        Raises
        ------
        HandboneError: there is something else than a folder.
        """
        real = Path(os.path.realpath(path))
        if os.path.lexists(real) and not real.is_dir():
            raise HandboneError("this is not a folder", where=path, remedy="give the name of a folder")
        parent = next(folder for folder in real.parents if folder.exists()) if real.parent != real else real
        fixed = os.path.ismount(real) or Path.cwd().is_relative_to(real) or not os.access(parent, os.W_OK)
        return cls(Path(path), real, not fixed)

    def beside(self, word: str) -> Path:
        """A hidden name of ours on the same disk: beside the folder, or in it where that has to stay where it is."""
        if not self.whole:
            return self.real / f".handbone{word}"
        name = self.real.name
        if len(os.fsencode(name)) > _LONGEST:
            name = f"{name[:30]}-{hashlib.sha256(os.fsencode(name)).hexdigest()[:12]}"
        return self.real.with_name(f".{name}{word}")

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the place for this process; what dead processes have left half done there is put right first.

        Folders that were made for it go again where nothing came to lie in them.

        Raises
        ------
        HandboneError: another process is at work there.
        """
        made = [folder for folder in (self.real, *self.real.parents) if not folder.exists()]
        remedy = "wait for it, or give another folder with --output"
        try:
            with hold(self.beside(".lock"), where=self.path, remedy=remedy):
                self._put_right()
                yield
        except BaseException:
            _remove_empty(made)
            raise
        if not self.real.exists():
            _remove_empty(made)

    def put_right(self) -> None:
        """Put right what dead processes have left half done; nothing happens where nothing is left.

        Raises
        ------
        HandboneError: another process is at work there.
        """
        if self.beside(".lock").exists() or self.beside(_ASIDE).exists() or self._half_done():
            with self.locked():
                pass

    def _put_right(self) -> None:
        aside = self.beside(_ASIDE)
        if aside.exists() and not self.real.exists():
            move(aside, self.real)  # it was about to be replaced
        shutil.rmtree(aside, ignore_errors=True)
        for path in self._half_done():
            shutil.rmtree(path, ignore_errors=True)

    def _half_done(self) -> list[Path]:
        """Folders that `atomic_dir` was filling."""
        first = self.beside("-")
        ours = re.compile(re.escape(first.name) + "[0-9a-f]{12}")
        return [path for path in first.parent.iterdir() if ours.fullmatch(path.name)] if first.parent.is_dir() else []


def _remove_empty(folders: list[Path]) -> None:
    for folder in folders:
        with suppress(OSError):
            folder.rmdir()


@contextmanager
def atomic_dir(path: Path) -> Iterator[Path]:
    """A temporary folder to fill; it takes the place of `path` only when the block succeeds.

    Raises
    ------
    HandboneError: another process is making the same folder.
    """
    place = Place.of(path)
    with place.locked():
        temporary = place.beside(f"-{secrets.token_hex(6)}")
        temporary.mkdir()
        try:
            yield temporary
            put(temporary, place)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)


def put(folder: Path, place: Place) -> None:
    """Let a finished folder take its place, in which nothing of the earlier one stays unless it cannot be renamed."""
    sync_folder(folder)
    if not swap(folder, place):
        for source in files_in(folder):
            move_file(source, place.real / source.relative_to(folder))


def swap(folder: Path, place: Place) -> bool:
    """Rename a folder to its place; gives False where what lies there cannot be renamed, and then stays."""
    if not place.whole:
        return False
    aside = place.beside(_ASIDE)
    try:
        if place.real.exists():
            os.replace(place.real, aside)
        move(folder, place.real)
    except OSError as error:
        if aside.exists():
            os.replace(aside, place.real)
        if error.errno not in _FIXED:
            raise
        return False
    shutil.rmtree(aside, ignore_errors=True)
    return True


def files_in(folder: Path) -> list[Path]:
    """Every file below a folder, sorted; links are files."""
    found = (Path(root) / name for root, _, names in os.walk(folder) for name in names)
    return sorted(found)


def remove_empty_folders(folder: Path) -> None:
    """Remove every folder below a folder that holds no file."""
    for path in sorted((path for path in folder.rglob("*") if path.is_dir()), reverse=True):
        if not any(path.iterdir()):
            path.rmdir()


def move_file(source: Path, target: Path) -> None:
    """Move a file to another folder in place of what has its name, even on another disk; a crash keeps either."""
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        move(source, target)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        with atomic_file(target) as temporary:
            shutil.copyfile(source, temporary)
        source.unlink()
