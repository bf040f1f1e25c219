"""Which files of a folder are radiographs: found with all folders below, known by a key, the rest counted by kind."""

import os
import re
from collections import Counter, deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from handbone.core.errors import HandboneError
from handbone.core.escaping import portable
from handbone.core.progress import counted
from handbone.core.written import WRITTEN_FILE, Written
from handbone.formats import other_files
from handbone.formats.file_kinds import Kind
from handbone.formats.image_files import frames_of
from handbone.formats.image_names import ImageNames
from handbone.formats.mask_files import is_mask

_WEB = re.compile("(https?|s3|ftp|gs):/([^/].*)", re.IGNORECASE)
# Files by which the folder of a run is known.
_RUN_FILES = ("recipe.toml", "steps")


@dataclass(frozen=True)
class InputImage:
    """An image file that is input.

    key: its path relative to what was given, with `/`; no two of a search have the same. path: where it is.
    """

    key: str
    path: Path


@dataclass(frozen=True)
class PassedOver:
    """Files of one kind that are no input."""

    kind: Kind
    paths: tuple[Path, ...]

    def __str__(self) -> str:
        count = len(self.paths)
        words = f"{count} {self.kind.one if count == 1 else self.kind.many}"
        if self.kind == other_files.OTHER:
            endings = Counter(path.suffix.lower() or path.name for path in self.paths)
            words += f" ({', '.join(ending for ending, _ in endings.most_common(3))}{', ...' * (len(endings) > 3)})"
        return f"{words}: {self.kind.remedy}" if self.kind.remedy else words

    def to_json(self) -> dict[str, Any]:
        """Kind, count, remedy and a file for example."""
        return {
            "kind": self.kind.many,
            "count": len(self.paths),
            "remedy": self.kind.remedy,
            "example": portable(self.paths[0]),
        }


@dataclass(frozen=True)
class Search:
    """What was found.

    images: sorted by key. passed_over: everything else, by kind.
    """

    images: tuple[InputImage, ...] = ()
    passed_over: tuple[PassedOver, ...] = ()

    def match(self, names: Iterable[str]) -> dict[str, Path]:
        """The file of each name of a table, as `ImageNames` finds it; what looks like a mask only if nothing else."""
        paths = {image.key: image.path for image in self.images}
        masks = [path for each in self.passed_over if each.kind == other_files.MASKS for path in each.paths]
        every = paths | {str(path): path for path in masks}
        known, rest = ImageNames(paths), ImageNames(every)
        found = ((name, known.find(name) or rest.find(name)) for name in names)
        return {name: every[image] for name, image in found if image is not None}


def find_images(given: Iterable[str | Path]) -> Search:
    """The radiographs that are meant by files and folders, which are searched with all folders below.

    In folders, hidden files, handbone's own results, masks, and files that no reader knows are passed over. A file that
    is given itself is taken whatever its extension; whether it is a radiograph shows when it is read. Keys are relative
    to the folder that was given, or to the deepest one that holds everything that was given. A file that holds several
    images is as many: KEY#1, KEY#2 and so on.

    Raises
    ------
    HandboneError: nothing at a path, a result of handbone as a file, or no radiograph at all.
    """
    paths = [Path(os.path.abspath(path)) for path in given]
    walk = _Walk(masks=False)
    found = dict.fromkeys(counted(_files(paths, walk), "Searching for radiographs:"))
    passed_over = walk.passed_over()
    if not found:
        told = f" (ignored: {'; '.join(map(str, passed_over))})" if passed_over else ""
        remedy = "give a folder with PNG, JPEG, TIFF, BMP or WebP files, or install the plugin that reads its files"
        where = paths[0] if len(paths) == 1 else ", ".join(map(str, paths))
        raise HandboneError(f"no radiograph in this folder{told}", where=where, remedy=remedy)
    root = _root(paths)
    images: dict[str, InputImage] = {}
    for path in counted(sorted(found), "Looking into files:"):
        key = portable(path.relative_to(root))
        while key in images:  # bytes that are no UTF-8, written as a file beside is called
            key += "~"
        for image in _frames(path):
            of_frame = key + image.name.removeprefix(path.name)
            images[of_frame] = InputImage(of_frame, image)
    return Search(tuple(images[key] for key in sorted(images)), passed_over)


