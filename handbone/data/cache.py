"""Decoded images on disk, so that an epoch does no PNG decoding."""

import hashlib
import os
from pathlib import Path

import numpy as np
import platformdirs

from handbone.core.errors import HandboneError
from handbone.core.files import atomic_file
from handbone.formats import readers
from handbone.formats.image_files import Invert, read_image, split_frame

# Counted up whenever `read_image` gives other values for the same file.
_VERSION = 2


class ImageCache:
    """Memory maps of decoded images, shared by all processes.

    A file's entry is found by its path, size and time of change, so that a changed image is decoded anew. Entries are
    written under a temporary name and renamed: two processes that decode the same image at once do no degradation.

    Parameters
    ----------
    folder: where the maps lie; by default what the variable HANDBONE_CACHE says, else in the user's cache folder. A
        image of 2048 x 2048 takes 4 MB.
    invert: see `read_image`.
    """

    def __init__(self, folder: str | Path | None = None, *, invert: Invert = "auto"):
        self._invert = invert
        folder = folder or os.environ.get("HANDBONE_CACHE")
        self.folder = Path(folder).expanduser() if folder else platformdirs.user_cache_path("handbone") / "images"

    def open(self, path: str | Path) -> np.ndarray:
        """The image (H, W), read-only, as uint8 or uint16 (more than 8 bits) over the type's whole range.

        Bones are bright, as `read_image` gives them. Decodes the image when it isn't cached.

        Raises
        ------
        HandboneError: the image cannot be read.
        """
        entry = self._entry(Path(path))
        try:
            return np.load(entry, mmap_mode="r")
        except FileNotFoundError:
            pass
        except (ValueError, EOFError):
            entry.unlink(missing_ok=True)  # a damaged entry, from a full disk for instance
        radiograph = read_image(path, invert=self._invert)
        kind = np.uint8 if radiograph.bits == 8 else np.uint16
        values = np.rint(radiograph.image * np.iinfo(kind).max).astype(kind)
        with atomic_file(entry) as temporary:
            np.save(temporary, values)
        return np.load(entry, mmap_mode="r")

    def image(self, path: str | Path) -> np.ndarray:
        """The image as float32 (H, W) in [0, 1]."""
        return as_image(self.open(path))

    def _entry(self, path: Path) -> Path:
        file, _ = split_frame(path)
        try:
            stat = file.stat()
        except OSError as error:
            remedy = "check the path and its permissions"
            raise HandboneError(f"cannot be read: {error.strerror}", where=path, remedy=remedy) from None
        key = f"{_VERSION}\n{path.resolve()}\n{stat.st_size}\n{stat.st_mtime_ns}"
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
