"""Radiographs from files, whatever their format, as grey in [0, 1]."""

from pathlib import Path

from handbone.core.radiograph import Radiograph
from handbone.formats import readers


def is_picture(path: Path) -> bool:
    """Whether a path is a file that a reader knows by its extension or, where it has none of theirs, by its content."""
    return path.is_file() and bool(readers.candidates(path))


def read_picture(path: str | Path) -> Radiograph:
    """Decode a radiograph with the reader that is registered for its kind of file.

    A file that no reader knows is tried by the built-in one, which tells PNG, JPEG and TIFF by their content.

    Raises
    ------
    HandboneError: the file does not exist, is cut, or is no picture; names the file. Or two packages can read it.
    """
    return readers.built(readers.provider_of(Path(path)).spec)(Path(path))


def picture_size_hw(path: str | Path) -> tuple[int, int]:
    """Height and width of a picture; of a PNG from its header alone.

    Raises
    ------
    HandboneError: as `read_picture`.
    """
    if readers.is_builtin(readers.provider_of(Path(path))):
        from handbone.formats.raster import raster_size_hw

        return raster_size_hw(Path(path))
    return read_picture(path).size_hw


def stem_of(name: str | Path) -> str:
    """A picture's base name without its extension; the whole of one that ends in none, such as a DICOM's 1.2.840.1."""
    path = Path(name)
    return path.stem if path.suffix.lower() in readers.extensions() else path.name