def _files(paths: Iterable[Path], walk: "_Walk") -> Iterator[Path]:
    for path in paths:
        yield from walk.below(path) if path.is_dir() else [_single(path)]


def _frames(path: Path) -> list[Path]:
    """The images that a file holds; the file itself where its header cannot be read, which reading it will say."""
    try:
        return list(frames_of(path))
    except HandboneError:
        return [path]


def images_under(root: Path, *, copies: bool = False) -> list[Path]:
    """The image files in a folder and the folders below, sorted.

    copies: whether radiographs that handbone copied there, for an annotation tool to open, are among them.
    """
    return sorted(_Walk(copies=copies).below(root))


def _single(path: Path) -> Path:
    if not os.path.lexists(path):
        of_web = _WEB.search(path.as_posix())
        remedy = f"download {of_web[1]}://{of_web[2]} first: only files are read" if of_web else "check the path"
        raise HandboneError("no such file or folder", where=path, remedy=remedy)
    kind = other_files.kind_of(path)
    if kind == other_files.OWN:
        raise HandboneError("this image was drawn by handbone", where=path, remedy="give the original radiograph")
    if kind == other_files.SPECIAL:
        raise HandboneError("this is neither a file nor a folder", where=path, remedy="give a file or a folder")
    return path


def _root(paths: list[Path]) -> Path:
    """The folder that keys are relative to."""
    try:
        common = Path(os.path.commonpath(paths))
    except ValueError:  # two drives of Windows
        return Path()
    return common if common.is_dir() else common.parent


class _Walk:
    """A walk through folders that enters each just once, whatever links there are.

    copies: as `images_under`. masks: whether files that look like masks are images.
    """

    def __init__(self, *, copies: bool = False, masks: bool = True) -> None:
        self._copies, self._masks = copies, masks
        self._left: dict[Kind, list[Path]] = {}
        self._entered: set[tuple[int, int]] = set()
        self._own: set[Path] = set()

    def passed_over(self) -> tuple[PassedOver, ...]:
        return tuple(PassedOver(kind, tuple(sorted(paths))) for kind, paths in self._left.items())

    def below(self, folder: Path) -> Iterator[Path]:
        """The image files in a folder and below, in no order."""
        # Linked folders wait, so that a folder is entered by its own name where it has one here.
        waiting, linked = [folder], deque[Path]()
        while waiting or linked:
            current = waiting.pop() if waiting else linked.popleft()
            for entry in self._entries(current):
                path = Path(entry.path)
                if entry.name == WRITTEN_FILE:
                    self._leave(other_files.OWN, path)
                elif other_files.is_hidden(entry.name):
                    self._leave(other_files.HIDDEN, path)
                elif path.is_dir():
                    (linked if entry.is_symlink() else waiting).append(path)
                elif entry.is_symlink() and not path.exists():
                    self._leave(other_files.BROKEN_LINKS, path)
                elif kind := other_files.OWN if path in self._own else other_files.kind_of(path):
                    self._leave(kind, path)
                elif not self._masks and is_mask(path, folder):
                    self._leave(other_files.MASKS, path)
                else:
                    yield path

    def _entries(self, folder: Path) -> list[os.DirEntry[str]]:
        try:
            status, entries = os.stat(folder), list(os.scandir(folder))
        except OSError:
            self._leave(other_files.CLOSED_FOLDERS, folder)
            return []
        if (status.st_dev, status.st_ino) in self._entered:
            self._leave(other_files.KNOWN_FOLDERS, folder)
            return []
        self._entered.add((status.st_dev, status.st_ino))
        if {entry.name for entry in entries}.issuperset(_RUN_FILES):
            self._leave(other_files.OWN, folder)
            return []
        if not self._copies and (written := Written.read(folder)):
            self._own.update(folder / name for name in written.files)
        return entries

    def _leave(self, kind: Kind, path: Path) -> None:
        self._left.setdefault(kind, []).append(path)
