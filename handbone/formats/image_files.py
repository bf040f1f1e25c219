"""Radiographs from files, whatever their format, as grey in [0, 1]."""

import re
import warnings
from pathlib import Path
from typing import Literal

from handbone.core.errors import HandboneError
from handbone.core.radiograph import Radiograph
from handbone.formats import readers

#: Whether a radiograph shows bones dark and is turned round: as its own test says, or as a user knows.
Invert = Literal["auto", "yes", "no"]
#: Larger images are refused before they are decoded; a decoded one takes 4 bytes a pixel, several times over.
MAX_PIXELS = 200_000_000


def is_image(path: Path) -> bool:
    """Whether a path is a file that a reader knows by its extension or, where it has none of theirs, by its content."""
    return path.is_file() and bool(readers.candidates(path))


def size_of(path: Path) -> tuple[int, int] | None:
    """Height and width from an image file's header, before anything is decoded; None where it does not tell."""
    if not readers.is_builtin(readers.provider_of(path)):
        return None
    from PIL import Image

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Image.open(path) as image:
                return image.height, image.width
    except Image.DecompressionBombError as error:
        # Its limit is above ours; its sentence begins with the number that it found.
        pixels = re.search(r"\((\d+) pixels\)", str(error))
        return (1, int(pixels[1])) if pixels else None
    except Exception:  # whatever a damaged header leads to: reading says what is wrong with the file
        return None


def check_pixels(path: Path, max_pixels: int) -> None:
    """Refuse an image that is too large for the memory, by its header.

    Raises
    ------
    HandboneError: it has more pixels than that, or two packages can read it.
    """
    size = size_of(path)
    if size is not None and size[0] * size[1] > max_pixels:
        what = f"it has {size[0] * size[1] / 1e6:,.0f} million pixels, and at most {max_pixels / 1e6:,.0f} are read"
        remedy = "if this is a radiograph, allow more with --max-pixels, or scale it down"
        raise HandboneError(what, where=path, remedy=remedy)


def read_image(path: str | Path, *, invert: Invert = "auto", max_pixels: int = MAX_PIXELS) -> Radiograph:
    """Decode a radiograph with the reader that is registered for its kind of file.

    A file that no reader knows is tried by the built-in one, which tells PNG, JPEG and TIFF by their content.

    Parameters
    ----------
    invert: whether the file's values are turned round; "auto": where `is_inverted` says so. What the file itself says
        of its values (a DICOM's photometric interpretation) has been heeded before.
    max_pixels: an image with more, by its header, is not decoded.

    Raises
    ------
    HandboneError: the file is too large, does not exist, is cut, or is no image; names the file. Or two packages can
        read it.
    """
    check_pixels(Path(path), max_pixels)
    image = readers.built(readers.provider_of(Path(path)).spec)(Path(path))
    return image if invert == "auto" else image.as_inverted(invert == "yes")


def image_size_hw(path: str | Path) -> tuple[int, int]:
    """Height and width of an image; of a PNG from its header alone.

    Raises
    ------
    HandboneError: as `read_image`.
    """
    if readers.is_builtin(readers.provider_of(Path(path))):
        from handbone.formats.raster import raster_size_hw

        return raster_size_hw(Path(path))
    return read_image(path).size_hw


def stem_of(name: str | Path) -> str:
    """An image's base name without its extension; the whole of one that ends in none, such as a DICOM's 1.2.840.1."""
    path = Path(name)
    return path.stem if path.suffix.lower() in readers.extensions() else path.name
