"""Images by the names that tables give them: with or without folders and extensions, as anyone writes them."""

import unicodedata
from collections import defaultdict
from collections.abc import Callable, Iterable
from pathlib import Path, PurePosixPath
from typing import Generic, TypeVar

from handbone.formats.image_files import stem_of

Named = TypeVar("Named", str, Path)


class ImageNames(Generic[Named]):
    """Images that are found by their path, by the end of it, by base name, or by that without its extension.

    Capitals count where images differ by them; elsewhere, as on Windows, they do not.

    Parameters
    ----------
    images: paths, or names as other tables give them.
    """

    def __init__(self, images: Iterable[Named]):
        self._by_stem: dict[str, list[Named]] = defaultdict(list)
        for image in images:
            self._by_stem[stem_of(_posix(image).name).casefold()].append(image)

    def find(self, name: str) -> Named | None:
        """The image that a name means; None without one, or where it may mean several."""
        for asked in dict.fromkeys((name, name.strip())):
            wanted = _posix(asked)
            alike = self._by_stem.get(stem_of(wanted.name).casefold()) or self._by_stem.get(wanted.name.casefold(), [])
            for fold in (str, str.casefold):
                if (one := _meant(wanted, alike, fold)) is not None:
                    return one
        return None


def _meant(wanted: PurePosixPath, images: list[Named], fold: Callable[[str], str]) -> Named | None:
    """The one of images of the same stem that a name means, if its parts are compared like this."""
    parts = {image: tuple(map(fold, _posix(image).parts)) for image in images}
    asked = tuple(map(fold, wanted.parts))
    found = [image for image in images if fold(stem_of(_posix(image).name)) in (fold(stem_of(wanted.name)), asked[-1])]
    found = [image for image in found if parts[image][-1] == asked[-1]] or found
    # Folders decide between images of one name; where only one has the name, they may be other ones.
    for depth in range(1, len(asked)):
        if len(found) < 2:
            break
        found = [image for image in found if parts[image][-1 - depth : -depth] == (asked[-1 - depth],)]
    if len(found) > 1:
        found = [image for image in found if len(parts[image]) == len(asked)]
    return found[0] if len(found) == 1 else None


def composed(name: str) -> str:
    """A name in which letters and their accents are one: a Mac writes them apart in names of files."""
    return unicodedata.normalize("NFC", name)


def _posix(name: str | Path) -> PurePosixPath:
    return PurePosixPath(composed(str(name).replace("\\", "/")))
