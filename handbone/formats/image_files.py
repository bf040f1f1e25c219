"""Radiographs from files, whatever their format, as grey in [0, 1]."""

from pathlib import Path
from typing import Literal

from handbone.core.radiograph import Radiograph
from handbone.formats import readers

#: Whether a radiograph shows bones dark and is turned round: as its own test says, or as a user knows.
Invert = Literal["auto", "yes", "no"]


def is_image(path: Path) -> bool:
    """Whether a path is a file that a reader knows by its extension or, where it has none of theirs, by its content."""
    return path.is_file() and bool(readers.candidates(path))


def read_image(path: str | Path, *, invert: Invert = "auto") -> Radiograph:
    """Decode a radiograph with the reader that is registered for its kind of file.

    A file that no reader knows is tried by the built-in one, which tells PNG, JPEG and TIFF by their content.

    Parameters
    ----------
    invert: whether the file's values are turned round; "auto": where `is_inverted` says so. What the file itself says
        of its values (a DICOM's photometric interpretation) has been heeded before.

    Raises
    ------
    HandboneError: the file does not exist, is cut, or is no image; names the file. Or two packages can read it.
    """
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
