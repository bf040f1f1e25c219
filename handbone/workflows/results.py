"""The folder that a command writes its results into: what else lies there stays, and what is there already is said.

Results are made in a work folder on the same disk, and take their place when they are whole. A record of every file
that was written tells them from a user's own files, and from those that a user has changed since.
"""

import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from os.path import lexists
from pathlib import Path

from handbone.core.errors import HandboneError
from handbone.core.files import sweep, sync_folder
from handbone.core.folders import Place, files_in, move_file, swap
from handbone.core.written import WRITTEN_FILE, Written

_SHOWN = 3
_RESUMED, _MADE_ANEW = ".part", ".making"


@dataclass(frozen=True)
class Results:
    """Results of one kind at one place.

    Parameters
    ----------
    place: where they come to lie. what: what they are called, in the plural.
    resumable: whether what an interrupted command has made of them is there again the next time.
    """

    place: Place
    what: str
    resumable: bool = False

    @classmethod
    def at(cls, path: Path, what: str, *, resumable: bool = False) -> "Results":
        """Results at a path.

        Raises
        ------
        HandboneError: there is something else than a folder.
        """
        return cls(Place.of(path), what, resumable)

    @property
    def work(self) -> Path:
        """Where they are made."""
        return self.place.beside(_RESUMED if self.resumable else _MADE_ANEW)

    def put_right(self) -> bool:
        """Finish what a killed process had begun: results that were whole but not all in their place.

        What it left beside them goes, except for results that a resumable command can go on with.

        Returns
        -------
        Whether there were such results.

        Raises
        ------
        HandboneError: another process is at work there.
        """
        self.place.put_right()
        found = False
        for work in map(self.place.beside, (_RESUMED, _MADE_ANEW)):
            files = files_in(work)
            if not work.is_dir() or (work.name.endswith(_RESUMED) and files and work / WRITTEN_FILE not in files):
                continue
            with self.place.locked():
                if new := Written.read(work):
                    self._settle(work, new)
                    found = True
                elif work / WRITTEN_FILE not in files:
                    shutil.rmtree(work, ignore_errors=True)
        return found

    def check(self, *, overwrite: bool, names: Iterable[str] = ()) -> None:
        """Refuse a place where results would take the place of something else.

        Parameters
        ----------
        overwrite: whether earlier results of the same kind may go. names: files that will be written, where known.

        Raises
        ------
        HandboneError: there are other results, results that must not go, or a user's files under these names.
        """
        folder, earlier = self.place.real, Written.read(self.place.real)
        if earlier is not None and earlier.what != self.what:
            what = f"the folder contains {earlier.what}, not {self.what}"
            raise HandboneError(what, where=self.place.path, remedy="choose another folder")
        if earlier is not None and not overwrite:
            remedy = "choose another folder, or replace them with --overwrite"
            raise HandboneError(f"the folder already contains {self.what}", where=self.place.path, remedy=remedy)
        if earlier is not None and (changed := earlier.changed(folder)):
            raise self._not_ours(changed, "changed since handbone wrote")
        self._refuse_taken(names, earlier)

    @contextmanager
    def fill(self, *, overwrite: bool, names: Iterable[str] = ()) -> Iterator[Path]:
        """The work folder, to fill; what it holds takes its place when the block succeeds. Nothing comes of nothing.

        Raises
        ------
        HandboneError: as `check`, whose parameters these are, or another process is at work there.
        """
        with self.place.locked():
            self.check(overwrite=overwrite, names=names)
            shutil.rmtree(self.place.beside(_MADE_ANEW), ignore_errors=True)
            self.work.mkdir(parents=True, exist_ok=True)
            try:
                yield self.work
                # A worker that was killed while it wrote a file could not remove what it had of it.
                for folder, _, _ in os.walk(self.work):
                    sweep(Path(folder))
                if files := files_in(self.work):
                    new = Written.of(self.what, self.work, files)
                    self._refuse_taken(new.files, Written.read(self.place.real))
                    new.write(self.work)
                    sync_folder(self.work)
                    self._settle(self.work, new)
            finally:
                left = files_in(self.work)
                if not left or not (self.resumable or self.work / WRITTEN_FILE in left):
                    shutil.rmtree(self.work, ignore_errors=True)

    def _refuse_taken(self, names: Iterable[str], *known: Written | None) -> None:
        folder, own = self.place.real, [written for written in known if written is not None]

        def is_taken(name: str) -> bool:
            if lexists(folder / name):
                return not any(written.is_own(folder, name) for written in own)
            return any(parent.exists() and not parent.is_dir() for parent in (folder / name).parents)

        if taken := [name for name in sorted(names) if is_taken(name)]:
            raise self._not_ours(taken, "there already, and not as handbone wrote")

    def _not_ours(self, names: list[str], what: str) -> HandboneError:
        shown = ", ".join(names[:_SHOWN]) + (f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else "")
        verb, thing = ("are", "them") if len(names) > 1 else ("is", "it")
        remedy = f"move {thing} elsewhere, or choose another folder"
        return HandboneError(f"{shown} {verb} {what} {thing}", where=self.place.path, remedy=remedy)

    def _settle(self, work: Path, new: Written) -> None:
        """Give whole results their place; may be called again after any interruption."""
        folder, old = self.place.real, Written.read(self.place.real)
        self._refuse_taken(new.files, old, new)
        known = old.files if old else {}
        rest = {path.relative_to(folder).as_posix() for path in files_in(folder)} - {*new.files, WRITTEN_FILE}
        if all(old is not None and old.is_own(folder, name) for name in rest) and swap(work, self.place):
            return
        for name in sorted(new.files):
            if (work / name).exists():
                move_file(work / name, folder / name)
        for name in sorted(known.keys() - new.files.keys()):
            if old and old.is_own(folder, name):
                (folder / name).unlink()
                _remove_empty_parents(folder, name)
        move_file(work / WRITTEN_FILE, folder / WRITTEN_FILE)
        shutil.rmtree(work, ignore_errors=True)


def _remove_empty_parents(folder: Path, name: str) -> None:
    with suppress(OSError):  # the first that is not empty
        for parent in list(Path(name).parents)[:-1]:
            (folder / parent).rmdir()
