"""Images by the names that tables give them: with or without folders and extensions, as anyone writes them."""

import unicodedata
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path, PurePosixPath
from typing import Generic, TypeVar

from handbone.formats.image_files import stem_of

Named = TypeVar("Named", str, Path)


class ImageNames(Generic[Named]):
    """Images that are found by their path, by the end of it, by base name, or by that without its extension.

    Parameters
    ----------
    images: paths, or names as other tables give them.
    """

    def __init__(self, images: Iterable[Named]):
        self._by_stem: dict[str, list[Named]] = defaultdict(list)
        for image in images:
            self._by_stem[stem_of(_posix(image).name)].append(image)

    def find(self, name: str) -> Named | None:
        """The image that a name means; None without one, or where it may mean several."""
        wanted = _posix(name)
        found = self._by_stem.get(stem_of(wanted.name)) or self._by_stem.get(wanted.name, [])
        same = [image for image in found if _posix(image).name == wanted.name]
        found = same or found
        # Folders decide between images of one name; where only one has the name, they may be other ones.
        for depth in range(1, len(wanted.parts)):
            if len(found) < 2:
                break
            found = [
                image for image in found if _posix(image).parts[-1 - depth : -depth] == (wanted.parts[-1 - depth],)
            ]
        if len(found) > 1:
            found = [image for image in found if len(_posix(image).parts) == len(wanted.parts)]
        return found[0] if len(found) == 1 else None


def _posix(name: str | Path) -> PurePosixPath:
    # A Mac writes letters and their accents apart in names of files.
    return PurePosixPath(unicodedata.normalize("NFC", str(name).replace("\\", "/")))
