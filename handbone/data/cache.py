"""Decoded radiographs on disk, so that an epoch does no PNG decoding."""

import hashlib
import os
from pathlib import Path

import numpy as np

from handbone.core.checked_arrays import is_whole, save_checked
from handbone.core.digests import cache_root, content_digest
from handbone.core.errors import HandboneError
from handbone.core.files import expanded, sweep
from handbone.core.progress import console
from handbone.formats import readers
from handbone.formats.image_files import Invert, read_image, split_frame

# Counted up whenever `read_image` gives other values for the same file.
_VERSION = 3

# Of a grey level of 255: more than float32 rounds, less than one of 65535.
_EXACT = 1e-3


class ImageCache:
    """Memory maps of decoded images, shared by all processes.

    An entry is found by the file's content, see `content_digest`, so that a changed radiograph is decoded anew. It
    carries a checksum, which is compared when a process opens it first: a damaged one is made again. Entries are
    written under a temporary name and renamed: two processes that decode the same radiograph at once do no degradation.

    Parameters
    ----------
    folder: where the maps lie; by default what the variable HANDBONE_CACHE says, else in the user's cache folder. A
        image of 2048 x 2048 takes 4 MB.
    invert: see `read_image`.
    """

    def __init__(self, folder: str | Path | None = None, *, invert: Invert = "auto"):
        self._invert = invert
        folder = folder or os.environ.get("HANDBONE_CACHE")
        self.folder = expanded(folder) if folder else cache_root() / "images"
        self._whole: dict[Path, tuple[int, ...]] = {}

    def open(self, path: str | Path) -> np.ndarray:
        """The image (H, W), read-only, over the whole range of uint8, or of uint16 where 8 bits do not hold it exactly.

        Bones are bright, as `read_image` gives them. Decodes the image when it isn't cached.

        Raises
        ------
        HandboneError: the image cannot be read.
        """
        entry = self._entry(Path(path))
        if not self._is_whole(entry):
            if entry.exists():
                console.print(f"{entry} is damaged: decoding {Path(path).name} again", markup=False, highlight=False)
            radiograph = read_image(path, invert=self._invert)
            save_checked(entry, _as_integers(radiograph.image))
        return np.load(entry, mmap_mode="r")

    def sweep(self) -> None:
        """Remove what processes that were killed have left half written."""
        entries = "[0-9a-f][0-9a-f]"  # of radiographs, and of embeddings in a folder of their own
        for folder in (cache_root(), self.folder, *self.folder.glob(entries), *self.folder.glob(f"*/{entries}")):
            sweep(folder)

    def _is_whole(self, entry: Path) -> bool:
        """Whether an entry is as it was written; one that has not changed since it was looked at is not read again."""
        try:
            stat = entry.stat()
        except OSError:
            return False
        seen = (stat.st_ino, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns)
        if self._whole.get(entry) != seen and is_whole(entry):
            self._whole[entry] = seen
        return self._whole.get(entry) == seen

    def image(self, path: str | Path) -> np.ndarray:
        """The image as float32 (H, W) in [0, 1]."""
        return as_image(self.open(path))

    def _entry(self, path: Path) -> Path:
        file, _ = split_frame(path)
        try:
            digest = content_digest(file)
        except OSError as error:
            remedy = "check the path and its permissions"
            raise HandboneError(f"cannot be read: {error.strerror}", where=path, remedy=remedy) from None
        # Which reader reads a file hangs on its extension too.
        key = f"{_VERSION}\n{digest}\n{path.suffix.lower()}"
        reader = readers.provider_of(file)
        if not readers.is_builtin(reader):
            # Another version may give other values, and so may the built-in reader of later days.
            key += f"\n{reader.package} {reader.version}"
        if self._invert != "auto":
            key += f"\ninvert {self._invert}"
        name = hashlib.sha256(key.encode()).hexdigest()[:32]
        return self.folder / name[:2] / f"{name}.npy"


def as_image(values: np.ndarray) -> np.ndarray:
    """float32 in [0, 1] from uint8 or uint16 of any shape; floating point values stay as they are."""
    if np.issubdtype(values.dtype, np.floating):
        return np.asarray(values, np.float32)
    return np.asarray(values).astype(np.float32) / np.float32(np.iinfo(values.dtype).max)


def _as_integers(image: np.ndarray) -> np.ndarray:
    """An image in [0, 1] as uint8, or as uint16: 8 bits that were scaled to the image's range lie between those."""
    levels = image * np.float32(255)
    whole = np.rint(levels)
    if np.abs(levels - whole).max(initial=0) < _EXACT:
        return whole.astype(np.uint8)
    return np.rint(image * np.float32(65535)).astype(np.uint16)
